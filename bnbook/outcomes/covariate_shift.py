"""What is read off the records of the chapter on covariate shift, outside and inside a network."""

from __future__ import annotations

import math

import xarray as xr

from bnbook.outcomes.arms import chance, stacked, unfold
from bnbook.stats import final, log_ratio, paired

SHIFT = 1.5  # where the two claims about cats are judged, in σ; the chapter shows all
MOVE = 1.0  # where a rule that moves is judged, in σ of the ears; the chapter shows all
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


def left_by_weights(record: xr.Dataset) -> xr.DataArray:
    """Accuracy at the target of the fit to it minus that of the weighted fit, by what shifts."""
    parts = {
        "the rule": {"inputs": "inputs stay", "move": MOVE},
        "the rule and the inputs": {"inputs": "inputs shift", "move": MOVE},
        "the inputs alone": {"inputs": "inputs shift", "move": 0.0},
    }
    behind = paired(record.accuracy, "target", "weighted")
    return stacked({name: behind.sel(at, drop=True) for name, at in parts.items()}, "shifts")


def speed_from(record: xr.Dataset) -> xr.DataArray:
    """Speed of `input-scale` (inputs, norm, seed): test accuracy averaged over the looks.

    They are evenly spaced in the logarithm of the step, so that it rewards speed.
    """
    return unfold(record.accuracy, "inputs", "norm").mean("step")


def learning_from(record: xr.Dataset) -> xr.Dataset:
    """Test accuracy of `input-scale` by inputs, as "arm", norm, step and seed."""
    found = unfold(record[["accuracy"]], "inputs", "norm")
    return found.rename(inputs="arm")


def lost_off_centre(record: xr.Dataset) -> xr.DataArray:
    """Speed from standardised inputs minus that from inputs off centre, by norm."""
    speed = speed_from(record)
    return speed.sel(inputs="standardised", drop=True) - speed.sel(inputs="off centre", drop=True)


def slower_off_centre(record: xr.Dataset) -> xr.DataArray:
    """`lost_off_centre` without BN."""
    return lost_off_centre(record).sel(norm="none", drop=True)


def spared_off_centre(record: xr.Dataset) -> xr.DataArray:
    """`lost_off_centre` without BN minus that with it."""
    lost = lost_off_centre(record)
    return lost.sel(norm="none", drop=True) - lost.sel(norm="batch", drop=True)


def cloud_motion(record: xr.Dataset) -> xr.Dataset:
    """Motion of the cloud of `two-units` (arm, seed, step, quantity) from one look to the next.

    The step of its centre, in spreads of the look before, and the change of the correlation of
    the two units, without its sign.
    """
    turned = abs(record.correlation.diff("step"))
    parts = {
        "step of the centre, in spreads": record.centre_step.isel(step=slice(1, None)),
        "change of the correlation": turned,
    }
    motion = stacked(parts, "quantity").assign_attrs(units="1", long_name="since the look before")
    return motion.to_dataset(name="motion")


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


def gain(record: xr.Dataset) -> xr.DataArray:
    """`progress` with BN minus that without, but for the end by batch statistics."""
    every = paired(progress(record), "batch", "none")
    return every.sel(seen=[seen for seen in every.seen.values if not seen.endswith("shaken too")])


def gain_of_whole_images(record: xr.Dataset) -> xr.DataArray:
    """How much more BN is worth in `shaken-residual` on whole images than on halved ones."""
    found = gain(record)
    parts = {
        when: found.sel(seen=f"whole images, {when}", drop=True)
        - found.sel(seen=f"halved images, {when}", drop=True)
        for when in ("while training", "at the end")
    }
    return stacked(parts, "seen")


def weaker_coupling(record: xr.Dataset) -> xr.DataArray:
    """How many times more strongly layers are coupled without BN, as a logarithm."""
    return log_ratio(coupling(record), "none", "batch")
