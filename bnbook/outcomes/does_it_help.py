"""What is read off the records of the chapter on whether BN helps, and what decides."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from bnbook import data
from bnbook.experiments.first_race import BATCH_SIZE
from bnbook.experiments.multiplied_rates import MULTIPLES, PLAIN, SETTINGS
from bnbook.experiments.saturating_depth import CORRECTED
from bnbook.outcomes.arms import (
    at_choice_of_others,
    at_the_end,
    by_norm,
    chance,
    class_names,
    held_out,
    joined,
    never_diverged,
    on_the_way,
    stacked,
    unfold,
)
from bnbook.outcomes.decomposition import shares
from bnbook.stats import log_ratio, paired, restricted, steps_to

TARGET = 0.9  # test accuracy that counts as having learned the digits
LARGEST = 5
"""Effects of the reversal that are named; the rest are added up."""
DEEP = (10, 20)  # hidden layers


def factor_study(record: xr.Dataset) -> xr.Dataset:
    """What is decided in the factor study, by activation, optimizer, norm and seed.

    `training` is the accuracy on training digits by batch statistics, averaged over the looks
    after the first, which are evenly spaced in the logarithm of the step, so that it rewards
    speed; `final` that on test digits at the end, by population statistics; `log_steps` the
    logarithm of the steps to the target on test digits, `learning_rate` the one tuned.
    """
    found = xr.Dataset(
        {
            "training": on_the_way(record),
            "final": at_the_end(record),
            "log_steps": np.log(restricted(steps_to(held_out(record), TARGET))),
            "learning_rate": record.learning_rate,
        }
    )
    unfolded = unfold(found, "activation", "optimizer", "norm")
    names = ("training accuracy", "final test accuracy", "log steps to 90 %", "learning rate")
    for each, name in zip(unfolded.data_vars.values(), names, strict=True):
        each.attrs = {"units": "1", "long_name": name}
    return unfolded


def as_table(study: xr.Dataset) -> xr.Dataset:
    """`factor_study` with a column for each optimizer and norm, named as "sgd, batch"."""
    columns = study.stack(arm=("optimizer", "norm"))
    names = [", ".join(pair) for pair in columns.arm.values]
    return columns.drop_vars(["arm", "optimizer", "norm"]).assign_coords(arm=names)


AMONG = {"all arms": None, "with BN": "batch", "without BN": "none"}


def study_shares(study: xr.Dataset, outcome: str, among: str = "all arms") -> xr.Dataset:
    """Shares of the variance of an outcome of `factor_study` over the arms of `AMONG`."""
    norm = AMONG[among]
    chosen = study[outcome] if norm is None else study[outcome].sel(norm=norm, drop=True)
    return shares(chosen).to_dataset(name="share")


COMPARISONS = {
    "SGD, BN against none": (("sgd", "batch"), ("sgd", "none")),
    "Adam, BN against none": (("adam", "batch"), ("adam", "none")),
    "Adam with BN against SGD without": (("adam", "batch"), ("sgd", "none")),
}


def comparisons(record: xr.Dataset) -> xr.Dataset:
    """Differences of `factor_study` between two arms, two of them clean and the last one not."""
    found = factor_study(record)
    parts = [
        found.sel(optimizer=treated[0], norm=treated[1], drop=True)
        - found.sel(optimizer=control[0], norm=control[1], drop=True)
        for treated, control in COMPARISONS.values()
    ]
    named = xr.concat(parts, "comparison").assign_coords(comparison=list(COMPARISONS))
    for name, each in named.data_vars.items():
        each.attrs = {"units": "1", "long_name": f"difference in {found[name].long_name}"}
    return named


def gaps(record: xr.Dataset) -> xr.Dataset:
    """Test accuracy of each arm of the reversal minus that without BN, within a seed."""
    plain = record.accuracy.sel(arm="none", drop=True)
    gap = record.accuracy.drop_sel(arm="none") - plain
    return gap.assign_attrs(units="1", long_name="gap to no BN").to_dataset(name="gap")


GAPS: dict[str, dict[str, Any]] = {
    "every way of testing": {},
    "precise statistics": {"statistics": "precise"},
    "precise, higher rates": {"statistics": "precise", "learning_rate": slice(1, None)},
}
"""Parts of the reversal; at the lowest of its rates the plain network has hardly begun to learn."""


def gap_shares(record: xr.Dataset, among: str) -> xr.Dataset:
    """Shares of the variance of the gap over the last two looks and the part `among` of `GAPS`.

    The largest effects are named and the others added up.
    """
    names = {
        "learning_rate": "learning rate",
        "size": "training digits",
        "step": "steps",
        "arm": "initial γ",
    }
    gap = gaps(record).gap.isel(arm=slice(0, 2), step=slice(-2, None))
    for dim, choice in GAPS[among].items():
        gap = gap.isel({dim: choice}) if isinstance(choice, slice) else gap.sel({dim: choice})
    share = shares(gap.reset_coords(drop=True).rename(names))
    order = np.argsort(-share.mean("seed").values)
    named, rest = share.isel(effect=order[:LARGEST]), share.isel(effect=order[LARGEST:])
    others = rest.sum("effect", skipna=False).expand_dims(effect=["all others"])
    return xr.concat([named, others], "effect").to_dataset(name="share")


def by_setting(record: xr.Dataset) -> xr.Dataset:
    """Final test accuracy by activation, learning rate, init scale, norm; NaN where diverged."""
    final = _final(record, "activation", "rate", "init_scale", "norm")
    return final.rename(rate="learning_rate")


def by_depth(record: xr.Dataset) -> xr.Dataset:
    """Final test accuracy by activation, depth and, as "arm", cure; NaN where diverged."""
    return _final(record, "activation", "depth", "cure").rename(cure="arm")


def _final(record: xr.Dataset, *factors: str) -> xr.Dataset:
    """With it when a network diverged, which figures need to tell it from one not measured."""
    final = held_out(record).isel(step=-1, drop=True)
    final.attrs = {"units": "1", "long_name": "test accuracy"}
    both = xr.Dataset({"accuracy": final, "diverged_at": record.diverged_at}, attrs=record.attrs)
    return unfold(both, *factors)


SHARE = 0.95
"""Of the best final test accuracy of a race, averaged over seeds: what counts as having learned."""


def races(record: xr.Dataset) -> xr.Dataset:
    """The record of `first-race` with dimensions init, choice and, as "arm", norm."""
    return unfold(record, "init", "choice", "norm").rename(norm="arm")


def target(record: xr.Dataset) -> float:
    """The test accuracy that counts as having learned: a share of the best arm's at the end."""
    return SHARE * float(at_the_end(record).mean("seed").max())


def fewer_steps(record: xr.Dataset) -> xr.DataArray:
    """How many times more steps to the target without BN, as a logarithm, by race."""
    steps = steps_to(held_out(races(record)), target(record))
    return by_race(log_ratio(steps, "none", "batch"))


def final_gain(record: xr.Dataset) -> xr.DataArray:
    """Final test accuracy with BN minus without, by race."""
    return by_race(paired(at_the_end(races(record)), "batch", "none"))


def by_race(effect: xr.DataArray) -> xr.DataArray:
    """Strata "glorot, tuned" in place of the dimensions init and choice."""
    return joined(effect, "race", "init", "choice")


SEEN = {"training": "while training", "final": "at the end"}


def gain_by_activation(record: xr.Dataset) -> xr.DataArray:
    """Accuracy with BN minus without, averaged over the optimizers, of each activation."""
    found = factor_study(record)
    parts = {}
    for seen, words in SEEN.items():
        gain = paired(found[seen].rename(norm="arm"), "batch", "none").mean("optimizer")
        for activation in gain.activation.values:
            parts[f"{activation}, {words}"] = gain.sel(activation=activation, drop=True)
    return stacked(parts, "case")


def sigmoid_gains_most(record: xr.Dataset) -> xr.DataArray:
    """The sigmoid's gain from BN minus that of every other activation, by way of looking."""
    found = factor_study(record)
    parts = {}
    for seen, words in SEEN.items():
        gain = paired(found[seen].rename(norm="arm"), "batch", "none").mean("optimizer")
        more = gain.sel(activation="sigmoid", drop=True) - gain.drop_sel(activation="sigmoid")
        for rival in more.activation.values:
            parts[f"than {rival}, {words}"] = more.sel(activation=rival)
    return stacked(parts, "rival")


def activation_over_optimizer(record: xr.Dataset) -> xr.DataArray:
    """With BN: the activation's share of the variance minus the optimizer's, as pseudo-values."""
    found = factor_study(record).sel(norm="batch", drop=True)
    parts = {}
    for name, words in {"log_steps": "steps to 90 %", "final": "final accuracy"}.items():
        share = shares(found[name])
        parts[words] = share.sel(effect="activation", drop=True) - share.sel(
            effect="optimizer", drop=True
        )
    return stacked(parts, "measure")


def plain_sgd_against_adam(record: xr.Dataset) -> xr.DataArray:
    """ReLU networks: accuracy with SGD and BN minus that with Adam and without."""
    found = factor_study(record).sel(activation="relu", drop=True)
    parts = {
        words: found[seen].sel(optimizer="sgd", norm="batch", drop=True)
        - found[seen].sel(optimizer="adam", norm="none", drop=True)
        for seen, words in SEEN.items()
    }
    return stacked(parts, "seen")


def deep_gain(record: xr.Dataset) -> xr.DataArray:
    """Final test accuracy with BN minus without, of each activation at each great depth.

    Without is once the same network, and once one whose initial weights are corrected for the
    slope of its units and that is trained by Adam.
    """
    accuracy = by_depth(record).accuracy.fillna(chance(record))
    rivals = {"plain": "none", "corrected": CORRECTED}
    parts = {
        f"{activation}, {depth:g} layers, {words}": paired(accuracy, "batch", rival).sel(
            activation=activation, depth=depth
        )
        for activation in accuracy.activation.values
        for depth in accuracy.depth.values
        for words, rival in rivals.items()
        if depth in DEEP
    }
    return stacked(parts, "network")


def highest_rate(record: xr.Dataset) -> xr.DataArray:
    """The highest learning rate whose accuracy is at least 0.9 of the arm's best, by activation.

    Compared as a logarithm, with BN over without, at the usual initial weights.
    """
    accuracy = by_setting(record).accuracy.fillna(chance(record)).sel(init_scale=1.0, drop=True)
    tolerable = accuracy >= 0.9 * accuracy.max("learning_rate")
    highest = accuracy.learning_rate.where(tolerable).max("learning_rate")
    return log_ratio(highest.rename(norm="arm"), "batch", "none")


def lost_to_bad_weights(record: xr.Dataset) -> xr.DataArray:
    """Accuracy lost when the initial weights are not of the usual size, none minus BN.

    The mean over the other sizes is compared with the usual one, either at the learning rate that
    is best for the usual one, or at the best for each; best is the one that the other seeds say.
    """
    accuracy = by_setting(record).accuracy.fillna(chance(record)).rename(norm="arm")
    usual = accuracy.sel(init_scale=1.0, drop=True)
    at_best = {
        "rate kept": at_choice_of_others(accuracy, usual, "learning_rate"),
        "rate tuned anew": at_choice_of_others(accuracy, accuracy, "learning_rate"),
    }
    parts = {}
    for how, found in at_best.items():
        lost = found.sel(init_scale=1.0, drop=True) - found.drop_sel(init_scale=1.0).mean(
            "init_scale"
        )
        saved = paired(lost.reset_coords(drop=True), "none", "batch")
        for activation in saved.activation.values:
            parts[f"{activation}, {how}"] = saved.sel(activation=activation, drop=True)
    return stacked(parts, "case")


def on_the_table(record: xr.Dataset) -> xr.DataArray:
    """Accuracy with BN minus without, for each activation, in training and at the end.

    Both are on test rows by running statistics; the looks that are averaged are evenly spaced in
    the logarithm of the step, and so reward speed.
    """
    accuracy = held_out(record)
    seen = {
        "while training": accuracy.isel(step=slice(1, None)).mean("step"),
        "at the end": accuracy.isel(step=-1, drop=True),
    }
    parts = {
        f"{activation}, {when}": paired(by_norm(values, activation=activation), "batch", "none")
        for activation in ("sigmoid", "relu")
        for when, values in seen.items()
    }
    return stacked(parts, "network")


def area_by_class(record: xr.Dataset, activation: str = "sigmoid") -> xr.DataArray:
    """Area under the ROC curve of each class at the end, with BN minus without."""
    area = record.class_auc.isel(step=-1, drop=True)
    gain = paired(by_norm(area, activation=activation), "batch", "none")
    return gain.assign_coords({"class": list(class_names(record))})


def dearer_step(record: xr.Dataset) -> xr.DataArray:
    """log(with BN/without) of a step's time, the fastest of its rounds, at the source's sizes."""
    seconds = record.step_time.sel(width=100, batch_size=60, summary="minimum", drop=True)
    return log_ratio(seconds, "batch", "none")


AT = dict(zip(MULTIPLES, SETTINGS[1:], strict=True))
"""The network with BN at a multiple of the plain network's best rate, as the record names it."""


def multiplied(record: xr.Dataset, activation: str) -> xr.DataArray:
    """Test accuracy (arm, seed, step) of `multiplied-rates` for one activation."""
    found = record.accuracy.sel(arm=activation, drop=True).astype(float)
    return found.reset_coords(drop=True).rename(setting="arm")


def as_accurate_as_plain(record: xr.Dataset, times: int, other: str = PLAIN) -> xr.DataArray:
    """Log ratio (seed,) of the steps of `other` to those with BN at a multiple, ReLU network.

    Steps until a network is as accurate as the plain one ends on average, times `SHARE`.
    """
    found = multiplied(record, "relu")
    end = float(found.sel(arm=PLAIN).isel(step=-1).mean("seed"))
    return log_ratio(steps_to(found, SHARE * end), other, AT[times])


def more_accurate_at(
    record: xr.Dataset, times: int, other: str = PLAIN, activation: str = "relu"
) -> xr.DataArray:
    """Accuracy at the end with BN at a multiple of the plain rate minus that of `other`."""
    return paired(multiplied(record, activation).isel(step=-1, drop=True), AT[times], other)


def multiples(record: xr.Dataset) -> xr.Dataset:
    """`multiplied` for both activations (activation, arm, seed, step), as curves take it."""
    kinds = [str(name) for name in record.activation.values]
    both = xr.concat([multiplied(record, name) for name in kinds], "activation")
    both = both.assign_coords(activation=kinds).transpose("arm", "activation", "seed", "step")
    return never_diverged(both.assign_attrs(record.accuracy.attrs), "accuracy", "step")


def plain_rates(record: xr.Dataset) -> dict[str, float]:
    """The plain network's best learning rate in `multiplied-rates`, by activation."""
    rates = record["rate"].sel(setting=PLAIN).isel(seed=0)
    return {str(name): float(f"{float(rates.sel(arm=name)):g}") for name in rates["arm"].values}


def epochs(record: xr.Dataset) -> xr.Dataset:
    """Test accuracy of `first-race` (arm, init, choice, seed, epoch): times through its examples.

    These are what is left of a split when a fifth of the pool has been put aside for tuning.
    """
    examples = len(data.load(record.data).apart()[0].train)
    accuracy = held_out(races(record)).assign_attrs(units="1", long_name="test accuracy")
    at = [float(step) * BATCH_SIZE / examples for step in record.step.values]
    found = accuracy.rename(step="epoch").assign_coords(epoch=at)
    found.epoch.attrs["long_name"] = "epochs"
    return never_diverged(found, "accuracy", "epoch")


def digit_areas(record: xr.Dataset) -> xr.DataArray:
    """Area under the ROC curve of each class of `digit-roc` at the end, with BN minus without."""
    gain = paired(record.class_auc.isel(step=-1, drop=True), "batch", "none")
    return gain.assign_coords({"class": list(class_names(record))})


def clocked(record: xr.Dataset) -> xr.Dataset:
    """`race-by-clock` with dimensions choice and, as "arm", norm."""
    return unfold(record[["accuracy", "step_time"]], "choice", "norm").rename(norm="arm")


def less_time(record: xr.Dataset) -> xr.DataArray:
    """Log ratio of the training time to the target, none over BN; and the same in steps.

    The time is the number of steps times the median time of a step of that arm, in that seed.
    """
    found = clocked(record)
    goal = SHARE * float(found.accuracy.isel(step=-1).mean("seed").max())
    steps = log_ratio(steps_to(found.accuracy, goal), "none", "batch")
    parts = {"in time": steps + log_ratio(found.step_time, "none", "batch"), "in steps": steps}
    return stacked(
        {
            f"{choice} rate, {words}": values.sel(choice=choice, drop=True)
            for words, values in parts.items()
            for choice in found.choice.values
        },
        "race",
    )


CLOCK_LOOKS = 24
"""Moments at which the figure of the race by the clock shows accuracies."""


def by_clock(record: xr.Dataset) -> xr.Dataset:
    """Test accuracy (choice, arm, seed, seconds) of `race-by-clock`, as curves take it.

    Between two looks the accuracy is taken as straight in time. The moments end with the run that
    ends first, so that all seeds are in every mean.
    """
    found = clocked(record)
    spent = (found.step * found.step_time / 1e3).transpose(*found.accuracy.dims)
    first, last = (float(spent.isel(step=at).min()) for at in (1, -1))
    moments = np.geomspace(first, last, CLOCK_LOOKS)
    accuracy = xr.apply_ufunc(
        lambda at, path: np.interp(moments, at, path),
        spent,
        found.accuracy,
        input_core_dims=[["step"], ["step"]],
        output_core_dims=[["seconds"]],
        vectorize=True,
    ).assign_coords(seconds=moments)
    accuracy.attrs = {"units": "1", "long_name": "test accuracy"}
    accuracy.seconds.attrs = {"units": "s", "long_name": "training time"}
    return never_diverged(accuracy, "accuracy", "seconds")
