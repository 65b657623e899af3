"""Normalisers by name.

One normaliser a file. A file that defines a class decorated with `register` is found by itself,
can be used by name in every network, and is covered by the registry-wide tests.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from bnbook.norms.base import Mode, Moded, Norm, NormError, register, registry, using
from bnbook.norms.statistics import adapt_statistics, precise_statistics
from bnbook.text import unknown

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = [
    "Mode",
    "Moded",
    "Norm",
    "NormError",
    "adapt_statistics",
    "get",
    "make",
    "names",
    "precise_statistics",
    "register",
    "using",
]


def names() -> list[str]:
    """Names of all normalisers, in alphabetical order."""
    return sorted(registry)


def get(name: str) -> type[Norm]:
    """The class of the normaliser called `name`; an unknown name is a `NormError`."""
    if name not in registry:
        raise NormError(unknown("normaliser", name, names()))
    return registry[name]


def make(name: str, num_features: int, **options: Any) -> Norm:
    """A fresh normaliser for `num_features` channels: `make("batch", 100, momentum=0.01)`.

    >>> import torch
    >>> make("batch", 1, eps=1e-12)(torch.tensor([[3.0], [7.0]])).flatten().tolist()
    [-1.0, 1.0]
    >>> make("layer", 2, eps=1e-12)(torch.tensor([[3.0, 7.0]])).flatten().tolist()
    [-1.0, 1.0]
    """
    kind = get(name)
    try:
        return kind(num_features, **options)
    except TypeError as error:
        raise NormError(f"normaliser {name!r}: {error}") from error
