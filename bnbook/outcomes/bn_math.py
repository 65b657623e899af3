"""What is read off the records of the chapter on the mathematics of batch normalization."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bnbook.outcomes.arms import at_choice_of_others, at_the_end, on_the_way, stacked, unfold
from bnbook.stats import log_ratio, paired

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
    unfolded = unfold(record[["non_gaussianity"]], "activation", "norm").rename(norm="arm")
    distance = unfolded.non_gaussianity.sel(site="input", drop=True).mean("layer")
    closer = log_ratio(distance, "none", "batch")
    parts = {
        f"{activation}, {when}": closer.sel(activation=activation, drop=True).isel(
            step=step, drop=True
        )
        for activation in closer.activation.values
        for when, step in (("at the start", 0), ("after training", -1))
    }
    return stacked(parts, "network")


def by_order(record: xr.Dataset) -> xr.Dataset:
    """The accuracies of `norm-order` by activation, order and learning rate instead of by arm.

    `training` is on training digits by batch statistics, averaged over the looks after the first,
    which are evenly spaced in the logarithm of the step and so reward speed; `test` is at the
    end, by population statistics.
    """
    found = xr.Dataset(
        {
            "training": on_the_way(record),
            "test": at_the_end(record),
        }
    )
    unfolded = unfold(found, "activation", "order", "rate").rename(rate="learning_rate")
    unfolded = unfolded.sortby(["activation", "order"])
    for name in unfolded.data_vars:
        unfolded[name].attrs = {"units": "1", "long_name": f"{name} accuracy"}
    unfolded["learning_rate"].attrs["long_name"] = "learning rate"
    return unfolded


def before_over_after(record: xr.Dataset) -> xr.DataArray:
    """Accuracy with BN before minus with BN after, each order at a rate chosen on other seeds.

    The rate is chosen for each activation and each way of looking.
    """
    unfolded = by_order(record)
    parts = {}
    for seen, words in (("training", "while training"), ("test", "at the end")):
        for activation in unfolded.activation.values:
            accuracy = unfolded[seen].sel(activation=activation, drop=True)
            both = at_choice_of_others(accuracy, accuracy, "learning_rate").rename(order="arm")
            parts[f"{activation}, {words}"] = paired(both, "before", "after")
    return stacked(parts, "network")


def bargain(record: xr.Dataset) -> xr.DataArray:
    """What whitening saves in steps and costs in time of a step, both as log ratios to BN.

    A target that was not reached takes more than all steps, and how many is not known.
    """
    taken, reached = record.steps_to_target, record.reached > 0
    ends = xr.concat([taken, taken.where(reached, np.inf)], "bound")
    ends = ends.assign_coords(bound=["low", "high"])
    steps = at_choice_of_others(ends, -taken, "learning_rate")
    seconds = record.step_time.sel(summary="minimum", drop=True)
    parts = {}
    for arm, how in WHITENINGS.items():
        parts[f"fewer steps, {how}"] = log_ratio(steps, "batch", arm)
        parts[f"time per step, {how}"] = log_ratio(seconds, arm, "batch")
    return stacked(parts, "what")


def off_the_identity(record: xr.Dataset) -> xr.DataArray:
    """How far a BN network is from the identity that γ and β were set for, by statistics."""
    return record.identity.sel(arm="batch", drop=True)


def off_when_folded(record: xr.Dataset) -> xr.DataArray:
    """How far a folded BN network is from the one it was folded from."""
    return record.folding.sel(arm="batch", drop=True)


def bias_gradient(record: xr.Dataset) -> xr.DataArray:
    """The gradient of a bias before BN."""
    return record.bias_gradient.sel(arm="batch", drop=True)
