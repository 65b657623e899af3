"""Where the answer ends: the speed of every part at every border, and the share kept there."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bnbook.outcomes.arms import unfold
from bnbook.outcomes.the_answer import (
    CEILING,
    FLOOR,
    INTERVAL,
    SAID,
    Statistic,
    above_middle,
    share_of,
)

BASE, ADAM, RESIDUAL = "base", "Adam", "residual"


def speeds(record: xr.Dataset) -> xr.DataArray:
    """Speed (border, part, seed): test accuracy averaged over the looks; NaN for no arm."""
    return unfold(record, "border", "part")["accuracy"].mean("look", skipna=False)


def ahead(part: str, other: str) -> Statistic:
    """How much faster one part is than another, (border, seed)."""

    def statistic(record: xr.Dataset) -> xr.DataArray:
        speed = speeds(record)
        return speed.sel(part=part, drop=True) - speed.sel(part=other, drop=True)

    return statistic


def beyond_half(part: str) -> Statistic:
    """Speed of a part above the middle between none and batch, (border, seed)."""

    def statistic(record: xr.Dataset) -> xr.DataArray:
        return above_middle(speeds(record), part)

    return statistic


def start_beside_skips(record: xr.Dataset) -> xr.DataArray:
    """How much faster than batch normalization a good start is with skip connections, (seed,)."""
    return ahead("good start", CEILING)(record).sel(border=RESIDUAL, drop=True)


def gain_lost_to_adam(record: xr.Dataset) -> xr.DataArray:
    """Gain in speed of batch under plain gradient descent minus that under Adam, (seed,)."""
    gain = ahead(CEILING, FLOOR)(record)
    return gain.sel(border=BASE, drop=True) - gain.sel(border=ADAM, drop=True)


def kept_at(record: xr.Dataset) -> xr.Dataset:
    """Share of BN's gain in speed that each part keeps, (border, part): estimate, low, high, n.

    As `bnbook.outcomes.the_answer.kept`, at every border.
    """
    speed = speeds(record)
    parts = [part for part in speed["part"].values.tolist() if part not in (FLOOR, CEILING)]
    borders = speed["border"].values.tolist()
    table = [[share_of(speed.sel(border=b), part) for part in parts] for b in borders]
    values = np.array(table, dtype=float)
    return xr.Dataset(
        {
            name: (("border", "part"), values[..., i], {"units": "1"})
            for i, name in enumerate(INTERVAL)
        },
        {"border": borders, "part": parts},
    )


def told(record: xr.Dataset) -> str:
    """At which borders each part keeps most of BN's gain in speed, and at which less than half.

    Most: the interval of the share lies above one half; less: below it.
    """
    table = kept_at(record)
    said = []
    for part in table["part"].values.tolist():
        here = table.sel(part=part)
        most = _where(here["low"] > 0.5) or "none of them"
        less = _where(here["high"] < 0.5) or "none of them"
        said.append(
            f"More than half of the gain in speed is kept by {SAID[part]}, at {most}; less than "
            f"half, at {less}."
        )
    nothing = _where(table["estimate"].isnull().all("part"))
    if nothing:
        said.append(f"At {nothing} batch normalization's own gain cannot be told from nothing.")
    return " ".join(said)


def _where(true: xr.DataArray) -> str:
    """The borders at which something is so, in a row."""
    return ", ".join(true["border"].values[true.values].tolist())
