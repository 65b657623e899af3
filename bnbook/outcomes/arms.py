"""Arms by their factors, final accuracies, chance, and the choice of a setting by other seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import pandas as pd
import xarray as xr

from bnbook.stats import StatsError
from bnbook.text import unknown

Labelled = TypeVar("Labelled", xr.Dataset, xr.DataArray)


def unfold(record: Labelled, *factors: str) -> Labelled:
    """A record with a dimension for each of `factors` in place of its arms.

    Levels stand in the order of the arms; a combination that is no arm is NaN. A factor that the
    record does not have, or factors that do not tell its arms apart, are a `StatsError`.
    """
    index = pd.MultiIndex.from_arrays(
        [_levels(record, factor).values for factor in factors], names=list(factors)
    )
    if index.has_duplicates:
        shared = index[index.duplicated()][0]
        raise StatsError(
            f"{', '.join(factors)} do not tell the arms apart: several are {shared}; name one more "
            "factor, or choose some of the arms with `having`"
        )
    coords = xr.Coordinates.from_pandas_multiindex(index, "combination")
    named = [name for name, c in record.coords.items() if c.dims == ("arm",)]
    whole = record.drop_vars(named).rename(arm="combination").assign_coords(coords)
    order = {name: list(dict.fromkeys(index.get_level_values(name))) for name in factors}
    return whole.unstack("combination").reindex(order)


def having(record: Labelled, **levels: object) -> Labelled:
    """The arms with these levels of their factors; a list stands for any of its levels.

    A level that no arm has is a `StatsError` that names those that there are.
    """
    for factor, wanted in levels.items():
        found = _levels(record, factor)
        chosen = found.isin(wanted if isinstance(wanted, list | tuple) else [wanted])
        if not chosen.any():
            known = dict.fromkeys(map(str, found.values))
            raise StatsError(unknown(f"level of {factor}", str(wanted), known))
        record = record.isel(arm=np.flatnonzero(chosen))
    return record


def only(record: Labelled, **levels: object) -> Labelled:
    """The one arm with exactly these factors and no others, without its dimension."""
    found = having(record, **levels) if levels else record
    factors = [str(n) for n, c in found.coords.items() if c.dims == ("arm",) and n != "arm"]
    for factor in set(factors) - set(levels):
        values = found[factor]
        found = found.isel(arm=np.flatnonzero(values.isnull() | (values == "")))
    if found.sizes["arm"] != 1:
        raise StatsError(
            f"{found.sizes['arm']} arms have {dict(levels)} and set nothing else; the arms are "
            + "; ".join(map(str, record["arm"].values))
        )
    return found.isel(arm=0, drop=True)


def by_norm(record: Labelled, **levels: object) -> Labelled:
    """The arms with these levels, under the names of their normalisers, and no other factors."""
    found = having(record, **levels)
    return bare(found.assign_coords(arm=found["norm"].values))


def bare(record: Labelled) -> Labelled:
    """A record whose arms have names alone, so that it can be put beside one with other factors."""
    return record.drop_vars(
        [name for name, c in record.coords.items() if c.dims == ("arm",) and name != "arm"]
    )


def _levels(record: xr.Dataset | xr.DataArray, factor: str) -> xr.DataArray:
    """The level of each arm."""
    if factor not in record.coords or record[factor].dims != ("arm",):
        known = [str(n) for n, c in record.coords.items() if c.dims == ("arm",) and n != "arm"]
        raise StatsError(unknown("factor", factor, known))
    return record[factor]


def stacked(parts: Mapping[str, xr.DataArray], dim: str) -> xr.DataArray:
    """One array along a new dimension, labelled by the names of its parts."""
    alone = [each.reset_coords(drop=True) for each in parts.values()]
    whole = xr.concat(alone, dim, coords="minimal", compat="override")
    return whole.assign_coords({dim: list(parts)})


def never_diverged(values: xr.DataArray, name: str, over: str) -> xr.Dataset:
    """`values` as a figure of curves over a dimension takes them: under a name, nobody lost.

    Who diverged is in them already, as chance or as NaN, or does not come into it.
    """
    first = values.isel({over: 0}, drop=True).reset_coords(drop=True)
    return xr.Dataset({name: values, "diverged_at": xr.full_like(first, np.nan, dtype=float)})


def joined(effect: xr.DataArray, into: str, *dims: str, between: str = ", ") -> xr.DataArray:
    """One dimension in place of several, labelled by the labels of all."""
    whole = effect.stack({into: dims})
    labels = [between.join(map(str, each)) for each in whole[into].values]
    return whole.drop_vars([into, *dims]).assign_coords({into: labels})


def at_choice_of_others(values: Labelled, scores: xr.DataArray, dim: str) -> Labelled:
    """`values` of each seed where, along `dim`, the scores of all *other* seeds are highest.

    No seed has a say in the choice at which it is judged, so none is judged at one that happened
    to suit it. Of equal ones the first; one that a seed has no score for is not chosen for it.
    """
    others = (scores.sum("seed") - scores).where(scores.notnull(), -np.inf)
    return values.isel({dim: others.argmax(dim)}).drop_vars(dim)


def class_names(record: xr.Dataset) -> tuple[str, ...]:
    """The names of the classes of a record's data set."""
    return tuple(json.loads(record.attrs["classes"]))


def chance(record: xr.Dataset) -> float:
    """The accuracy of guessing, one in so many classes: what a network counts for that diverged."""
    return 1 / len(class_names(record))


def held_out(record: xr.Dataset) -> xr.DataArray:
    """Accuracy (arm, seed, step) on test examples by running statistics, as it would be used."""
    return record.accuracy.sel(split="test", statistics="population", drop=True)


def in_training(record: xr.Dataset) -> xr.DataArray:
    """Accuracy (arm, seed, step) on training examples by batch statistics, noise included."""
    return record.accuracy.sel(split="train", statistics="batch", drop=True)


def at_the_end(record: xr.Dataset) -> xr.DataArray:
    """`held_out` at the last look; that of guessing for a network that diverged."""
    return held_out(record).isel(step=-1, drop=True).fillna(chance(record))


def on_the_way(record: xr.Dataset) -> xr.DataArray:
    """`in_training`, averaged over the looks after the first; that of guessing where it diverged.

    The looks are evenly spaced in the logarithm of the step, so the average rewards speed.
    """
    return in_training(record).isel(step=slice(1, None)).mean("step").fillna(chance(record))


def at_an_end(record: xr.Dataset) -> str:
    """The arms whose own rate is the lowest or the highest of its grid, in a row, or "none"."""
    found = record["at_an_end"].max("seed") > 0
    return "; ".join(record["arm"].values[found.values].tolist()) or "none"
