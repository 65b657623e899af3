"""Instruments: pure functions of a snapshot, one a file, found by themselves."""

from __future__ import annotations

import importlib
import pkgutil

from bnbook.probes.base import Probe, ProbeError, Snapshot, probe, registry
from bnbook.text import unknown

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["Probe", "ProbeError", "Snapshot", "get", "names", "probe"]


def names() -> list[str]:
    """Names of all probes, in alphabetical order; each is the name of its variable in a record."""
    return sorted(registry)


def get(name: str) -> type[Probe]:
    """The class of the probe called `name`; an unknown name is a `ProbeError`."""
    if name not in registry:
        raise ProbeError(unknown("probe", name, names()))
    return registry[name]
