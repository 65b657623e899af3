"""Claims of the chapter on whether batch normalization helps, and what decides."""

from __future__ import annotations

import math

import xarray as xr

from bnbook import data
from bnbook.claims import Claim
from bnbook.decomposition import shares
from bnbook.outcomes import CHANCE, TARGET, by_depth, by_setting, factor_study, held_out
from bnbook.stats import log_ratio, paired, steps_to

TITLE = "Does it help, and what decides?"
POSITION = 3
QUESTION = "Where does BN help, where does it not, and what decides?"
DEEP = (10, 20)  # hidden layers


def fewer_steps(record: xr.Dataset) -> xr.DataArray:
    """How many times more steps to the target without BN, as a logarithm."""
    return log_ratio(steps_to(held_out(record), TARGET), "none", "batch")


SEEN = {"training": "while training", "final": "at the end"}


def gain_by_activation(record: xr.Dataset) -> xr.DataArray:
    """Accuracy with BN minus without, averaged over the optimizers, of each activation."""
    found = factor_study(record)
    parts = {}
    for seen, words in SEEN.items():
        gain = paired(found[seen].rename(norm="arm"), "batch", "none").mean("optimizer")
        for activation in gain.activation.values:
            parts[f"{activation}, {words}"] = gain.sel(activation=activation, drop=True)
    return _strata(parts, "case")


def sigmoid_gains_most(record: xr.Dataset) -> xr.DataArray:
    """The sigmoid's gain from BN minus the largest other one.

    The largest is that of the highest mean over seeds, for each way of looking.
    """
    found = factor_study(record)
    parts = {}
    for seen, words in SEEN.items():
        gain = paired(found[seen].rename(norm="arm"), "batch", "none").mean("optimizer")
        others = gain.drop_sel(activation="sigmoid")
        best = others.isel(activation=others.mean("seed").argmax("activation"), drop=True)
        parts[words] = gain.sel(activation="sigmoid", drop=True) - best
    return _strata(parts, "seen")


def activation_over_optimizer(record: xr.Dataset) -> xr.DataArray:
    """With BN: the activation's share of the variance minus the optimizer's, as pseudo-values."""
    found = factor_study(record).sel(norm="batch", drop=True)
    parts = {}
    for name, words in {"log_steps": "steps to 90 %", "final": "final accuracy"}.items():
        share = shares(found[name])
        parts[words] = share.sel(effect="activation", drop=True) - share.sel(
            effect="optimizer", drop=True
        )
    return _strata(parts, "measure")


def plain_sgd_against_adam(record: xr.Dataset) -> xr.DataArray:
    """ReLU networks: accuracy with SGD and BN minus that with Adam and without."""
    found = factor_study(record).sel(activation="relu", drop=True)
    parts = {
        words: found[seen].sel(optimizer="sgd", norm="batch", drop=True)
        - found[seen].sel(optimizer="adam", norm="none", drop=True)
        for seen, words in SEEN.items()
    }
    return _strata(parts, "seen")


def deep_gain(record: xr.Dataset) -> xr.DataArray:
    """Final test accuracy with BN minus without, of each activation at each great depth."""
    gain = paired(by_depth(record).accuracy.fillna(CHANCE), "batch", "none")
    parts = {
        f"{activation}, {depth:g} layers": gain.sel(activation=activation, depth=depth, drop=True)
        for activation in gain.activation.values
        for depth in gain.depth.values
        if depth in DEEP
    }
    return _strata(parts, "network")


def highest_rate(record: xr.Dataset) -> xr.DataArray:
    """The highest learning rate whose accuracy is at least 0.9 of the arm's best, by activation.

    Compared as a logarithm, with BN over without, at the usual initial weights.
    """
    accuracy = by_setting(record).accuracy.fillna(CHANCE).sel(init_scale=1.0, drop=True)
    tolerable = accuracy >= 0.9 * accuracy.max("learning_rate")
    highest = accuracy.learning_rate.where(tolerable).max("learning_rate")
    return log_ratio(highest.rename(norm="arm"), "batch", "none")


def lost_to_bad_weights(record: xr.Dataset) -> xr.DataArray:
    """Accuracy lost when the initial weights are not of the usual size, none minus BN.

    The mean over the other sizes is compared with the usual one, either at the learning rate that
    is best for the usual one, or at the best for each; best is the highest mean over seeds.
    """
    accuracy = by_setting(record).accuracy.fillna(CHANCE).rename(norm="arm")
    at_best = {
        "rate kept": accuracy.isel(
            learning_rate=accuracy.sel(init_scale=1.0, drop=True)
            .mean("seed")
            .argmax("learning_rate")
        ),
        "rate tuned anew": accuracy.isel(
            learning_rate=accuracy.mean("seed").argmax("learning_rate")
        ),
    }
    parts = {}
    for how, found in at_best.items():
        lost = found.sel(init_scale=1.0, drop=True) - found.drop_sel(init_scale=1.0).mean(
            "init_scale"
        )
        saved = paired(lost.reset_coords(drop=True), "none", "batch")
        for activation in saved.activation.values:
            parts[f"{activation}, {how}"] = saved.sel(activation=activation, drop=True)
    return _strata(parts, "case")


def _strata(parts: dict[str, xr.DataArray], dim: str) -> xr.DataArray:
    """One array along `dim` of what was found for each of its labels."""
    return xr.concat(list(parts.values()), dim, coords="minimal", compat="override").assign_coords(
        {dim: list(parts)}
    )


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
        f"{activation}, {when}": paired(values, f"{activation}+batch", activation)
        for activation in ("sigmoid", "relu")
        for when, values in seen.items()
    }
    return _strata(parts, "network")


def area_by_class(record: xr.Dataset, activation: str = "sigmoid") -> xr.DataArray:
    """Area under the ROC curve of each class at the end, with BN minus without."""
    area = record.class_auc.isel(step=-1, drop=True)
    names = next(row["classes"] for row in data.describe() if row["name"] == record.attrs["data"])
    return paired(area, f"{activation}+batch", activation).assign_coords({"class": list(names)})


def dearer_step(record: xr.Dataset) -> xr.DataArray:
    """log(with BN/without) of a step's time, the fastest of its rounds, at the source's sizes."""
    seconds = record.step_time.sel(width=100, batch_size=60, summary="minimum", drop=True)
    return log_ratio(seconds, "batch", "none")


CLAIMS = (
    Claim(
        id="help-1",
        says="Batch normalization trains faster: a 3 × 100 sigmoid network on MNIST reaches 90 % "
        "in fewer steps.",
        source="notes2015ioffe, replication, ioffe2015batch",
        experiment="internal-shift",
        statistic=fewer_steps,
        unit="log ratio of steps",
        matters=math.log(1.25),
    ),
    Claim(
        id="help-2",
        says="There it also ends more accurate.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="internal-shift",
        statistic=lambda record: paired(held_out(record).isel(step=-1, drop=True), "batch", "none"),
        unit="accuracy",
        matters=0.01,
        note="A replication finds the opposite, 90.7 % with and 94 % without.",
    ),
    Claim(
        id="help-3",
        says="Batch normalization helps with every activation.",
        source="chang2017why",
        experiment="activations",
        statistic=gain_by_activation,
        unit="accuracy",
        matters=0.01,
        stratified_by="case",
    ),
    Claim(
        id="help-4",
        says="It helps the sigmoid most.",
        source="chang2017why",
        experiment="activations",
        statistic=sigmoid_gains_most,
        unit="accuracy",
        matters=0.01,
        stratified_by="seen",
        note="The sigmoid's gain minus the largest gain of another activation.",
    ),
    Claim(
        id="help-5",
        says="With batch normalization, the activation matters more than the optimizer.",
        source="chang2017why",
        experiment="activations",
        statistic=activation_over_optimizer,
        unit="share of variance",
        matters=0.1,
        stratified_by="measure",
        note="The intervals are over jackknife pseudo-values of the shares.",
    ),
    Claim(
        id="help-6",
        says="ReLU with plain SGD and batch normalization is as good as ReLU with Adam and none.",
        source="chang2017why",
        experiment="activations",
        statistic=plain_sgd_against_adam,
        unit="accuracy",
        matters=0.01,
        stratified_by="seen",
        kind="at-least",
    ),
    Claim(
        id="help-7",
        says="Batch normalization lets deep networks of saturating units train.",
        source="notes2015ioffe, ioffe2015batch",
        experiment="saturating-depth",
        statistic=deep_gain,
        unit="accuracy",
        matters=0.05,
        stratified_by="network",
    ),
    Claim(
        id="help-8",
        says="Batch normalization tolerates higher learning rates.",
        source="notes2015ioffe, debrief2018, ioffe2015batch",
        experiment="robustness",
        statistic=highest_rate,
        unit="log ratio of rates",
        matters=math.log(2),
        stratified_by="activation",
    ),
    Claim(
        id="help-9",
        says="Batch normalization tolerates worse initial weights.",
        source="notes2015ioffe, replication, ioffe2015batch",
        experiment="robustness",
        statistic=lost_to_bad_weights,
        unit="accuracy",
        matters=0.05,
        stratified_by="case",
    ),
    Claim(
        id="help-10",
        says="Batch normalization helps on a table of numbers too, BNG(glass).",
        source="replication",
        experiment="tabular",
        statistic=on_the_table,
        unit="accuracy",
        matters=0.01,
        stratified_by="network",
        note="Each arm at a learning rate tuned on other seeds. Below the paper scale the table "
        "is not BNG(glass) but one made in its likeness.",
    ),
    Claim(
        id="help-11",
        says="Batch normalization costs time in every training step.",
        source="replication",
        experiment="step-cost",
        statistic=dearer_step,
        unit="log ratio of time",
        matters=math.log(1.05),
        note="3 × 100 sigmoid units, batches of 60, torch's own layers on one thread of a CPU. "
        "The source reports 1,079 s against 932 s, a ratio of 1.16.",
    ),
    Claim(
        id="help-12",
        says="On every class of that table the ROC curve with batch normalization has at least "
        "the area of that without.",
        source="replication",
        experiment="tabular",
        statistic=area_by_class,
        unit="area",
        matters=0.01,
        kind="at-least",
        stratified_by="class",
        note="One class against the rest, the sigmoid network, at the end of training.",
    ),
)
