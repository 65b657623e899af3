"""Claims of the chapter on the mathematics of batch normalization."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pandas as pd
import xarray as xr

from bnbook.claims import Claim
from bnbook.stats import log_ratio, paired

TITLE = "The mathematics of batch normalization"
POSITION = 2
QUESTION = "What follows from the formula alone, and what does not?"
EXACT = 1e-12  # float64 rounding of a few hundred operations, with room to spare
WHITENINGS = {"whitening-zca": "by eigenvalues", "whitening-iterative": "by Newton's iteration"}


def off_the_line(record: xr.Dataset) -> xr.DataArray:
    """Change of the loss or distance of the bias from k·η·t̄, whichever is larger, relative."""
    outside = record.sel(arm="outside the gradient", drop=True)
    return xr.DataArray(np.maximum(outside.loss_change, outside.line_gap))


def scaling_residual(record: xr.Dataset) -> xr.DataArray:
    """Largest relative difference of a·∇L(aw) and ∇L(w) over the factors, at the smallest ε."""
    return record.scaling.sel(arm="batch", drop=True).isel(eps=0, drop=True).max("factor")


def closer_to_gaussian(record: xr.Dataset) -> xr.DataArray:
    """log(none/batch) of the distance from a Gaussian at the nonlinearity's input.

    The distance is averaged over layers; one value for each activation, at initialisation and
    after training.
    """
    distance = record.non_gaussianity.sel(site="input", drop=True).mean("layer")
    activations = [str(arm) for arm in record.arm.values if "+" not in str(arm)]
    parts = {
        f"{activation}, {when}": log_ratio(
            distance.isel(step=step, drop=True), activation, f"{activation}+batch"
        )
        for activation in activations
        for when, step in (("at the start", 0), ("after training", -1))
    }
    return xr.concat(list(parts.values()), "network").assign_coords(network=list(parts))


def by_order(record: xr.Dataset) -> xr.Dataset:
    """The accuracies of `norm-order` by activation, order and learning rate instead of by arm.

    `training` is on training digits by batch statistics, averaged over the looks after the first,
    which are evenly spaced in the logarithm of the step and so reward speed; `test` is at the
    end, by population statistics.
    """
    labels = [tuple(str(arm).split(", ")) for arm in record.arm.values]
    index = pd.MultiIndex.from_tuples(
        [(activation, order, float(rate)) for activation, order, rate in labels],
        names=["activation", "order", "learning_rate"],
    )
    seen = record.accuracy.sel(split="train", statistics="batch", drop=True)
    test = record.accuracy.sel(split="test", statistics="population", drop=True)
    found = xr.Dataset(
        {
            "training": seen.isel(step=slice(1, None)).mean("step").fillna(0.1),
            "test": test.isel(step=-1, drop=True).fillna(0.1),
        }
    )
    coords = xr.Coordinates.from_pandas_multiindex(index, "arm")
    unfolded = found.drop_vars("arm").assign_coords(coords).unstack("arm")
    for name in unfolded.data_vars:
        unfolded[name].attrs = {"units": "1", "long_name": f"{name} accuracy"}
    unfolded["learning_rate"].attrs["long_name"] = "learning rate"
    return unfolded


def at_rate_of_others(values: xr.DataArray, best: Literal["highest", "lowest"]) -> xr.DataArray:
    """`values` of each seed at the learning rate that is best, on average, for all other seeds.

    No seed has a say in the rate at which it is judged, so none is judged at a rate that happened
    to suit it. Of equal rates the smallest.
    """
    others = (values.sum("seed") - values) / (values.sizes["seed"] - 1)
    chosen = others.argmax if best == "highest" else others.argmin
    return values.isel(learning_rate=chosen("learning_rate")).drop_vars("learning_rate")


def before_over_after(record: xr.Dataset) -> xr.DataArray:
    """Accuracy with BN before minus with BN after, each order at a rate chosen on other seeds.

    The rate is chosen for each activation and each way of looking.
    """
    unfolded = by_order(record)
    parts = {}
    for seen, words in (("training", "while training"), ("test", "at the end")):
        for activation in unfolded.activation.values:
            accuracy = unfolded[seen].sel(activation=activation, drop=True)
            both = at_rate_of_others(accuracy, "highest").rename(order="arm")
            parts[f"{activation}, {words}"] = paired(both, "before", "after")
    return xr.concat(list(parts.values()), "network").assign_coords(network=list(parts))


def bargain(record: xr.Dataset) -> xr.DataArray:
    """What whitening saves in steps and costs in time of a step, both as log ratios to BN."""
    steps = at_rate_of_others(record.steps_to_target, "lowest")
    seconds = record.step_time.sel(summary="minimum", drop=True)
    parts = {}
    for arm, how in WHITENINGS.items():
        parts[f"fewer steps, {how}"] = log_ratio(steps, "batch", arm)
        parts[f"time per step, {how}"] = log_ratio(seconds, arm, "batch")
    return xr.concat(list(parts.values()), "what").assign_coords(what=list(parts))


CLAIMS = (
    Claim(
        id="math-1",
        says="With γ and β, batch normalization can represent the identity.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="exact-identities",
        statistic=lambda record: record.identity.sel(arm="batch", drop=True),
        unit="σ",
        matters=None,
        tolerance=EXACT,
        stratified_by="where",
        note="Root mean square of BN(z) − z. γ and β are set to undo one batch; a fresh batch "
        "of the same size has other statistics.",
    ),
    Claim(
        id="math-2",
        says="At inference batch normalization is one affine map, which vanishes into the layer "
        "before it.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="exact-identities",
        statistic=lambda record: record.folding.sel(arm="batch", drop=True),
        unit="largest difference of a logit",
        matters=None,
        tolerance=EXACT,
    ),
    Claim(
        id="math-3",
        says="Normalizing outside the gradient step makes the bias diverge at constant loss.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="naive-normalization",
        statistic=off_the_line,
        unit="relative residual",
        matters=None,
        tolerance=EXACT,
        note="The larger of two residuals: of the loss from its first value, and of the bias from "
        "the straight line b = kη·mean(t).",
    ),
    Claim(
        id="math-4",
        says="A bias before batch normalization is redundant: its gradient is zero.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="exact-identities",
        statistic=lambda record: record.bias_gradient.sel(arm="batch", drop=True),
        unit="‖∂L/∂b‖/‖∂L/∂W‖",
        matters=None,
        tolerance=EXACT,
    ),
    Claim(
        id="math-5",
        says="With batch normalization larger weights get smaller gradients, ∇L(aw) = ∇L(w)/a.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="exact-identities",
        statistic=scaling_residual,
        unit="relative residual",
        matters=None,
        tolerance=EXACT,
        note="For a = 0.1, 0.5, 2 and 10, with ε = 1e-20. The usual ε = 1e-5 leaves a residual, "
        "which the chapter measures.",
    ),
    Claim(
        id="math-6",
        says="Batch normalization makes the activations of a network more nearly Gaussian.",
        source="notes2015ioffe",
        experiment="gaussian-units",
        statistic=closer_to_gaussian,
        unit="log ratio of distance from a Gaussian",
        matters=math.log(1.1),
        stratified_by="network",
        note="1-Wasserstein distance of a unit's standardised values from N(0, 1), at the input of "
        "the nonlinearity, averaged over three hidden layers.",
    ),
    Claim(
        id="math-7",
        says="Batch normalization before the nonlinearity is better than after it.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="norm-order",
        statistic=before_over_after,
        unit="accuracy",
        matters=0.01,
        stratified_by="network",
        note="Each order at the best of three learning rates, chosen on the other seeds.",
    ),
    Claim(
        id="math-8",
        says="Full whitening trains in fewer steps than batch normalization of each feature, at a "
        "higher cost per step.",
        source="chang2017why, notes2015ioffe",
        experiment="whitening",
        statistic=bargain,
        unit="log ratio",
        matters=math.log(1.1),
        stratified_by="what",
        note="Steps to a training loss of 0.2, each arm at the best of four learning rates, chosen "
        "on the other seeds; time of a step on this machine, the minimum over interleaved rounds.",
    ),
)
