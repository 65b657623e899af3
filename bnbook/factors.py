"""What an arm is: a level of each factor that it sets, and the one name that follows from them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import xarray as xr

Level = str | int | float
Factors = Mapping[str, Any]
"""The `Level` of each factor by its name, such as {"norm": "batch", "m": 4}."""


class FactorError(ValueError):
    """Arms are described in a way that cannot be told apart or recorded; the message says how."""


def name_of(arm: Factors) -> str:
    """The arm in words: a word stands alone, a number after its factor.

    >>> name_of({"norm": "batch", "m": 4}), name_of({"activation": "relu", "norm": "none"})
    ('batch, m = 4', 'relu, none')
    """
    return ", ".join(
        level if isinstance(level, str) else f"{factor.replace('_', ' ')} = {level:g}"
        for factor, level in arm.items()
    )


def names_of(arms: Sequence[Factors]) -> tuple[str, ...]:
    """The names of arms, in order; arms that share one are a `FactorError`.

    >>> names_of(crossed(norm=("none", "batch"), m=(2, 4)))
    ('none, m = 2', 'none, m = 4', 'batch, m = 2', 'batch, m = 4')
    """
    names = tuple(map(name_of, arms))
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice or "" in names:
        raise FactorError(
            "arms must differ in the factors that they set: "
            + (", ".join(map(repr, twice)) or "one sets none")
        )
    return names


def crossed(**levels: Sequence[Level]) -> tuple[Factors, ...]:
    """All combinations of the levels of some factors, the last one changing fastest."""
    return tuple(dict(zip(levels, each, strict=True)) for each in product(*levels.values()))


def labelled(record: xr.Dataset, arms: Sequence[Factors]) -> xr.Dataset:
    """The record with a coordinate of dimension "arm" for each factor that any of the arms sets.

    An arm that does not set a factor has "" there, or NaN where the others have numbers. A factor
    whose name the record uses for something else, or with both words and numbers for levels, is a
    `FactorError`.
    """
    coordinates = {}
    for factor in dict.fromkeys(factor for arm in arms for factor in arm):
        levels = [arm[factor] for arm in arms if factor in arm]
        words = {isinstance(level, str) for level in levels}
        if len(words) > 1:
            raise FactorError(f"factor {factor!r} has words and numbers for levels: {levels}")
        if factor in record.variables or factor in record.dims:
            raise FactorError(
                f"a factor cannot be called {factor!r}: the record has something else of that "
                'name. A learning rate that arms differ in is a "rate"'
            )
        absent: Level = "" if words == {True} else math.nan
        coordinates[factor] = ("arm", [arm.get(factor, absent) for arm in arms])
    return record.assign_coords(coordinates)
