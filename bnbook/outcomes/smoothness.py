"""What is read off the records of the chapter on the smoothness of the loss."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import xarray as xr

from bnbook.experiments.noisy_convnet import SHARED
from bnbook.outcomes.arms import at_the_end, by_norm, in_training, joined, stacked, unfold
from bnbook.stats import kendall, log_ratio, paired

FIRST_MINIBATCHES = 20  # looks up to here are "the first minibatches" of the claim on relative loss
INTERVALS = ("one step", "many steps")
WORST = 1e3  # a relative loss beyond this is as bad as any: where it lies between two steps is moot


def by_network(record: xr.Dataset) -> xr.Dataset:
    """A record with dimensions network and, as "arm", norm."""
    return (
        unfold(record, "network", "norm")
        .rename(norm="arm")
        .transpose("network", "arm", "seed", ...)
    )


def by_rate(record: xr.Dataset) -> xr.Dataset:
    """A record with dimensions rate and, as "arm", norm."""
    return unfold(record, "rate", "norm").rename(norm="arm").transpose("rate", "arm", "seed", ...)


def average(values: xr.DataArray) -> xr.DataArray:
    """The geometric mean over looks; NaN where a network had diverged at one of them."""
    return xr.DataArray(xr.ufuncs.exp(xr.ufuncs.log(values).mean("step", skipna=False)))


def while_training(values: xr.DataArray) -> xr.DataArray:
    """The average over all looks but the first, where running statistics know nothing."""
    return average(values.isel(step=slice(1, None)))


def longest_step(relative: xr.DataArray, over: str = "step_size") -> xr.DataArray:
    """The largest step along `over` up to which the relative loss stays at or below 1.

    Between two step sizes it is interpolated in the logarithms of both; a loss that never gets
    worse within the grid gives the largest of the grid, one that always is the smallest.
    """
    grid = np.log(relative[over].values)

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
        crossing, relative, input_core_dims=[[over]], vectorize=True, dask="forbidden"
    )


def by_setting(effect: xr.DataArray) -> xr.DataArray:
    """Strata "4 layers, training" in place of the dimensions network and mode."""
    return joined(effect, "setting", "network", "mode")


def smaller(measure: Callable[[xr.Dataset], xr.DataArray]) -> Callable[[xr.Dataset], xr.DataArray]:
    """How many times larger a measure is without BN than with it, as a logarithm, by setting."""

    def statistic(record: xr.Dataset) -> xr.DataArray:
        values = while_training(measure(by_network(record)))
        return by_setting(log_ratio(values, "none", "batch"))

    return statistic


def longer_steps(record: xr.Dataset) -> xr.DataArray:
    """How many times further filters can turn without harm with BN, as a logarithm."""
    relative = by_network(record).sphere_relative_loss
    early = relative.sel(step=slice(1, FIRST_MINIBATCHES))
    return by_setting(log_ratio(average(longest_step(early, "turn")), "batch", "none"))


def final_gap(record: xr.Dataset) -> xr.DataArray:
    """Final test accuracy with BN minus that without, by rate."""
    return paired(at_the_end(by_rate(record)), "batch", "none")


TRAINED = 0.5  # a final test accuracy above this counts as having trained, of ten classes


def only_one_trains(record: xr.Dataset) -> xr.DataArray:
    """At the highest rate: how far above one half BN ends, and how far below a network without."""
    final = at_the_end(by_rate(record)).isel(rate=-1, drop=True)
    parts = {
        "trains with BN": final.sel(arm="batch", drop=True) - TRAINED,
        "does not train without": TRAINED - final.sel(arm="none", drop=True),
    }
    return stacked(parts, "network")


def gap_below(record: xr.Dataset) -> xr.DataArray:
    """The gap in final test accuracy at the two lower of the three learning rates."""
    return final_gap(record).isel(rate=slice(None, -1))


def speed(record: xr.Dataset) -> xr.DataArray:
    """Training accuracy by batch statistics, averaged over the looks: the faster, the higher.

    The looks are evenly spaced in the logarithm of the step, so the average rewards speed.
    """
    return in_training(record).mean("step", skipna=False)


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
    return -stacked(dict(zip(INTERVALS, each, strict=True)), "interval")


def noise_moves(record: xr.Dataset) -> xr.DataArray:
    """How many times further distributions move with BN and noise than without BN, by interval."""
    return log_ratio(-stability(record), "noisy-batch", "none")


def smoothness(record: xr.Dataset) -> xr.DataArray:
    """Minus the logarithm of each measure of roughness along the gradient, by `measure`."""
    rough = {
        "loss variation": record.loss_variation,
        "gradient change": record.gradient_change.max("multiple", skipna=False),
        "effective β": record.effective_smoothness,
    }
    smooth = {
        name: -xr.ufuncs.log(while_training(each.sel(mode="training", drop=True)))
        for name, each in rough.items()
    }
    return stacked(smooth, "measure")


def in_order(record: xr.Dataset) -> xr.DataArray:
    """Kendall's τ over the arms of speed with stability by interval, then with each smoothness."""
    fast = ranked(speed(record))
    rivals = (ranked(stability(record)), "interval"), (ranked(smoothness(record)), "measure")
    found = {
        str(at): kendall(values.sel({dim: at}), fast)
        for values, dim in rivals
        for at in values[dim].values
    }
    return stacked(found, "rival")


def of_the_source(record: xr.Dataset) -> xr.Dataset:
    """The three arms of `noisy-convnet` that the source compares, at one rate, by their norms."""
    return by_norm(record, rate=SHARED, norm=["none", "batch", "noisy-batch"])


def ranked(values: xr.DataArray) -> xr.DataArray:
    """`values`, of which more is better, with a network that diverged behind all others."""
    return values.fillna(values.min("arm") - 1)


def better_predictor(record: xr.Dataset) -> xr.DataArray:
    """By how much smoothness orders the arms by speed more often than stability does."""
    fast = ranked(speed(record))
    smooth, stable = (kendall(ranked(f(record)), fast) for f in (smoothness, stability))
    more = smooth - stable
    return joined(more, "rivals", "measure", "interval", between=" against drift in ")


less_variation = smaller(lambda record: record.sphere_variation)
less_change = smaller(lambda record: record.sphere_change)
smaller_beta = smaller(lambda record: record.sphere_smoothness)
less_sharp = smaller(lambda record: record.sharpness.sel(measure="sphere", drop=True))
