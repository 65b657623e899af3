"""Made-up records and claims, whose verdicts are known beforehand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import xarray as xr

from bnbook.claims import Claim
from bnbook.stats import paired

SEEDS = 8
ARMS = ("none", "batch")


def record(gain: float = 0.2, **attrs: str) -> xr.Dataset:
    """Two arms whose accuracies differ by `gain`, give or take 0.002 a seed."""
    rng = np.random.default_rng(0)
    none = rng.uniform(0.5, 0.7, SEEDS)
    batch = none + gain + np.linspace(-0.002, 0.002, SEEDS)
    coords = {"arm": list(ARMS), "seed": range(SEEDS)}
    accuracy = xr.DataArray(np.stack([none, batch]), coords, ("arm", "seed"))
    return xr.Dataset({"accuracy": accuracy}, attrs={"experiment": "made-up", **attrs})


def by_activation(**gains: float) -> xr.Dataset:
    """A record of several activations, each with its own gain."""
    parts = [record(gain) for gain in gains.values()]
    return xr.concat(parts, xr.Variable("activation", list(gains)), combine_attrs="override")


def gain_of_bn(made: xr.Dataset) -> xr.DataArray:
    return paired(made.accuracy, "batch", "none")


CLAIM = Claim(
    id="made-1",
    says="BN is more accurate.",
    source="ioffe2015batch",
    experiment="made-up",
    statistic=gain_of_bn,
    unit="accuracy",
    matters=0.02,
)
STRATIFIED = replace(CLAIM, id="made-2", stratified_by="activation", quantifier="all")
IDENTITY = replace(CLAIM, id="made-3", matters=None, tolerance=1e-9)
