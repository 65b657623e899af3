"""Claims of the chapter on the noise of batch statistics, and on the size of weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from bnbook.claims import Claim
from bnbook.stats import log_ratio, paired

TITLE = "Regularization noise"
POSITION = 4
QUESTION = "Is it the noise of batch statistics that helps, as dropout would?"
LARGE = 16  # from this m on the factor (m − 1)/m of the exact law is no matter
DROPOUTS = ("batch", "batch, dropout 0.1", "batch, dropout 0.3", "batch, dropout 0.5")


def last(record: xr.Dataset, variable: str, statistics: str = "population") -> xr.DataArray:
    """`variable` at the last look of each arm, by one kind of statistics; NaN if it diverged."""
    values = record[variable]
    if "statistics" in values.dims:
        values = values.sel(statistics=statistics, drop=True)
    values = values.sel(step=record.steps.astype(int)).drop_vars("step")
    return values.where(record.diverged_at.isnull())


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


def strata(dim: str, parts: Mapping[str, xr.DataArray]) -> xr.DataArray:
    """One value for each name, along a new dimension."""
    return xr.concat(list(parts.values()), dim, coords="minimal").assign_coords({dim: list(parts)})


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
    return strata("of", parts)


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
    return chosen


def _every(record: xr.Dataset, variable: str) -> xr.DataArray:
    """`variable` at the end by each kind of statistics."""
    kinds = [str(kind) for kind in record.statistics.values]
    return strata("statistics", {kind: last(record, variable, kind) for kind in kinds})


def by_size(record: xr.Dataset) -> xr.Dataset:
    """The ends of the arms whose statistics are of 4 to 64 examples, in SGD batches of 64."""
    arms = {size: f"ghost {size}" for size in (4, 8, 16, 32)}
    arms[64] = "batch"
    return at_end(record, arms, "size", "examples behind the statistics")


def by_rate(record: xr.Dataset) -> xr.Dataset:
    """The ends of the arms with BN and dropout behind each hidden layer, by its rate."""
    arms = {0.0 if name == "batch" else float(name.split()[-1]): name for name in DROPOUTS}
    return at_end(record, arms, "rate", "dropout")


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
    grown = strata("part", parts)
    grown.attrs = {"units": "1", "long_name": "growth of ‖W‖²"}
    return xr.Dataset({"grown": grown})


def regularises_less(record: xr.Dataset) -> xr.DataArray:
    """Generalization gap with statistics of 64 examples minus that with statistics of fewer."""
    arms = {f"ghosts of {size} in batches of 64": f"ghost {size}" for size in (16, 8, 4)}
    arms["batches of 16"] = "batch of 16"
    return strata("fewer", {name: paired(gap(record), "batch", arm) for name, arm in arms.items()})


def at_matched_noise(record: xr.Dataset, values: xr.DataArray, arm: str) -> xr.DataArray:
    """`values` (arm, seed) of `arm` minus those of dropout that makes as noisy a logit.

    Within each seed the dropout arms are joined by straight lines over the logarithm of the
    noise; NaN where the noise of `arm` lies outside of theirs.
    """
    noise, found = last(record, "logit_noise").sel(arm=[*DROPOUTS, arm]), []
    for seed in values.seed.values:
        *x, at = np.log(noise.sel(seed=seed).values)
        y = values.sel(arm=list(DROPOUTS), seed=seed).values
        order = np.argsort(x)
        matched = np.interp(at, np.array(x)[order], y[order], left=math.nan, right=math.nan)
        found.append(float(values.sel(arm=arm, seed=seed)) - float(matched))
    return xr.DataArray(found, {"seed": values.seed.values}, "seed")


def like_dropout(record: xr.Dataset) -> xr.DataArray:
    """How ghosts differ from dropout of matched variance, in the gap and in the test loss."""
    parts = {}
    for arm in ("ghost 16", "ghost 8"):
        for values, words in ((gap(record), "gap"), (held_out_loss(record), "test loss")):
            parts[f"{words}, {arm}"] = at_matched_noise(record, values, arm)
    return strata("measured", parts)


def without_dropout(record: xr.Dataset) -> xr.DataArray:
    """Test accuracy of BN alone minus that of BN with dropout, for three kinds of dropout."""
    arms = ("batch, dropout 0.1", "batch, dropout 0.3", "batch, dropout 0.5 last")
    return strata("dropout", {arm: paired(held_out_accuracy(record), "batch", arm) for arm in arms})


def hurt_by_dropout(record: xr.Dataset) -> xr.DataArray:
    """Test accuracy lost to the shift, and lost against dropout behind the last BN, by depth.

    Lost to the shift is what the same network wins back when its statistics are collected anew
    without dropout.
    """
    won = held_out_accuracy(record, "precise") - held_out_accuracy(record)
    parts = {}
    for depth, arm in (("2 layers", "batch"), ("6 layers", "deep")):
        parts[f"to the shift, {depth}"] = won.sel(arm=f"{arm}, dropout 0.5", drop=True)
        parts[f"against behind, {depth}"] = paired(
            held_out_accuracy(record), f"{arm}, dropout 0.5 last", f"{arm}, dropout 0.5"
        )
    return strata("lost", parts)


def less_growth(record: xr.Dataset) -> xr.DataArray:
    """log ratio of the growth ‖W_T‖/‖W_0‖ without BN over that with it, by activation and layer."""
    norm = record.weight_norm
    growth = norm.isel(step=-1, drop=True) / norm.isel(step=0, drop=True)
    parts = {}
    for activation in ("sigmoid", "tanh", "relu"):
        for layers, words in (([0, 1], "hidden"), ([2], "head")):
            chosen = growth.isel(layer=layers).mean("layer")
            parts[f"{activation}, {words}"] = log_ratio(chosen, activation, f"{activation}+batch")
    return strata("weights", parts)


def decay_beyond_rate(record: xr.Dataset) -> xr.DataArray:
    """Test loss of the arm with the matched rate minus that with decay, with BN."""
    loss = record.loss.sel(split="test", statistics="precise", drop=True).isel(step=-1, drop=True)
    parts = {
        "weights before BN": ("batch, matched rate", "batch, decay"),
        "every parameter": ("batch, matched to everywhere", "batch, decay everywhere"),
    }
    return strata("decays", {name: paired(loss, *arms) for name, arms in parts.items()})


CLAIMS = (
    Claim(
        id="noise-1",
        says="The noise of batch statistics falls as one over the size of the batch.",
        source="ng2017why",
        experiment="batch-noise",
        statistic=falls_as_1_over_m,
        unit="exponent beyond 1",
        matters=0.1,
        kind="equivalent",
        stratified_by="of",
        note="Slope of the logarithm of the variance of μ_B, and of σ²_B, over log m for m from "
        "16 to 256, plus one, with the sign turned; averaged over units and hidden layers.",
    ),
    Claim(
        id="noise-2",
        says="A larger statistics batch regularises less.",
        source="ng2017why",
        experiment="ghost-dropout",
        statistic=regularises_less,
        unit="nat of generalization gap",
        matters=0.01,
        stratified_by="fewer",
        note="Test loss minus training loss, by population statistics, with statistics of 64 "
        "examples minus the same with statistics of fewer.",
    ),
    Claim(
        id="noise-3",
        says="The noise of batch normalization acts like dropout of matched variance.",
        source="ng2017why",
        experiment="ghost-dropout",
        statistic=like_dropout,
        unit="nat",
        matters=0.01,
        kind="equivalent",
        stratified_by="measured",
        note="Matched in the share of a logit's variance that is chance; the dropout stands behind "
        "every hidden layer of a network with BN over the whole batch.",
    ),
    Claim(
        id="noise-4",
        says="With batch normalization, dropout can be removed.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="ghost-dropout",
        statistic=without_dropout,
        unit="accuracy",
        matters=0.005,
        kind="at-least",
        stratified_by="dropout",
    ),
    Claim(
        id="noise-5",
        says="Dropout before batch normalization hurts, because the variance shifts between "
        "training and use.",
        source="li2019understanding",
        experiment="ghost-dropout",
        statistic=hurt_by_dropout,
        unit="accuracy",
        matters=0.005,
        stratified_by="lost",
        note="Rate 0.5. Lost to the shift: precise statistics, collected without dropout, minus "
        "running ones, on the same network.",
    ),
    Claim(
        id="noise-6",
        says="Batch normalization limits the growth of weights.",
        source="chang2017why",
        experiment="weight-growth",
        statistic=less_growth,
        unit="log ratio of growth",
        matters=math.log(1.05),
        stratified_by="weights",
        note="Growth is ‖W‖ at the end over ‖W‖ at the start.",
    ),
    Claim(
        id="noise-7",
        says="Weight decay with batch normalization acts only through the effective learning rate.",
        source="vanlaarhoven2017l2",
        experiment="decay-or-rate",
        statistic=decay_beyond_rate,
        unit="nat of test loss",
        matters=0.01,
        kind="equivalent",
        stratified_by="decays",
        note="Precise statistics: the running ones trail, and so depend on how the size of the "
        "weights has changed.",
    ),
)
