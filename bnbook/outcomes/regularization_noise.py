"""What is read off the records of the chapter on the noise of batch statistics and on weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import xarray as xr

from bnbook.factors import name_of
from bnbook.outcomes.arms import never_diverged, stacked, unfold
from bnbook.stats import final, log_ratio, paired

DROPOUTS = {0.0: name_of({"norm": "batch"})} | {
    rate: name_of({"norm": "batch", "dropout": rate}) for rate in (0.1, 0.3, 0.5)
}
"""Arms with BN, by the rate of the dropout behind each hidden layer."""
LARGE = 16  # from this m on the factor (m − 1)/m of the exact law is no matter


def ghost(size: int) -> str:
    """The arm whose statistics are of so many examples, in SGD batches of 64."""
    return name_of({"norm": "ghost", "m": size})


def last(record: xr.Dataset, variable: str, statistics: str = "population") -> xr.DataArray:
    """`variable` at the last look of each arm, by one kind of statistics; NaN if it diverged."""
    values = final(record, variable)
    return values.sel(statistics=statistics, drop=True) if "statistics" in values.dims else values


def gap(record: xr.Dataset) -> xr.DataArray:
    """Loss on held-out digits minus loss on training digits, at the end, in nat."""
    loss = last(record, "loss")
    return loss.sel(split="test", drop=True) - loss.sel(split="train", drop=True)


def held_out_loss(record: xr.Dataset) -> xr.DataArray:
    """Loss on held-out digits at the end."""
    return last(record, "loss").sel(split="test", drop=True)


def held_out_accuracy(record: xr.Dataset, statistics: str = "population") -> xr.DataArray:
    """Accuracy on held-out digits at the end."""
    return last(record, "accuracy", statistics).sel(split="test", drop=True)


def exponent(noise: xr.DataArray) -> xr.DataArray:
    """How much faster than 1/m a variance falls: 0 for 1/m exactly, from values of m·variance."""
    large = noise.where(noise.m >= LARGE, drop=True)
    x = np.log(large.m) - float(np.log(large.m).mean())
    slope = (np.log(large) * x).sum("m") / float((x * x).sum())
    return xr.DataArray(-slope)


def falls_as_1_over_m(record: xr.Dataset) -> xr.DataArray:
    """The exponent's distance from −1, mean and variance, of Gaussian values and in networks."""
    parts = {}
    for arm, words in (("Gaussian", "Gaussian"), ("none", "without BN"), ("batch", "with BN")):
        for name, what in (("mean_noise", "mean"), ("variance_noise", "variance")):
            noise = record[name].sel(arm=arm, drop=True).mean("layer")
            parts[f"{what}, {words}"] = exponent(noise)
    return stacked(parts, "of")


def at_end(record: xr.Dataset, arms: Mapping[Any, str], dim: str, label: str) -> xr.Dataset:
    """What `ghost-dropout` holds at the end of some arms, by a number along `dim`.

    loss and accuracy (…, split, statistics), gap and logit_noise.
    """
    names = list(arms.values())
    found = {
        "loss": _every(record, "loss"),
        "accuracy": _every(record, "accuracy"),
        "gap": gap(record),
        "logit_noise": last(record, "logit_noise"),
    }
    chosen = xr.Dataset({name: each.sel(arm=names) for name, each in found.items()})
    chosen = chosen.rename(arm=dim).assign_coords({dim: list(arms)})
    chosen[dim].attrs["long_name"] = label
    for name, words, unit in (
        ("loss", "loss", "nat"),
        ("accuracy", "accuracy", "1"),
        ("gap", "generalization gap", "nat"),
        ("logit_noise", "share of chance in a logit", "1"),
    ):
        chosen[name].attrs = {"units": unit, "long_name": words}
    return chosen.reset_coords(drop=True)


def _every(record: xr.Dataset, variable: str) -> xr.DataArray:
    """`variable` at the end by each kind of statistics."""
    kinds = [str(kind) for kind in record.statistics.values]
    return stacked({kind: last(record, variable, kind) for kind in kinds}, "statistics")


def by_size(record: xr.Dataset) -> xr.Dataset:
    """The ends of the arms whose statistics are of 4 to 64 examples, in SGD batches of 64."""
    arms = {size: ghost(size) for size in (4, 8, 16, 32)}
    arms[64] = name_of({"norm": "batch"})
    return at_end(record, arms, "size", "examples behind the statistics")


def by_rate(record: xr.Dataset) -> xr.Dataset:
    """The ends of the arms with BN and dropout behind each hidden layer, by its rate."""
    return at_end(record, DROPOUTS, "rate", "dropout")


def by_noise(record: xr.Dataset) -> xr.Dataset:
    """Both families against the noise of a logit, its geometric mean over seeds."""
    parts = []
    for each, dim in ((by_size(record), "size"), (by_rate(record), "rate")):
        noise = np.exp(np.log(each.logit_noise).mean("seed"))
        parts.append(each.rename({dim: "noise"}).assign_coords(noise=noise.values))
    both = xr.concat(parts, "family", join="outer", combine_attrs="override")
    both = both.assign_coords(family=["ghosts of 4 to 64", "dropout of 0 to 0.5"]).sortby("noise")
    both["noise"].attrs["long_name"] = "share of chance in a logit"
    return both


def growth_parts(record: xr.Dataset) -> xr.Dataset:
    """What ‖W‖² has grown by, split into the squares of the steps and their push outwards."""
    parts = {"squared steps": record.across, "push outwards": record.outwards}
    grown = stacked(parts, "part")
    grown.attrs = {"units": "1", "long_name": "growth of ‖W‖²"}
    return xr.Dataset({"grown": grown})


def regularises_less(record: xr.Dataset) -> xr.DataArray:
    """Test loss with statistics of 64 examples minus that of fewer, at one training loss."""
    arms = {f"ghosts of {size} in batches of 64": ghost(size) for size in (16, 8, 4)}
    arms["batches of 16"] = name_of({"norm": "batch", "batch_size": 16})
    whole = name_of({"norm": "batch"})
    return stacked(
        {name: at_one_training_loss(record, whole, arm) for name, arm in arms.items()}, "fewer"
    )


def at_one_training_loss(record: xr.Dataset, one: str, other: str) -> xr.DataArray:
    """Test loss of arm `one` minus that of `other`, where both have the same training loss.

    That is the larger of the two losses at the end, which both have passed. Between looks the
    test loss is taken as straight over the logarithm of the training loss.
    """
    loss = record.loss.sel(statistics="population", drop=True)
    found = []
    for seed in record.seed.values:
        paths = [_path(loss.sel(arm=arm, seed=seed)) for arm in (one, other)]
        if not all(len(train) for train, _ in paths):
            found.append(math.nan)
            continue
        at = max(float(train.min()) for train, _ in paths)
        here, there = (float(np.interp(at, train, test)) for train, test in paths)
        found.append(here - there)
    return xr.DataArray(found, {"seed": record.seed.values}, "seed")


def _path(loss: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Log training loss, rising, and test loss over the looks; empty where the network diverged.

    Of the looks only those count at which the training loss is lower than at any before.
    """
    train, test = (loss.sel(split=split).values for split in ("train", "test"))
    seen = np.isfinite(train)
    train, test = np.log(train[seen]), test[seen]
    lower = train <= np.minimum.accumulate(train)
    return train[lower][::-1], test[lower][::-1]


def at_matched_noise(record: xr.Dataset, values: xr.DataArray, arm: str) -> xr.DataArray:
    """`values` (arm, seed) of `arm` minus those of dropout that makes as noisy a logit.

    Within each seed the dropout arms are joined by straight lines over the logarithm of the
    noise; NaN where the noise of `arm` lies outside of theirs.
    """
    noise, found = last(record, "logit_noise").sel(arm=[*DROPOUTS.values(), arm]), []
    for seed in values.seed.values:
        *x, at = np.log(noise.sel(seed=seed).values)
        y = values.sel(arm=list(DROPOUTS.values()), seed=seed).values
        order = np.argsort(x)
        matched = np.interp(at, np.array(x)[order], y[order], left=math.nan, right=math.nan)
        found.append(float(values.sel(arm=arm, seed=seed)) - float(matched))
    return xr.DataArray(found, {"seed": values.seed.values}, "seed")


def like_dropout(record: xr.Dataset) -> xr.DataArray:
    """How ghosts differ from dropout of matched variance, in the gap and in the test loss."""
    parts = {}
    for size in (16, 8):
        for values, words in ((gap(record), "gap"), (held_out_loss(record), "test loss")):
            parts[f"{words}, ghost {size}"] = at_matched_noise(record, values, ghost(size))
    return stacked(parts, "measured")


def without_dropout(record: xr.Dataset) -> xr.DataArray:
    """Test accuracy of BN alone minus that of BN with dropout, for three kinds of dropout."""
    arms = {
        "0.1": DROPOUTS[0.1],
        "0.3": DROPOUTS[0.3],
        "0.5, behind the last layer": name_of({"norm": "batch", "dropout": 0.5, "at": "last"}),
    }
    accuracy = held_out_accuracy(record)
    parts = {how: paired(accuracy, "batch", arm) for how, arm in arms.items()}
    without = name_of({"norm": "none", "dropout": 0.3})
    return stacked(parts | {"0.3, without BN": paired(accuracy, "none", without)}, "dropout")


def hurt_by_dropout(record: xr.Dataset) -> xr.DataArray:
    """Test accuracy lost to the shift, and lost against dropout behind the last BN, by depth.

    Lost to the shift is what the same network wins back when its statistics are collected anew
    without dropout.
    """
    won = held_out_accuracy(record, "precise") - held_out_accuracy(record)
    parts = {}
    for depth, net in (("2 layers", {}), ("6 layers", {"net": "deep"})):
        dropped = {**net, "norm": "batch", "dropout": 0.5}
        before, behind = name_of(dropped), name_of({**dropped, "at": "last"})
        parts[f"to the shift, {depth}"] = won.sel(arm=before, drop=True)
        against = paired(held_out_accuracy(record), behind, before)
        parts[f"against dropout behind the last BN, {depth}"] = against
    return stacked(parts, "lost")


def less_growth(record: xr.Dataset) -> xr.DataArray:
    """log ratio of the growth ‖W_T‖/‖W_0‖ without BN over that with it.

    By optimizer, activation and layer.
    """
    norm = unfold(record[["weight_norm"]], "optimizer", "activation", "norm").weight_norm
    norm = norm.rename(norm="arm")
    growth = norm.isel(step=-1, drop=True) / norm.isel(step=0, drop=True)
    parts = {}
    for optimizer, activation in product(growth.optimizer.values, growth.activation.values):
        chosen = growth.sel(optimizer=optimizer, activation=activation, drop=True)
        for layers, words in (([0, 1], "hidden"), ([2], "head")):
            means = chosen.isel(layer=layers).mean("layer")
            parts[f"{optimizer}, {activation}, {words}"] = log_ratio(means, "none", "batch")
    return stacked(parts, "weights")


def decay_beyond_rate(record: xr.Dataset) -> xr.DataArray:
    """Test loss of the arm with the matched rate minus that with decay, with BN."""
    loss = record.loss.sel(split="test", statistics="precise", drop=True).isel(step=-1, drop=True)
    parts = {
        "weights before BN": ("batch, matched rate", "batch, decay"),
        "every parameter": ("batch, matched to everywhere", "batch, decay everywhere"),
    }
    return stacked({name: paired(loss, *arms) for name, arms in parts.items()}, "decays")


def narrower_gap(record: xr.Dataset) -> xr.DataArray:
    """Gap without BN minus gap with it, at one training accuracy, by network of `activations`."""
    accuracy = _as_used(record)
    parts = {
        f"{activation}, {optimizer}": at_one_training_accuracy(
            accuracy.sel(activation=activation, optimizer=optimizer), "none", "batch"
        )
        for activation in accuracy.activation.values
        for optimizer in accuracy.optimizer.values
    }
    return stacked(parts, "network")


def at_one_training_accuracy(accuracy: xr.DataArray, one: str, other: str) -> xr.DataArray:
    """Gap of arm `one` minus that of `other`, (seed,), where both are as accurate in training.

    `accuracy` (arm, seed, step, split). The training accuracy is the lower of the two highest, so
    that both have come to it; between looks the test accuracy is straight over it.
    """
    found = []
    for seed in accuracy.seed.values:
        paths = [_rise(accuracy.sel(arm=arm, seed=seed)) for arm in (one, other)]
        if not all(len(train) for train, _ in paths):
            found.append(math.nan)
            continue
        at = min(float(train[-1]) for train, _ in paths)
        here, there = (at - float(np.interp(at, *path)) for path in paths)
        found.append(here - there)
    return xr.DataArray(found, {"seed": accuracy.seed.values}, "seed")


def _rise(accuracy: xr.DataArray) -> tuple[np.ndarray, np.ndarray]:
    """Training and test accuracy at the looks at which the first is higher than ever before."""
    train, test = (accuracy.sel(split=split).values for split in ("train", "test"))
    train, test = train[np.isfinite(train)], test[np.isfinite(train)]
    before = np.append(-np.inf, np.maximum.accumulate(train)[:-1])
    return train[train > before], test[train > before]


def _as_used(record: xr.Dataset) -> xr.DataArray:
    """Accuracy (activation, optimizer, arm, seed, step, split) by running statistics."""
    accuracy = record.accuracy.sel(statistics="population", drop=True)
    return unfold(accuracy, "activation", "optimizer", "norm").rename(norm="arm")


ACCURACIES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99)
"""Training accuracies at which the figure shows the gap."""


def gaps_along_training(record: xr.Dataset) -> xr.Dataset:
    """Training minus test accuracy where `activations` first come to each of `ACCURACIES`.

    (activation, optimizer, arm, seed, training_accuracy), as curves take it; NaN where a run does
    not come to it, or starts above it.
    """

    def at(path: np.ndarray) -> np.ndarray:
        looks = {"step": np.arange(len(path)), "split": ["train", "test"]}
        train, test = _rise(xr.DataArray(path, looks, ("step", "split")))
        if not len(train):
            return np.full(len(ACCURACIES), math.nan)
        return np.array(ACCURACIES) - np.interp(
            ACCURACIES, train, test, left=math.nan, right=math.nan
        )

    gap = xr.apply_ufunc(
        at,
        _as_used(record).sel(split=["train", "test"]),
        input_core_dims=[["step", "split"]],
        output_core_dims=[["training_accuracy"]],
        vectorize=True,
    ).assign_coords(training_accuracy=list(ACCURACIES))
    gap.attrs = {"units": "1", "long_name": "training minus test accuracy"}
    gap.training_accuracy.attrs = {"units": "1", "long_name": "training accuracy"}
    return never_diverged(gap, "gap", "training_accuracy")


def _few(record: xr.Dataset) -> xr.DataArray:
    """Test loss of `decay-and-dropout`, (norm, beside, seed)."""
    return unfold(record.loss.sel(split="test", drop=True), "norm", "beside")


def dropout_beside(record: xr.Dataset) -> xr.DataArray:
    """Test loss without dropout minus that with it, by what else there is; of BN, then without."""
    loss = _few(record)
    gain = {
        "no decay": loss.sel(beside="alone", drop=True) - loss.sel(beside="dropout", drop=True),
        "with decay": loss.sel(beside="decay", drop=True) - loss.sel(beside="both", drop=True),
    }
    parts = {name: each.sel(norm="batch", drop=True) for name, each in gain.items()}
    without = {f"without BN, {k}": each.sel(norm="none", drop=True) for k, each in gain.items()}
    return stacked(parts | without, "beside")


def less_need_for_decay(record: xr.Dataset) -> xr.DataArray:
    """What decay takes from the test loss without BN, minus what it takes from it with BN."""
    loss = _few(record)
    gain = {
        "no dropout": loss.sel(beside="alone", drop=True) - loss.sel(beside="decay", drop=True),
        "with dropout": loss.sel(beside="dropout", drop=True) - loss.sel(beside="both", drop=True),
    }
    return stacked(
        {name: paired(each.rename(norm="arm"), "none", "batch") for name, each in gain.items()},
        "beside",
    )


def eighth(record: xr.Dataset) -> xr.DataArray:
    """log(variance over the company at 64 / at 512) − log 8, by network; logits, then units."""
    noise = np.log(record.noise)
    beyond = noise.sel(m=64, drop=True) - noise.sel(m=512, drop=True) - math.log(512 / 64)
    places = {"logits": "", "first layer": ", first layer"}
    return stacked(
        {
            f"{name}{words}": beyond.sel(arm=name, place=place, drop=True)
            for place, words in places.items()
            for name in record.arm.values
        },
        "network",
    )


LAW = "law, 64/m"


def against_64(record: xr.Dataset) -> xr.Dataset:
    """Variance over the company in units of that at 64, (arm, place, seed, m), and its law."""
    noise = record.noise / record.noise.sel(m=64, drop=True)
    noise = noise.reset_coords(drop=True)
    law = xr.ones_like(noise.isel(arm=0, drop=True)) * (64 / noise.m)
    both = xr.concat([noise, law.expand_dims(arm=[LAW])], "arm")
    both.attrs = {"units": "1", "long_name": "variance over the company, against m = 64"}
    return never_diverged(both, "noise", "m")
