"""The cloud of two hidden units after some updates, and the way its centre has come."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bnbook.figures.figure import Figure
from bnbook.figures.scatter import scatter
from bnbook.figures.style import Limits

CENTRE = "way of the centre"


def two_units(record: xr.Dataset, step: int = 0, arm: str = "none", seed: int = 0) -> Figure:
    """What two units of the network `arm` are given for the same examples, after `step` updates.

    The line leads from the cloud's centre at the first look to that of this one. The part of the
    plane is that of the whole run and of all arms, so that pictures can be compared.
    """
    every = record.value.sel(seed=seed).transpose("arm", "step", "example", "unit")
    value = every.sel(arm=arm)
    across, up = (str(unit) for unit in every.unit.values)
    return scatter(
        {arm: (value.sel(step=step), np.zeros(value.sizes["example"]))},
        classes=("held-out example",),
        lines={CENTRE: value.sel(step=slice(None, step)).mean("example")},
        kinds={CENTRE: "source"},
        xlabel=across,
        ylabel=up,
        note=f"{arm}, after {step:,} update{'' if step == 1 else 's'}",
        xlim=_limits(every.isel(unit=0).values),
        ylim=_limits(every.isel(unit=1).values),
    )


def _limits(values: np.ndarray) -> Limits:
    """From the least value to the largest, with a margin."""
    low, high = float(values.min()), float(values.max())
    margin = 0.05 * (high - low)
    return low - margin, high + margin
