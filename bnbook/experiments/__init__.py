"""Experiments by name, one question a file, found by themselves."""

from __future__ import annotations

import importlib
import pkgutil
from concurrent.futures import Executor
from typing import Any

import xarray as xr

from bnbook import environment
from bnbook.store import Store
from bnbook.study import (
    SCALES,
    Comparison,
    Experiment,
    ExperimentError,
    Measurement,
    Plan,
    published,
    runner,
)
from bnbook.study.runner import chosen_seeds
from bnbook.text import unknown

__all__ = [
    "SCALES",
    "Comparison",
    "Experiment",
    "ExperimentError",
    "Measurement",
    "Plan",
    "at_hand",
    "chosen_seeds",
    "get",
    "names",
    "run",
    "shown",
]


def names(scale: str | None = None) -> list[str]:
    """Names of all experiments, in alphabetical order; with a scale, of those that have it."""
    every = sorted(m.name.replace("_", "-") for m in pkgutil.iter_modules(__path__))
    return [name for name in every if scale is None or scale in get(name).scales]


def get(name: str) -> Experiment:
    """The experiment called `name`, from the file of that name; unknown is an error."""
    if name not in names():
        raise ExperimentError(unknown("experiment", name, names()))
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    experiment = module.EXPERIMENT
    assert isinstance(experiment, Experiment)
    return experiment


def run(
    name: str,
    scale: str | None = None,
    *,
    seeds: Any = None,
    data: str | None = None,
    device: str = "cpu",
    executor: Executor | None = None,
    progress: bool = True,
    store: Store | None = None,
) -> xr.Dataset:
    """The record of experiment `name`: loaded if it is stored, else trained, measured and stored.

    scale      "smoke", "book", "paper", for some "lab"; None is `$BNBOOK_SCALE`, or "book"
    seeds      how many, or which, instead of those of the scale: see `chosen_seeds`
    data       what takes the place of mnist-5k wherever the experiment uses it, nothing else
               changed: a data set of its shape, such as "fashion-5k"
    device     where networks train; "cuda" runs the groups one after the other
    executor   any `concurrent.futures.Executor`; None is a local process a core, memory allowing
    store      None is `Store.default()`

    Each finished group is stored at once: a run that is interrupted, or whose store is full,
    goes on from there when it is called again; so does one of which a process was killed or that
    ran out of memory, which is a `WorkLost`. The store is tried before anything is computed.
    Where two processes want the same record, such as two pages of the book, one makes it and the
    other says that it waits.
    """
    return runner.run(
        get(name),
        scale,
        seeds=seeds,
        data=data,
        device=device,
        executor=executor,
        progress=progress,
        store=store,
    )


def shown(name: str, scale: str | None = None, data: str | None = None) -> xr.Dataset:
    """The record to show of an experiment: that of `run`, or else one that ships.

    Of smoke and book scale that is always the record of this code, on this data. Larger scales
    take hours: one that was published is shown as it is, and its attribute `outdated` is 1 where
    the code has changed since.
    """
    if (scale or environment.scale()) in ("smoke", "book"):
        return run(name, scale, data=data)
    found = published.shipped(get(name), scale or environment.scale(), data)
    return run(name, scale, data=data) if found is None else found


def at_hand(name: str, scale: str) -> bool:
    """Whether a record of an experiment ships, or is in the default store, whatever made it."""
    folders = environment.published(), Store.default().root
    found = (path for folder in folders for path in folder.glob(f"{name}--{scale}--*.nc"))
    return any("--part--" not in path.name for path in found)
