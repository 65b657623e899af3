"""What is read off the records of the chapter on Jacobian isometry and gradient flow."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from bnbook.outcomes.arms import by_norm, stacked, unfold
from bnbook.stats import log_ratio, paired

HIDDEN = 1  # the layer from hidden to hidden units; the one before it starts from pixels
WHEN = {"at the start": 0, "after training": -1}
NONLINEAR = ("relu", "sigmoid", "tanh")
DEPTHS = (5, 20)  # layers that a gradient passes on its way down
INITS = {"He": 1.0, "Glorot": math.sqrt(0.5)}  # gains of He's weights


def first_gradient(record: xr.Dataset) -> xr.DataArray:
    """log(BN/none) of the first layer's gradient in the sigmoid network, by when one looks.

    Between the first look and the last it is the geometric mean over looks.
    """
    gradient = record.gradient_norm.sel(layer=0, drop=True)
    ratio = log_ratio(by_norm(gradient, activation="sigmoid"), "batch", "none")
    inner = ratio.isel(step=slice(1, -1)).mean("step")
    start, end = (ratio.isel(step=step, drop=True) for step in (0, -1))
    return stacked({"at the start": start, "between": inner, "after training": end}, "when")


def nearer_to_one(record: xr.Dataset, measure: str = "distance") -> xr.DataArray:
    """log(none/BN) of the distance of a hidden layer's singular values from 1."""
    isometry = unfold(record[["isometry"]], "activation", "norm").isometry.rename(norm="arm")
    distance = isometry.sel(kind="per-example", layer=HIDDEN, measure=measure, drop=True)
    nearer = log_ratio(distance, "none", "batch")
    parts = {
        f"{activation}, {when}": nearer.sel(activation=activation).isel(step=step)
        for activation in nearer.activation.values
        for when, step in WHEN.items()
    }
    return stacked(parts, "network")


def nearer_after_training(record: xr.Dataset) -> xr.DataArray:
    """`nearer_to_one` at the last look alone: at the start no optimizer has done anything yet."""
    found = nearer_to_one(record)
    trained = [name for name in found.network.values if name.endswith("after training")]
    return found.sel(network=trained)


def two_answers(record: xr.Dataset) -> xr.DataArray:
    """BN's effect on the mean singular value by the batch sum, minus that by the Jacobian.

    Both effects are log(BN/none), averaged over the looks.
    """
    isometry = unfold(record[["isometry"]], "activation", "norm").isometry.rename(norm="arm")
    mean = isometry.sel(layer=HIDDEN, measure="mean", drop=True)
    effect = log_ratio(mean, "batch", "none").mean("step")
    return effect.sel(kind="batch-sum", drop=True) - effect.sel(kind="per-example", drop=True)


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
                lost = by_norm(vanished(record, depth, gain), activation=activation)
                parts[f"{activation}, {init}, {depth} layers"] = paired(lost, "none", "batch")
    return stacked(parts, "network")


def unchanged(record: xr.Dataset) -> xr.Dataset:
    """The networks of `gradient-explosion` that are as usual but for the activation, their name."""
    usual = record["γ"].isnull() & (record.init == "") & (record.skips == "")
    found = record.isel(arm=np.flatnonzero(usual)).drop_vars(["γ", "init", "skips"])
    return found.assign_coords(arm=found.activation.values).drop_vars("activation")


def off_the_rate(record: xr.Dataset) -> xr.DataArray:
    """log(measured/predicted) of the growth of gradients per layer, for each plain activation."""
    found = unchanged(record)
    return xr.DataArray(np.log(found.growth / found.predicted)).rename(arm="activation")


def kept_rank(record: xr.Dataset) -> xr.DataArray:
    """log(BN/none) of the effective rank, at layer 10 and at the last, He's weights."""
    rank = unfold(record[["rank"]], "activation", "norm")["rank"].rename(norm="arm")
    kept = log_ratio(rank.sel(gain=1.0, drop=True), "batch", "none")
    parts = {
        f"{activation}, layer {depth}": kept.sel(activation=activation).isel(layer=depth - 1)
        for activation in kept.activation.values
        for depth in (10, kept.sizes["layer"])
    }
    return stacked(parts, "network")


def by_activation(record: xr.Dataset) -> xr.Dataset:
    """A record with dimensions activation and, as "arm", norm."""
    return unfold(record, "activation", "norm").rename(norm="arm")


def shrunk(record: xr.Dataset) -> xr.DataArray:
    """log(first layer/last layer) of the spread of activations without BN, by activation."""
    spread = by_activation(record[["spread"]]).spread.sel(arm="none", drop=True)
    return xr.DataArray(np.log(_first(spread) / _last(spread)))


def amplified(record: xr.Dataset) -> xr.DataArray:
    """log(last layer/first layer) of a change against its spread without BN, and by how much more
    that is than with BN."""
    change = by_activation(record[["change"]]).change
    grown = xr.DataArray(np.log(_last(change) / _first(change)))
    parts = {}
    for activation in grown.activation.values:
        of_one = grown.sel(activation=activation, drop=True)
        none, batch = (of_one.sel(arm=arm, drop=True) for arm in ("none", "batch"))
        parts[f"{activation}, without BN"] = none
        parts[f"{activation}, less with BN"] = none - batch
    return stacked(parts, "change")


def _first(values: xr.DataArray) -> xr.DataArray:
    return values.isel(layer=0, drop=True)


def _last(values: xr.DataArray) -> xr.DataArray:
    return values.isel(layer=-1, drop=True)
