"""Claims of the chapter on the smoothness of the loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import combinations

import numpy as np
import pandas as pd
import xarray as xr

from bnbook.claims import Claim
from bnbook.stats import log_ratio, paired

TITLE = "Smoothness of the loss"
POSITION = 6
QUESTION = "Does BN make the loss smoother, and is that why it trains faster?"
FIRST_MINIBATCHES = 20  # looks up to here are "the first minibatches" of the claim on relative loss
INTERVALS = ("one step", "many steps")
CHANCE = 0.1  # of ten classes: what a network that has diverged gets right
WORST = 1e3  # a relative loss beyond this is as bad as any: where it lies between two steps is moot


def by_network(record: xr.Dataset) -> xr.Dataset:
    """A record whose arms are called "4 layers+batch", with dimensions network and arm instead."""
    parts = [str(arm).split("+", 1) for arm in record.arm.values]
    names = {
        key: list(dict.fromkeys(each))
        for key, each in zip(("network", "arm"), zip(*parts, strict=True), strict=True)
    }
    index = pd.MultiIndex.from_tuples([tuple(p) for p in parts], names=["network", "norm"])
    coords = xr.Coordinates.from_pandas_multiindex(index, "arm")
    unfolded = record.drop_vars("arm").assign_coords(coords).unstack("arm").rename(norm="arm")
    return unfolded.reindex(names).transpose("network", "arm", "seed", ...)


def average(values: xr.DataArray) -> xr.DataArray:
    """The geometric mean over looks; NaN where a network had diverged at one of them."""
    return xr.DataArray(xr.ufuncs.exp(xr.ufuncs.log(values).mean("step", skipna=False)))


def while_training(values: xr.DataArray) -> xr.DataArray:
    """The average over all looks but the first, where running statistics know nothing."""
    return average(values.isel(step=slice(1, None)))


def longest_step(relative: xr.DataArray) -> xr.DataArray:
    """The largest α up to which L(θ − αg)/L(θ) stays at or below 1, over `step_size`.

    Between two step sizes it is interpolated in the logarithms of both; a loss that never gets
    worse within the grid gives the largest α of the grid, one that always is the smallest.
    """
    grid = np.log(relative.step_size.values)

    def crossing(row: np.ndarray) -> float:
        if np.isnan(row).any():
            return math.nan
        worse = np.flatnonzero(row > 1)
        if not worse.size or not worse[0]:
            return float(np.exp(grid[-1 if not worse.size else 0]))
        k = worse[0]
        low, high = np.log(np.clip(row[[k - 1, k]], 1 / WORST, WORST))
        return float(np.exp(grid[k - 1] + (grid[k] - grid[k - 1]) * -low / (high - low)))

    return xr.apply_ufunc(
        crossing, relative, input_core_dims=[["step_size"]], vectorize=True, dask="forbidden"
    )


def by_setting(effect: xr.DataArray) -> xr.DataArray:
    """Strata "4 layers, training" in place of the dimensions network and mode."""
    stacked = effect.stack(setting=("network", "mode"))
    labels = [f"{network}, {mode}" for network, mode in stacked.setting.values]
    return stacked.drop_vars(["setting", "network", "mode"]).assign_coords(setting=labels)


def smaller(measure: Callable[[xr.Dataset], xr.DataArray]) -> Callable[[xr.Dataset], xr.DataArray]:
    """How many times larger a measure is without BN than with it, as a logarithm, by setting."""

    def statistic(record: xr.Dataset) -> xr.DataArray:
        values = while_training(measure(by_network(record)))
        return by_setting(log_ratio(values, "none", "batch"))

    return statistic


def longer_steps(record: xr.Dataset) -> xr.DataArray:
    """How many times longer the longest step that does no harm is with BN, as a logarithm."""
    relative = by_network(record).relative_loss
    early = relative.sel(step=slice(1, FIRST_MINIBATCHES))
    return by_setting(log_ratio(average(longest_step(early)), "batch", "none"))


def at_the_end(record: xr.Dataset) -> xr.DataArray:
    """Final test accuracy by population statistics; chance for a network that has diverged."""
    accuracy = record.accuracy.sel(split="test", statistics="population", drop=True)
    return accuracy.isel(step=-1, drop=True).fillna(CHANCE)


def gap_at(record: xr.Dataset, rate: str) -> xr.DataArray:
    """Final test accuracy with BN minus that without, at one of the three learning rates."""
    final = at_the_end(by_network(record)).sel(network=rate, drop=True)
    return paired(final, "batch", "none")


def gap_below(record: xr.Dataset) -> xr.DataArray:
    """The gap in final test accuracy at the two lower of the three learning rates."""
    rates = ["0.0001", "0.003"]
    gaps = xr.concat([gap_at(record, rate) for rate in rates], "learning rate")
    return gaps.assign_coords({"learning rate": rates})


def speed(record: xr.Dataset) -> xr.DataArray:
    """Training accuracy by batch statistics, averaged over the looks: the faster, the higher.

    The looks are evenly spaced in the logarithm of the step, so the average rewards speed.
    """
    return record.accuracy.sel(split="train", statistics="batch", drop=True).mean("step")


def looks_apart(record: xr.Dataset, interval: str) -> xr.Dataset:
    """The looks that have the one before them "one step" behind, or "many steps"."""
    apart = np.diff(record.step.values)
    chosen = apart == 1 if interval == "one step" else apart > 1
    return record.isel(step=1 + np.flatnonzero(chosen))


def stability(record: xr.Dataset) -> xr.DataArray:
    """How little the nonlinearities' inputs drift from look to look, by `interval`.

    Minus the mean over layers and looks, in σ, of the looks that are one step apart and of those
    that are many apart.
    """
    drift = [looks_apart(record, interval).wasserstein_drift for interval in INTERVALS]
    each = [d.sel(site="input", drop=True).mean(["step", "layer"]) for d in drift]
    return -xr.concat(each, "interval").assign_coords(interval=list(INTERVALS))


def smoothness(record: xr.Dataset) -> xr.DataArray:
    """Minus the logarithm of each measure of roughness along the gradient, by `measure`."""
    rough = {
        "loss variation": record.loss_variation,
        "gradient change": record.gradient_change.max("multiple", skipna=False),
        "effective β": record.effective_smoothness,
    }
    each = [
        -xr.ufuncs.log(while_training(m.sel(mode="training", drop=True))) for m in rough.values()
    ]
    return xr.concat(each, "measure").assign_coords(measure=list(rough))


def concordance(values: xr.DataArray, order: xr.DataArray) -> xr.DataArray:
    """The share of pairs of arms that `values` puts in the same order as `order`."""

    def sides(of: xr.DataArray) -> list[xr.DataArray]:
        arms = [of.sel(arm=name, drop=True) for name in order.arm.values]
        return [xr.ufuncs.sign(a - b) for a, b in combinations(arms, 2)]

    alike = [a == b for a, b in zip(sides(values), sides(order), strict=True)]
    return xr.concat(alike, "pair").mean("pair")


def shares_in_order(record: xr.Dataset) -> xr.DataArray:
    """`concordance` with speed of stability over each interval, then of each smoothness."""
    fast = speed(record)
    shares = [concordance(f(record), fast) for f in (stability, smoothness)]
    return xr.concat(
        [
            each.rename({dim: "rival"})
            for each, dim in zip(shares, ("interval", "measure"), strict=True)
        ],
        "rival",
    )


def better_predictor(record: xr.Dataset) -> xr.DataArray:
    """By how much smoothness orders the arms by speed more often than stability does."""
    fast = speed(record)
    more = concordance(smoothness(record), fast) - concordance(stability(record), fast)
    stacked = more.stack(rivals=("measure", "interval"))
    labels = [
        f"{measure} against drift in {interval}" for measure, interval in stacked.rivals.values
    ]
    return stacked.drop_vars(["rivals", "measure", "interval"]).assign_coords(rivals=labels)


MODES = (
    "Training: the loss as it is trained, by the statistics of the batch at every place. "
    "Evaluation: the loss by running statistics, along its own gradient."
)

CLAIMS = (
    Claim(
        id="smooth-1",
        says="Batch normalization makes the loss vary less along the gradient.",
        source="santurkar2018how, debrief2018",
        experiment="loss-landscape",
        statistic=smaller(lambda record: record.loss_variation),
        unit="log ratio of loss variation",
        matters=math.log(1.1),
        stratified_by="setting",
        note=MODES,
    ),
    Claim(
        id="smooth-2",
        says="Batch normalization makes the gradient change less along itself.",
        source="santurkar2018how, debrief2018",
        experiment="loss-landscape",
        statistic=smaller(lambda record: record.gradient_change.max("multiple", skipna=False)),
        unit="log ratio of gradient change",
        matters=math.log(1.1),
        stratified_by="setting",
        note="The largest distance between gradients, in the gradient's own unit, as in the "
        "source. " + MODES,
    ),
    Claim(
        id="smooth-3",
        says="Batch normalization lowers the effective β-smoothness along the gradient.",
        source="santurkar2018how, debrief2018",
        experiment="loss-landscape",
        statistic=smaller(lambda record: record.effective_smoothness),
        unit="log ratio of effective β",
        matters=math.log(1.1),
        stratified_by="setting",
        note=MODES,
    ),
    Claim(
        id="smooth-4",
        says="With batch normalization the relative loss grows more slowly with the size of a "
        "step, in the first minibatches.",
        source="bjorck2018understanding, debrief2018",
        experiment="loss-landscape",
        statistic=longer_steps,
        unit="log ratio of the longest harmless step",
        matters=math.log(1.1),
        stratified_by="setting",
        note="The longest step along the gradient that leaves the loss of its batch no higher "
        f"than it was, over updates 1 to {FIRST_MINIBATCHES}. " + MODES,
    ),
    Claim(
        id="smooth-5",
        says="At the highest of three learning rates only the network with batch normalization "
        "trains.",
        source="bjorck2018understanding, debrief2018",
        experiment="three-rates",
        statistic=lambda record: gap_at(record, "0.1"),
        unit="accuracy",
        matters=0.5,
        note="Final test accuracy with BN minus that without, at a learning rate of 0.1. A "
        "network that has diverged is right by chance.",
    ),
    Claim(
        id="smooth-6",
        says="At the lowest learning rate the gap in accuracy closes.",
        source="bjorck2018understanding, debrief2018",
        experiment="three-rates",
        statistic=gap_below,
        unit="accuracy",
        matters=0.02,
        stratified_by="learning rate",
        kind="equivalent",
        note="The source chose its lowest rate, 0.0001, so that the network without BN converges. "
        "Whether it does depends on the length of the run, so the next rate stands beside it.",
    ),
    Claim(
        id="smooth-7",
        says="Batch normalization lowers the sharpness of the loss on the normalised sphere.",
        source="ghorbani2019investigation, yao2020pyhessian",
        experiment="sharpness",
        statistic=smaller(lambda record: record.sharpness.sel(measure="sphere", drop=True)),
        unit="log ratio of λ_max",
        matters=math.log(1.1),
        stratified_by="setting",
        note="The largest eigenvalue of the Hessian by the directions of the filters, on fixed "
        "batches. " + MODES,
    ),
    Claim(
        id="smooth-8",
        says="Smoothness of the loss, and not the stability of distributions, orders networks by "
        "the speed of their training.",
        source="santurkar2018how, debrief2018",
        experiment="noisy-convnet",
        statistic=better_predictor,
        unit="share of pairs of arms",
        matters=1 / 6,
        stratified_by="rivals",
        note="Of the three pairs of arms, the share that is ordered as by speed: by smoothness "
        "along the gradient, minus by stability (1-Wasserstein drift at the nonlinearities' "
        "inputs).",
    ),
)
