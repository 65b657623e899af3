"""Exercises of the chapter on whether batch normalization helps, and what decides."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from scipy.integrate import quad
from scipy.stats import mannwhitneyu, norm

from bnbook import experiments
from bnbook.exercises import Exercise
from bnbook.nets import MLP
from bnbook.outcomes.arms import by_norm
from bnbook.outcomes.does_it_help import factor_study
from bnbook.stats import paired
from bnbook.train import Plan, Tuned

TITLE = "Does it help, and what decides?"
POSITION = 3

PAIRS = {
    "A": (("relu", "sgd", "none"), ("relu", "sgd", "batch")),
    "B": (("relu", "sgd", "none"), ("relu", "adam", "batch")),
    "C": (("tanh", "adam", "batch"), ("tanh", "adam", "none")),
    "D": (("sigmoid", "sgd", "batch"), ("tanh", "sgd", "none")),
    "E": (("softplus", "adam", "batch"), ("softplus", "sgd", "batch")),
}
"""Pairs of arms of the factor study; the first exercise asks which tell what BN does."""


def clean_pairs(answer: Collection[str]) -> str | None:
    """Which of `PAIRS` differ in the normaliser and in nothing else."""
    chosen = {str(each).strip().upper() for each in answer}
    if unknown := chosen - set(PAIRS):
        return f"there is no pair {', '.join(sorted(unknown))}; they are {', '.join(PAIRS)}"
    differing = {name: [a != b for a, b in zip(*pair, strict=True)] for name, pair in PAIRS.items()}
    right = {name for name, different in differing.items() if different == [False, False, True]}
    if mixed := {name for name in chosen - right if differing[name][2]}:
        return f"pair {', '.join(sorted(mixed))} differs in something else as well"
    if chosen - right:
        return f"pair {', '.join(sorted(chosen - right))} says nothing about the normaliser"
    return None if chosen == right else "a clean pair is missing"


TABLE = np.array([[0.94, 0.92], [0.95, 0.95], [0.87, 0.93]])
"""Mean accuracies of three activations (rows) with two optimizers (columns), for an exercise."""


def share_by_hand(answer: float) -> str | None:
    """The activation's share of the variance of `TABLE`."""
    rows = TABLE.mean(1) - TABLE.mean()
    share = float((rows**2).mean() / TABLE.var())
    if math.isclose(answer, share, rel_tol=0.02):
        return None
    if math.isclose(answer, (rows**2).mean(), rel_tol=0.02):
        return "that is the activation's part of the variance; a share is relative to the whole"
    columns = TABLE.mean(0) - TABLE.mean()
    together = (rows**2).mean() + (columns**2).mean()
    if math.isclose(answer, (rows**2).mean() / together, rel_tol=0.02):
        return "the interaction is a part of the whole too"
    return "that is not the mean square of the rows' effects over the variance of the six cells"


def steps_to_forget(answer: float) -> str | None:
    """Steps until (1 − 0.001)^t is 0.01."""
    exact = math.log(0.01) / math.log(0.999)
    if math.isclose(answer, exact, rel_tol=2e-3):
        return None
    if math.isclose(answer, 1000, rel_tol=0.05):
        return "after so many steps more than a third of the start is still there"
    return "that is not the step at which the start's weight has fallen to a hundredth"


def gain_of_the_twin(answer: tuple[float, float]) -> str | None:
    """γ and β of a sigmoid layer that does what a tanh layer with γ = 1.5, β = −0.2 does."""
    gamma, beta = answer
    if math.isclose(gamma, 3.0, rel_tol=1e-6) and math.isclose(beta, -0.4, rel_tol=1e-6):
        return None
    if math.isclose(gamma, 3.0, rel_tol=1e-6):
        return "γ is right; the shift stands inside the sigmoid as well"
    if math.isclose(gamma, 0.75, rel_tol=1e-6):
        return "the other way round: the sigmoid is the slower of the two"
    return "put γ·x̂ + β into tanh(a) = 2σ(2a) − 1 and compare"


def straightness(answer: Callable[[Callable[[Any], Any], float], float]) -> str | None:
    """Squared correlation of a and φ(a) for a ~ N(0, γ²)."""
    cases: dict[str, Callable[[Any], Any]] = {
        "the identity": lambda a: 1.0 * a,
        "tanh": np.tanh,
        "relu": lambda a: np.maximum(a, 0),
        "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    }
    for name, phi in cases.items():
        for gamma in (0.5, 1.0, 2.0):
            found, expected = float(answer(phi, gamma)), _squared_correlation(phi, gamma)
            if math.isclose(found, expected, rel_tol=0.01):
                continue
            if math.isclose(found, math.sqrt(expected), rel_tol=0.01):
                return f"for {name} at γ = {gamma} that is the correlation, not yet squared"
            return f"for {name} at γ = {gamma} the squared correlation is another"
    return None


def _squared_correlation(phi: Callable[[Any], Any], gamma: float) -> float:
    def mean(of: Callable[[float], float]) -> float:
        return float(quad(lambda z: of(gamma * z) * norm.pdf(z), -10, 10, points=(0,))[0])

    centre = mean(lambda a: float(phi(a)))
    covariance = mean(lambda a: a * float(phi(a)))
    return covariance**2 / (gamma**2 * mean(lambda a: (float(phi(a)) - centre) ** 2))


def unbiased_square(answer: Callable[[Any], float]) -> str | None:
    """Estimate of μ² from values x_s = μ + noise, without the noise's square."""
    rng = np.random.default_rng(0)
    for values in (np.array([1.0, 3.0]), np.array([2.0, 2.0, 2.0]), rng.normal(0.5, 1, 10)):
        n, found = len(values), float(answer(values))
        expected = (values.sum() ** 2 - (values**2).sum()) / (n * (n - 1))
        if math.isclose(found, expected, rel_tol=1e-6, abs_tol=1e-12):
            continue
        if math.isclose(found, values.mean() ** 2, rel_tol=1e-6):
            return "the square of the mean has the noise's square in it"
        if math.isclose(found, (values.sum() ** 2 - (values**2).sum()) / n**2, rel_tol=1e-6):
            return "how many pairs of two different seeds are there?"
        return f"for {n} values it is not the mean product of two different ones"
    return None


def unclean_excess(answer: float) -> str | None:
    """Sigmoid: what the unclean comparison adds to the mean of the two clean ones."""
    record = experiments.run("activations", progress=False)
    training = factor_study(record).training.sel(activation="sigmoid").mean("seed")
    cell = {
        (optimizer, kind): float(training.sel(optimizer=optimizer, norm=kind))
        for optimizer in ("sgd", "adam")
        for kind in ("none", "batch")
    }
    unclean = cell["adam", "batch"] - cell["sgd", "none"]
    clean = [cell[each, "batch"] - cell[each, "none"] for each in ("sgd", "adam")]
    if math.isclose(answer, unclean - sum(clean) / 2, abs_tol=5e-4):
        return None
    if math.isclose(answer, unclean, abs_tol=5e-4):
        return "that is the whole unclean difference; take off what BN alone is worth"
    if math.isclose(answer, sum(clean) / 2 - unclean, abs_tol=5e-4):
        return "the sign is the other way round"
    return "that is not the unclean difference minus the mean of the two clean ones"


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
    if any(arm.optimizer != answer.arms[0].optimizer for arm in answer.arms):
        return "the optimizers differ: an effect could come from either"
    rates = [arm.learning_rate for arm in answer.arms]
    if not all(isinstance(rate, Tuned) for rate in rates):
        return "one learning rate does not suit all batch sizes: let each arm tune its own"
    if any(rate != rates[0] for rate in rates):
        return "the arms choose among different rates, or with different effort"
    if len(answer.seeds) < 5:
        return f"{len(answer.seeds)} seeds cannot carry a verdict"
    if "accuracy" not in {probe.name for probe in answer.probes}:
        return "nothing in the plan measures accuracy"
    return None


def area_by_counting(answer: Callable[[Any, Any], float]) -> str | None:
    """Chance that a positive outranks a negative, a tie counting half."""
    rng = np.random.default_rng(0)
    for decimals in (8, 1):
        positive = rng.random(60) < 0.3
        scores = (rng.normal(size=60) + positive).round(decimals)
        found = float(answer(scores, positive))
        wins = mannwhitneyu(scores[positive], scores[~positive]).statistic
        expected = float(wins / (positive.sum() * (~positive).sum()))
        if math.isclose(found, expected, rel_tol=1e-9):
            continue
        if math.isclose(found, 1 - expected, rel_tol=1e-9):
            return "that is the area for the other side: who should outrank whom?"
        if decimals == 1:
            return "it is right as long as no two scores are equal; what is a tie worth?"
        return "it is not the share of pairs in which the positive has the higher score"
    return None


def accuracy_and_macro(answer: tuple[float, float]) -> str | None:
    """Accuracy and macro recall of a classifier that never answers one rare class."""
    accuracy, macro = (float(each) for each in answer)
    expected = 0.8 * (1 - 0.0023), 0.8 * 6 / 7
    if math.isclose(macro, expected[0], rel_tol=0.01) and math.isclose(
        accuracy, expected[1], rel_tol=0.01
    ):
        return "these are the two numbers, the wrong way round"
    if not math.isclose(accuracy, expected[0], rel_tol=0.002):
        return "the accuracy is the mean of the recalls weighted by the classes' shares"
    if not math.isclose(macro, expected[1], rel_tol=0.002):
        return "in the macro average every class counts alike, also the one that is never found"
    return None


def worst_class_of_relu(answer: float) -> str | None:
    """Smallest difference over the classes of the mean area, relu with BN minus without."""
    record = experiments.run("tabular", progress=False)
    area = record.class_auc.isel(step=-1)
    gains = {
        a: paired(by_norm(area, activation=a), "batch", "none").mean("seed")
        for a in ("relu", "sigmoid")
    }
    if math.isclose(answer, float(gains["relu"].min()), rel_tol=0.01, abs_tol=1e-5):
        return None
    if math.isclose(answer, float(gains["sigmoid"].min()), rel_tol=0.01, abs_tol=1e-5):
        return "that is the sigmoid network's"
    if math.isclose(answer, float(gains["relu"].max()), rel_tol=0.01, abs_tol=1e-5):
        return "that is the class that gains most; asked is the one that gains least"
    return "that is not the smallest, over classes, of the mean difference over seeds"


NORMS = ("none", "batch")
NUMBER = "a number"
EXERCISES: tuple[Exercise, ...] = (
    Exercise(
        id="help-1",
        check=clean_pairs,
        hints=(
            "Read each name as three settings, and count in how many the two arms differ.",
            "To learn about the normaliser, it must differ, and nothing else may.",
        ),
        wrong=["A", "B", "C"],
        expects='a list of letters, such as ["A", "E"]',
    ),
    Exercise(
        id="help-2",
        check=share_by_hand,
        hints=(
            "First the row means and the grand mean; the effect of a row is their difference.",
            "The whole is the variance of the six cells, with 6 in the denominator.",
        ),
        wrong=float(((TABLE.mean(1) - TABLE.mean()) ** 2).mean()),
        expects=NUMBER,
    ),
    Exercise(
        id="help-3",
        check=steps_to_forget,
        hints=(
            "Each step keeps a share of 1 minus the weight of what was there before.",
            "Take logarithms of both sides.",
        ),
        wrong=1000,
        expects=NUMBER,
    ),
    Exercise(
        id="help-4",
        check=gain_of_the_twin,
        hints=(
            "tanh(a) = 2σ(2a) − 1: what stands inside σ is the new affine map of x̂.",
            "The factor and the shift outside σ are removed by the next BN.",
        ),
        wrong=(0.75, -0.1),
        expects="a pair (γ, β)",
    ),
    Exercise(
        id="help-5",
        check=straightness,
        hints=(
            "Draw a fine sample of a Gaussian, or take its quantiles, times γ.",
            "numpy.corrcoef gives the correlation; mind the square.",
        ),
        wrong=lambda phi, gamma: float(phi(gamma) / gamma),
        expects="a function of phi and gamma that returns a number",
    ),
    Exercise(
        id="help-6",
        check=unbiased_square,
        hints=(
            "The noise of two different seeds is independent, so the mean of its product is zero.",
            "The square of the sum holds all pairs; take off those of a seed with itself.",
        ),
        wrong=lambda values: float(np.mean(values) ** 2),
        expects="a function of an array (n,) that returns a number",
    ),
    Exercise(
        id="help-7",
        check=unclean_excess,
        hints=(
            'decided.training.sel(activation="sigmoid") has dimensions optimizer, norm and seed.',
            "The unclean difference is adam, batch minus sgd, none; the clean ones keep the "
            "optimizer.",
        ),
        wrong=10.0,
        expects=NUMBER,
    ),
    Exercise(
        id="help-8",
        check=batch_size_plan,
        hints=(
            "bnbook.experiments.get('activations').plan('smoke') has arms with tuned rates.",
            "Take the two arms of one activation and one optimizer, and make copies of them with "
            "dataclasses.replace, one for each batch size.",
        ),
        wrong=experiments.get("activations").plan("smoke"),
        expects="a bnbook.train.Plan",
    ),
    Exercise(
        id="help-21",
        check=area_by_counting,
        hints=(
            "scores[positive][:, None] - scores[~positive] holds every pair.",
            "A pair is worth 1 if the positive is higher, ½ if the two are equal, else 0.",
        ),
        wrong=lambda scores, positive: float(
            (scores[positive][:, None] > scores[~positive]).mean()
        ),
        expects="a function of scores (n,) and of booleans (n,), true for the class, to a number",
    ),
    Exercise(
        id="help-22",
        check=accuracy_and_macro,
        hints=(
            "Write down the recall of each of the seven classes.",
            "One mean weights them by the share of rows, the other by 1/7.",
        ),
        wrong=(0.8, 0.8),
        expects="two numbers, (accuracy, macro recall)",
    ),
    Exercise(
        id="help-23",
        check=worst_class_of_relu,
        hints=(
            "The areas are in table.class_auc; take the last step.",
            "bnbook.stats.paired(area, 'relu, batch', 'relu, none'), mean over seeds, then the "
            "minimum.",
        ),
        wrong=0.5,
        expects=NUMBER,
    ),
)
