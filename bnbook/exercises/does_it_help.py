"""Exercises of the chapter on whether batch normalization helps, and what decides."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from scipy.integrate import quad
from scipy.stats import mannwhitneyu, norm

from bnbook import experiments
from bnbook.exercises import Case, Choice, Design, Exercise, Function, Numeric, Remark
from bnbook.exercises._designs import differing
from bnbook.experiments.multiplied_rates import PLAIN
from bnbook.nets import MLP
from bnbook.outcomes.arms import by_norm
from bnbook.outcomes.does_it_help import factor_study, multiplied
from bnbook.stats import MIN_SEEDS, paired
from bnbook.train import Plan, Tuned

PAIRS = {
    "A": (("relu", "sgd", "none"), ("relu", "sgd", "batch")),
    "B": (("relu", "sgd", "none"), ("relu", "adam", "batch")),
    "C": (("tanh", "adam", "batch"), ("tanh", "adam", "none")),
    "D": (("sigmoid", "sgd", "batch"), ("tanh", "sgd", "none")),
    "E": (("softplus", "adam", "batch"), ("softplus", "sgd", "batch")),
}
"""Pairs of arms of the factor study; the first exercise asks which tell what BN does."""
DIFFERING = {name: [a != b for a, b in zip(*pair, strict=True)] for name, pair in PAIRS.items()}
CLEAN = frozenset(name for name, each in DIFFERING.items() if each == [False, False, True])


def unclean(chosen: frozenset[str]) -> str:
    """What is said of pairs that are not those that differ in the normaliser and nothing else."""
    if mixed := {name for name in chosen - CLEAN if DIFFERING[name][2]}:
        return f"pair {', '.join(sorted(mixed))} differs in something else as well"
    if chosen - CLEAN:
        return f"pair {', '.join(sorted(chosen - CLEAN))} says nothing about the normaliser"
    return "a clean pair is missing"


TABLE = np.array([[0.94, 0.92], [0.95, 0.95], [0.87, 0.93]])
"""Mean accuracies of three activations (rows) with two optimizers (columns), for an exercise."""
ROWS, COLUMNS = (float(((TABLE.mean(axis) - TABLE.mean()) ** 2).mean()) for axis in (1, 0))


def straightness() -> Iterator[Case]:
    """Squared correlation of a and φ(a) for a ~ N(0, γ²)."""
    activations: dict[str, Callable[[Any], Any]] = {
        "the identity": lambda a: 1.0 * a,
        "tanh": np.tanh,
        "relu": lambda a: np.maximum(a, 0),
        "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    }
    for name, phi in activations.items():
        for gamma in (0.5, 1.0, 2.0):
            square, at = _squared_correlation(phi, gamma), f"for {name} at γ = {gamma}"
            yield Case(
                (phi, gamma),
                square,
                f"{at} the squared correlation is another",
                {f"{at} that is the correlation, not yet squared": math.sqrt(square)},
            )


def _squared_correlation(phi: Callable[[Any], Any], gamma: float) -> float:
    def mean(of: Callable[[float], float]) -> float:
        return float(quad(lambda z: of(gamma * z) * norm.pdf(z), -10, 10, points=(0,))[0])

    centre = mean(lambda a: float(phi(a)))
    covariance = mean(lambda a: a * float(phi(a)))
    return covariance**2 / (gamma**2 * mean(lambda a: (float(phi(a)) - centre) ** 2))


def unbiased_square() -> Iterator[Case]:
    """Estimate of μ² from values x_s = μ + noise, without the noise's square."""
    rng = np.random.default_rng(0)
    for values in (np.array([1.0, 3.0]), np.array([2.0, 2.5, 2.0]), rng.normal(0.5, 1, 10)):
        n, pairs = len(values), float(values.sum() ** 2 - (values**2).sum())
        yield Case(
            (values,),
            pairs / (n * (n - 1)),
            f"for {n} values it is not the mean product of two different ones",
            {
                "the square of the mean has the noise's square in it": values.mean() ** 2,
                "how many pairs of two different seeds are there?": pairs / n**2,
            },
        )


def unclean_excess() -> float:
    """Sigmoid: what the unclean comparison adds to the mean of the two clean ones."""
    unclean, clean = _comparisons()
    return unclean - clean


def _comparisons() -> tuple[float, float]:
    """Adam with BN minus SGD without, and the mean difference at one optimizer, for sigmoid."""
    record = experiments.run("activations", progress=False)
    cell = factor_study(record).training.sel(activation="sigmoid").mean("seed")
    clean = (cell.sel(norm="batch") - cell.sel(norm="none")).mean("optimizer")
    unclean = cell.sel(optimizer="adam", norm="batch") - cell.sel(optimizer="sgd", norm="none")
    return float(unclean), float(clean)


def batch_size_plan(answer: Plan) -> str | None:
    """A plan that asks whether the gap depends on the batch size."""
    arms = {(arm.net.norm, arm.batch_size): arm for arm in answer.arms}
    sizes = {size for _, size in arms}
    if len(sizes) < 2:
        return "there is only one batch size: the question is whether the gap depends on it"
    if len(arms) != len(answer.arms) or any((k, m) not in arms for k in NORMS for m in sizes):
        return "expected one arm with 'none' and one with 'batch' for each batch size"
    nets = [{**vars(arm.net), "norm": ""} for arm in answer.arms]
    if any(net != nets[0] for net in nets) or not isinstance(answer.arms[0].net, MLP):
        return "the networks differ in more than their normaliser"
    if also := differing(answer.arms, "batch_size", "learning_rate"):
        return also
    rates = [arm.learning_rate for arm in answer.arms]
    if not all(isinstance(rate, Tuned) for rate in rates):
        return "one learning rate does not suit all batch sizes: let each arm tune its own"
    if any(rate != rates[0] for rate in rates):
        return "the arms choose among different rates, or with different effort"
    if len(answer.seeds) < MIN_SEEDS:
        return f"{len(answer.seeds)} seeds cannot carry a verdict"
    if "accuracy" not in {probe.name for probe in answer.probes}:
        return "nothing in the plan measures accuracy"
    return None


def area_by_counting() -> Iterator[Case]:
    """Chance that a positive outranks a negative, a tie counting half."""
    rng = np.random.default_rng(0)
    for decimals in (8, 1):
        positive = rng.random(60) < 0.3
        scores = (rng.normal(size=60) + positive).round(decimals)
        wins = mannwhitneyu(scores[positive], scores[~positive]).statistic
        area = float(wins / (positive.sum() * (~positive).sum()))
        yield Case(
            (scores, positive),
            area,
            "it is not the share of pairs in which the positive has the higher score"
            if decimals == 8
            else "it is right as long as no two scores are equal; what is a tie worth?",
            {"that is the area for the other side: who should outrank whom?": 1 - area},
        )


ACCURACY, MACRO = 0.8 * (1 - 0.0023), 0.8 * 6 / 7


def _gains(activation: str) -> Any:
    """Gain in area of each class of the tabular study, on average over seeds."""
    area = experiments.run("tabular", progress=False).class_auc.isel(step=-1)
    return paired(by_norm(area, activation=activation), "batch", "none").mean("seed")


def _worth(setting: str) -> float:
    """Final accuracy of a ReLU network of the multiplied rates minus that of the plain one."""
    record = experiments.run("multiplied-rates", progress=False)
    last = multiplied(record, "relu").isel(step=-1)
    return float(paired(last, setting, PLAIN).mean("seed"))


NORMS = ("none", "batch")
EXERCISES: tuple[Exercise, ...] = (
    Exercise(
        id="ex-help-1",
        answer=Choice(tuple(PAIRS), CLEAN, unclean, 'a list of letters, such as ["A", "E"]'),
        hints=(
            "Read each name as three settings, and count in how many the two arms differ.",
            "To learn about the normaliser, it must differ, and nothing else may.",
        ),
        wrong=["A", "B", "C"],
        difficulty="warm-up",
        minutes=3,
    ),
    Exercise(
        id="ex-help-2",
        answer=Numeric(
            ROWS / float(TABLE.var()),
            "that is not the mean square of the rows' effects over the variance of the six cells",
            {
                "that is the activation's part of the variance; a share is relative to the "
                "whole": ROWS,
                "the interaction is a part of the whole too": ROWS / (ROWS + COLUMNS),
            },
        ),
        hints=(
            "First the row means and the grand mean; the effect of a row is their difference.",
            "The whole is the variance of the six cells, with 6 in the denominator.",
        ),
        wrong=ROWS,
        difficulty="warm-up",
        minutes=8,
    ),
    Exercise(
        id="ex-help-3",
        answer=Numeric(
            math.log(0.01) / math.log(0.999),
            "that is not the step at which the start's weight has fallen to a hundredth",
            {"after so many steps more than a third of the start is still there": 1000},
            unit="step",
        ),
        hints=(
            "Each step keeps a share of 1 minus the weight of what was there before.",
            "Take logarithms of both sides.",
        ),
        wrong=1000,
        difficulty="warm-up",
        minutes=5,
    ),
    Exercise(
        id="ex-help-4",
        answer=Numeric(
            (3.0, -0.4),
            "put γ·x̂ + β into tanh(a) = 2σ(2a) − 1 and compare",
            expects="a pair (γ, β)",
            remarks=(
                Remark.near("γ is right; the shift stands inside the sigmoid as well", 3.0, 0.01),
                Remark.near(
                    "the other way round: the sigmoid is the slower of the two", 0.75, 0.01
                ),
            ),
            names=("γ", "β"),
        ),
        hints=(
            "tanh(a) = 2σ(2a) − 1: what stands inside σ is the new affine map of x̂.",
            "The factor and the shift outside σ are removed by the next BN.",
        ),
        wrong=(0.75, -0.1),
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-help-5",
        answer=Function(
            "a function of phi and gamma that returns a number", straightness, rel=0.01
        ),
        hints=(
            "Draw a fine sample of a Gaussian, or take its quantiles, times γ.",
            "numpy.corrcoef gives the correlation; mind the square.",
        ),
        wrong=lambda phi, gamma: float(phi(gamma) / gamma),
        difficulty="practice",
        minutes=15,
    ),
    Exercise(
        id="ex-help-6",
        answer=Function("a function of a numpy array (n,) that returns a number", unbiased_square),
        hints=(
            "The noise of two different seeds is independent, so the mean of its product is zero.",
            "The square of the sum holds all pairs; take off those of a seed with itself.",
        ),
        wrong=lambda values: float(np.mean(values) ** 2),
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-help-7",
        answer=Numeric(
            unclean_excess,
            "that is not the unclean difference minus the mean of the two clean ones",
            {
                "that is the whole unclean difference; take off what BN alone is worth": (
                    lambda: _comparisons()[0]
                ),
                "the sign is the other way round": lambda: -unclean_excess(),
            },
            abs=5e-4,
        ),
        hints=(
            'decided.training.sel(activation="sigmoid") has dimensions optimizer, norm and seed.',
            "The unclean difference is adam, batch minus sgd, none; the clean ones keep the "
            "optimizer.",
        ),
        wrong=10.0,
        difficulty="challenge",
        minutes=15,
    ),
    Exercise(
        id="ex-help-8",
        answer=Design(batch_size_plan),
        hints=(
            "bnbook.experiments.get('activations').plan('smoke') has arms with tuned rates.",
            "Take the two arms of one activation and one optimizer, and make copies of them with "
            "dataclasses.replace, one for each batch size.",
        ),
        wrong=experiments.get("activations").plan("smoke"),
        difficulty="challenge",
        minutes=20,
    ),
    Exercise(
        id="ex-help-9",
        answer=Function(
            "a function of two numpy arrays, scores (n,) and booleans (n,) that are true for the "
            "class, that returns a number",
            area_by_counting,
        ),
        hints=(
            "scores[positive][:, None] - scores[~positive] holds every pair.",
            "A pair is worth 1 if the positive is higher, ½ if the two are equal, else 0.",
        ),
        wrong=lambda scores, positive: float(
            (scores[positive][:, None] > scores[~positive]).mean()
        ),
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-help-10",
        answer=Numeric(
            (ACCURACY, MACRO),
            "the accuracy is the mean of the recalls weighted by the classes' shares",
            {"these are the two numbers, the wrong way round": (MACRO, ACCURACY)},
            rel=0.002,  # the accuracy is 0.8 but for the rare class
            expects="two numbers, (accuracy, macro recall)",
            remarks=(
                Remark.near(
                    "in the macro average every class counts alike, also the one that is never "
                    "found",
                    ACCURACY,
                    0.002,
                ),
            ),
            names=("accuracy", "macro recall"),
        ),
        hints=(
            "Write down the recall of each of the seven classes.",
            "One mean weights them by the share of rows, the other by 1/7.",
        ),
        wrong=(0.8, 0.8),
        difficulty="practice",
        minutes=8,
    ),
    Exercise(
        id="ex-help-11",
        answer=Numeric(
            lambda: float(_gains("relu").min()),
            "that is not the smallest, over classes, of the mean difference over seeds",
            {
                "that is the sigmoid network's": lambda: float(_gains("sigmoid").min()),
                "that is the class that gains most; asked is the one that gains least": (
                    lambda: float(_gains("relu").max())
                ),
            },
            abs=1e-5,
        ),
        hints=(
            "The areas are in table.class_auc; take the last step.",
            "bnbook.stats.paired(area, 'relu, batch', 'relu, none'), mean over seeds, then the "
            "minimum.",
        ),
        wrong=0.5,
        difficulty="challenge",
        minutes=15,
    ),
    Exercise(
        id="ex-help-12",
        answer=Numeric(
            (450 / 1.6 / 180, 0.8),
            "a run's time is its steps times the time of each",
            {
                "the first is the ratio of steps: with BN each of them takes longer": (2.5, 0.8),
                "the first multiplies by the price of a step where it should divide": (4.0, 0.8),
                "the first is the time with BN over that without": (180 * 1.6 / 450, 0.8),
                "in the second both races last: how many steps has each in that time?": (
                    450 / 1.6 / 180,
                    1.25,
                ),
            },
            names=("times longer", "epochs"),
            expects="a pair of numbers",
        ),
        hints=(
            "Let a step without BN take 1. How long are both races?",
            "An epoch has as many steps as batches of 60 fit into the training examples.",
        ),
        wrong=(2.5, 0.8),
        difficulty="warm-up",
        minutes=5,
    ),
    Exercise(
        id="ex-help-13",
        answer=Numeric(
            lambda: _worth("batch, × 5"),
            "that is not the mean over seeds of the difference at the last look",
            {
                "that is at the plain network's own rate": lambda: _worth("batch, × 1"),
                "that is at thirty times the rate": lambda: _worth("batch, × 30"),
            },
            abs=1e-5,
        ),
        hints=(
            "multiples.accuracy has the dimensions arm, seed, setting and step.",
            "accuracy.sel(arm='relu', setting='batch, × 5').isel(step=-1) minus that of setting "
            "'none', and its mean over seeds.",
        ),
        wrong=0.9,
        difficulty="project",
        minutes=30,
    ),
)
