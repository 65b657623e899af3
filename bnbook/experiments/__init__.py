"""Experiments by name, one question a file, found by themselves."""

from __future__ import annotations

import importlib
import pkgutil

from bnbook.experiments.base import (
    SCALES,
    Comparison,
    Experiment,
    ExperimentError,
    Measurement,
    Plan,
)
from bnbook.text import unknown

_INTERNAL = {"base", "machine", "runner"}

__all__ = [
    "SCALES",
    "Comparison",
    "Experiment",
    "ExperimentError",
    "Measurement",
    "Plan",
    "get",
    "names",
    "run",
]


def names() -> list[str]:
    """Names of all experiments, in alphabetical order."""
    found = [m.name for m in pkgutil.iter_modules(__path__)]
    return sorted(name.replace("_", "-") for name in found if name not in _INTERNAL)


def get(name: str) -> Experiment:
    """The experiment called `name`, from the file of that name; unknown is an error."""
    if name not in names():
        raise ExperimentError(unknown("experiment", name, names()))
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    experiment = module.EXPERIMENT
    assert isinstance(experiment, Experiment)
    return experiment


from bnbook.experiments.runner import run  # noqa: E402  (needs get and names)
