"""What is read off the records of the chapter on the rate that batch normalization sets."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bnbook.experiments.rotation import RULES, SCALES
from bnbook.factors import name_of
from bnbook.outcomes.arms import having


def pythagoras(record: xr.Dataset, norm: str = "batch") -> xr.DataArray:
    """The largest |excess| over steps and layers of `growing-weights`, by seed."""
    return xr.DataArray(np.abs(having(record.excess, norm=norm)).max(["arm", "step", "layer"]))


def rotation_gap(record: xr.Dataset, where: str) -> xr.DataArray:
    """Log of the settled rotation over the predicted one, (rule, seed)."""
    arms = [name_of({"where": where, "rule": rule}) for rule in RULES]
    return xr.DataArray(np.log(_named(record, arms, "rule", list(RULES))))


def forgotten(record: xr.Dataset) -> xr.DataArray:
    """Log ratio of the settled rotation of networks that started longest and shortest, by seed."""
    arms = [name_of({"where": "network", "rule": "SGD", "scale": each}) for each in SCALES]
    longest, shortest = (
        _named(record, arms, "scale", list(SCALES)).sel(scale=at(SCALES), drop=True)
        for at in (max, min)
    )
    return xr.DataArray(np.log(longest) - np.log(shortest))


def _named(record: xr.Dataset, arms: list[str], dim: str, levels: list[object]) -> xr.DataArray:
    """Rotation of some arms, under the levels of the one factor in which they differ."""
    chosen = record.rotation.sel(arm=arms)
    plain = chosen.drop_vars([n for n, c in chosen.coords.items() if "arm" in c.dims])
    return plain.rename(arm=dim).assign_coords({dim: levels})


def rotations(record: xr.Dataset) -> xr.Dataset:
    """Settled over predicted rotation (arm, seed), as figures of dots take it."""
    found = record[["rotation"]].copy()
    found["rotation"].attrs = {"units": "1", "long_name": "rotation, measured over predicted"}
    return found.assign(diverged_at=xr.full_like(found["rotation"], np.nan))


def lengths(record: xr.Dataset) -> xr.Dataset:
    """Length of the second hidden layer's weights (arm, seed, step) of `growing-weights`."""
    found = record[["length"]].sel(layer=1, drop=True)
    return found.assign(diverged_at=xr.full_like(found["length"].isel(step=0, drop=True), np.nan))
