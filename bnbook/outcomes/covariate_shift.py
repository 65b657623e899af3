"""What is read off the records of the chapter on covariate shift, outside and inside a network."""

from __future__ import annotations

import math

import xarray as xr

from bnbook.outcomes.arms import chance, stacked, unfold
from bnbook.stats import final, log_ratio, paired

SHIFT = 1.5  # where the two claims about cats are judged, in σ; the chapter shows all
FIRST, LAST = 0, 2  # hidden layers


def lost_to_shift(record: xr.Dataset) -> xr.DataArray:
    """Accuracy at home minus accuracy abroad, of the line fitted at home."""
    accuracy = record.accuracy.sel(arm="source", shift=SHIFT, drop=True)
    return accuracy.sel(domain="source", drop=True) - accuracy.sel(domain="target", drop=True)


def won_back(record: xr.Dataset) -> xr.DataArray:
    """Accuracy abroad of the weighted fit minus that of the plain one."""
    return paired(
        record.accuracy.sel(shift=SHIFT, domain="target", drop=True), "weighted", "source"
    )


def less_drift(record: xr.Dataset) -> xr.DataArray:
    """How many times further the nonlinearities' inputs drift without BN, as a logarithm."""
    drift = record.wasserstein_drift.sel(site="input", drop=True).mean(["step", "layer"])
    return log_ratio(drift, "none", "batch")


def less_gradient_shift(record: xr.Dataset) -> xr.DataArray:
    """How many times more gradients shift without BN, as a logarithm, the first layer left out."""
    shift = record.gradient_shift.isel(layer=slice(1, None)).mean(["step", "layer"])
    return log_ratio(shift, "none", "batch")


def progress(record: xr.Dataset) -> xr.DataArray:
    """Accuracy of `shaken` (arm, seed, seen), with "dense, while training" and so on as `seen`.

    While training it is averaged over the looks after the first, which are evenly spaced in the
    logarithm of the step, so that it rewards speed; by batch statistics, which show the network as
    it trains, noise included. At the end it is on test digits, by population statistics, without
    the noise, and by those of the batch, with it.
    """
    its_own = record.accuracy.fillna(chance(record)).where(record.step <= record.steps)
    found = xr.Dataset(
        {
            "seen": its_own.isel(step=slice(1, None)).mean("step"),
            "last": final(record, "accuracy").fillna(chance(record)),
        }
    )
    found = unfold(found, "network", "norm").rename(norm="arm")
    seen, last = found.seen, found["last"]
    parts = {}
    for network in found.network.values:
        for words, values, at in (
            ("while training", seen, {"split": "train", "statistics": "batch"}),
            ("at the end", last, {"split": "test", "statistics": "population"}),
            ("at the end, shaken too", last, {"split": "test", "statistics": "batch"}),
        ):
            parts[f"{network}, {words}"] = values.sel(at).sel(network=network)
    return stacked(parts, "seen")


def by_network(record: xr.Dataset) -> xr.Dataset:
    """The record of `shaken` with dimensions network and, as "arm", norm."""
    kept = record[["accuracy", "diverged_at"]]
    return unfold(kept, "network", "norm").rename(norm="arm")


def coupling(record: xr.Dataset) -> xr.DataArray:
    """Coupling of the first and the last hidden layer, geometric mean over the looks."""
    up = record.coupling.sel(moved=FIRST, layer=LAST, drop=True)
    down = record.coupling.sel(moved=LAST, layer=FIRST, drop=True)
    both = stacked({"first to last layer": up, "last to first layer": down}, "direction")
    return xr.DataArray(math.e ** xr.ufuncs.log(both).mean("step"))


def noise_costs(record: xr.Dataset) -> xr.DataArray:
    """`progress` with BN minus that with BN and injected, changing noise."""
    return paired(progress(record), "batch", "noisy-batch")


def noise_leaves(record: xr.Dataset) -> xr.DataArray:
    """`progress` with BN and injected, changing noise minus that without BN."""
    return paired(progress(record), "noisy-batch", "none")


def weaker_coupling(record: xr.Dataset) -> xr.DataArray:
    """How many times more strongly layers are coupled without BN, as a logarithm."""
    return log_ratio(coupling(record), "none", "batch")
