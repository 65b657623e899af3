"""Claims of the chapter on whether batch normalization helps, and what decides."""

from __future__ import annotations

import math

import xarray as xr

from bnbook.claims import Claim
from bnbook.stats import log_ratio, paired, steps_to

TITLE = "Does it help, and what decides?"
POSITION = 3
TARGET = 0.9  # test accuracy that counts as having learned the digits


def held_out(record: xr.Dataset) -> xr.DataArray:
    """Accuracy (arm, seed, step) on test digits by running statistics, as it would be used."""
    return record.accuracy.sel(split="test", statistics="population", drop=True)


def fewer_steps(record: xr.Dataset) -> xr.DataArray:
    """How many times more steps to the target without BN, as a logarithm."""
    return log_ratio(steps_to(held_out(record), TARGET), "none", "batch")


CLAIMS = (
    Claim(
        id="help-1",
        says="Batch normalization trains faster: a 3 × 100 sigmoid network on MNIST reaches 90 % "
        "in fewer steps.",
        source="notes2015ioffe, replication, ioffe2015batch",
        experiment="internal-shift",
        statistic=fewer_steps,
        unit="log ratio of steps",
        matters=math.log(1.25),
    ),
    Claim(
        id="help-2",
        says="There it also ends more accurate.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="internal-shift",
        statistic=lambda record: paired(held_out(record).isel(step=-1, drop=True), "batch", "none"),
        unit="accuracy",
        matters=0.01,
        note="A replication finds the opposite, 90.7 % with and 94 % without.",
    ),
)
