"""Claims of the chapter on Jacobian isometry and gradient flow."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from bnbook.claims import Claim
from bnbook.stats import log_ratio

TITLE = "Jacobian isometry and gradient flow"
POSITION = 5
QUESTION = "Does BN keep signals and gradients alive through the layers?"
HIDDEN = 1  # the layer from hidden to hidden units; the one before it starts from pixels
WHEN = {"at the start": 0, "after training": -1}
NONLINEAR = ("relu", "sigmoid", "tanh")
DEPTHS = (5, 20)  # layers that a gradient passes on its way down
INITS = {"He": 1.0, "Glorot": math.sqrt(0.5)}  # gains of He's weights


def activations(record: xr.Dataset) -> list[str]:
    """Activations that a record has with and without BN."""
    arms = [str(arm) for arm in record.arm.values]
    return [arm for arm in arms if f"{arm}+batch" in arms]


def stacked(parts: dict[str, xr.DataArray], dim: str) -> xr.DataArray:
    """Parts by name along a new dimension."""
    return xr.concat(list(parts.values()), dim, coords="minimal", compat="override").assign_coords(
        {dim: list(parts)}
    )


def first_gradient(record: xr.Dataset) -> xr.DataArray:
    """log(BN/none) of the first layer's gradient in the sigmoid network, by when one looks.

    Between the first look and the last it is the geometric mean over looks.
    """
    gradient = record.gradient_norm.sel(layer=0, drop=True)
    ratio = log_ratio(gradient, "sigmoid+batch", "sigmoid")
    inner = ratio.isel(step=slice(1, -1)).mean("step")
    start, end = (ratio.isel(step=step, drop=True) for step in (0, -1))
    return stacked({"at the start": start, "between": inner, "after training": end}, "when")


def nearer_to_one(record: xr.Dataset, measure: str = "distance") -> xr.DataArray:
    """log(none/BN) of the distance of a hidden layer's singular values from 1."""
    distance = record.isometry.sel(kind="per-example", layer=HIDDEN, measure=measure, drop=True)
    parts = {
        f"{activation}, {when}": log_ratio(
            distance.isel(step=step, drop=True), activation, f"{activation}+batch"
        )
        for activation in activations(record)
        for when, step in WHEN.items()
    }
    return stacked(parts, "network")


def two_answers(record: xr.Dataset) -> xr.DataArray:
    """BN's effect on the mean singular value by the batch sum, minus that by the Jacobian.

    Both effects are log(BN/none), averaged over the looks.
    """
    mean = record.isometry.sel(layer=HIDDEN, measure="mean", drop=True)
    parts = {}
    for activation in activations(record):
        effect = log_ratio(mean, f"{activation}+batch", activation).mean("step")
        parts[activation] = effect.sel(kind="batch-sum", drop=True) - effect.sel(
            kind="per-example", drop=True
        )
    return stacked(parts, "activation")


def vanished(record: xr.Dataset, depth: int, gain: float) -> xr.DataArray:
    """How much smaller than at the last hidden layer ‖∂L/∂z‖ is `depth` layers below.

    In nats, and 0 where it is not smaller: (arm, seed).
    """
    gradient = record.signal_gradient.sel(gain=gain, method="nearest").drop_vars("gain")
    last = gradient.sizes["layer"] - 1
    top, low = (gradient.isel(layer=k, drop=True) for k in (last, last - depth))
    return xr.DataArray(np.log(top / low).clip(min=0))


def kept_from_vanishing(record: xr.Dataset) -> xr.DataArray:
    """By how many nats less the gradient vanishes with BN, by activation, init and depth."""
    parts = {}
    for activation in NONLINEAR:
        for init, gain in INITS.items():
            for depth in DEPTHS:
                lost = vanished(record, depth, gain)
                gap = lost.sel(arm=activation, drop=True)
                gap = gap - lost.sel(arm=f"{activation}+batch", drop=True)
                parts[f"{activation}, {init}, {depth} layers"] = gap
    return stacked(parts, "network")


def off_the_rate(record: xr.Dataset) -> xr.DataArray:
    """log(measured/predicted) of the growth of gradients per layer, for each plain activation."""
    plain = [arm for arm in record.arm.values if "," not in str(arm)]
    found = record.sel(arm=plain)
    return xr.DataArray(np.log(found.growth / found.predicted)).rename(arm="activation")


def kept_rank(record: xr.Dataset) -> xr.DataArray:
    """log(BN/none) of the effective rank, at layer 10 and at the last, He's weights."""
    rank = record["rank"].sel(gain=1.0, drop=True)
    last = rank.sizes["layer"]
    parts = {
        f"{activation}, layer {depth}": log_ratio(
            rank.isel(layer=depth - 1, drop=True), f"{activation}+batch", activation
        )
        for activation in activations(record)
        for depth in (10, last)
    }
    return stacked(parts, "network")


CLAIMS = (
    Claim(
        id="jac-1",
        says="Batch normalization raises the gradient of the first layer of a sigmoid network.",
        source="chang2017why",
        experiment="jacobian-spectra",
        statistic=first_gradient,
        unit="log ratio of ‖∂L/∂W₁‖",
        matters=math.log(1.1),
        stratified_by="when",
        note="Of the mean loss. The source reports a factor of about 5, of its summed loss.",
    ),
    Claim(
        id="jac-2",
        says="Batch normalization moves the singular values of a layer's Jacobian towards 1.",
        source="chang2017why",
        experiment="jacobian-spectra",
        statistic=nearer_to_one,
        unit="log ratio of √mean (σ − 1)²",
        matters=math.log(1.1),
        stratified_by="network",
        note="Per-example Jacobians of the second hidden layer; a fall of the distance counts as "
        "positive.",
    ),
    Claim(
        id="jac-3",
        says="The Jacobian of sums over the batch tells the same of batch normalization as the "
        "Jacobian of examples.",
        source="chang2017why",
        experiment="jacobian-spectra",
        statistic=two_answers,
        unit="log ratio of mean singular values",
        matters=math.log(1.1),
        stratified_by="activation",
        kind="equivalent",
        note="The difference of two effects of BN on the mean singular value; the source does not "
        "claim this, its code takes it for granted.",
    ),
    Claim(
        id="jac-4",
        says="Batch normalization keeps gradients from vanishing with depth.",
        source="chang2017why, notes2015ioffe",
        experiment="deep-gradients",
        statistic=kept_from_vanishing,
        unit="log ratio of ‖∂L/∂z‖",
        matters=math.log(2),
        stratified_by="network",
        note="At initialisation. What a gradient loses on its way down through so many layers, "
        "without BN minus with it; a gradient that grows has lost nothing.",
    ),
    Claim(
        id="jac-5",
        says="Without skip connections, gradients in networks with batch normalization explode at "
        "initialisation, by E[φ′²]/Var φ per layer.",
        source="yang2019mean",
        experiment="gradient-explosion",
        statistic=off_the_rate,
        unit="log ratio of measured to predicted growth",
        matters=0.02,
        stratified_by="activation",
        kind="equivalent",
        note="The prediction is multiplied by (m − 2)/(m − 3), which is exact for linear layers: "
        "our batches are finite.",
    ),
    Claim(
        id="jac-6",
        says="Batch normalization prevents the rank of the representation from collapsing with "
        "depth.",
        source="daneshmand2020batch",
        experiment="deep-gradients",
        statistic=kept_rank,
        unit="log ratio of effective rank",
        matters=math.log(2),
        stratified_by="network",
        note="At initialisation, at the input of the nonlinearity.",
    ),
)
