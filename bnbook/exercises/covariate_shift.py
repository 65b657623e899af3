"""Exercises of the chapter on covariate shift."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy.stats import norm, wasserstein_distance

from bnbook import claims, experiments
from bnbook.exercises import Behaviour, Called, Case, Design, Exercise, Function, Numeric, Unusable
from bnbook.exercises._designs import differing
from bnbook.experiments.covariate_shift import Cats
from bnbook.nets import MLP
from bnbook.stats import MIN_SEEDS, log_ratio
from bnbook.train import Plan


def weights_of_widths() -> Iterator[Case]:
    """Importance weights between N(0, s²) and N(0, t²)."""
    x = np.linspace(-2, 2, 9)
    for s, t in ((1.0, 1.0), (1.0, 0.5), (0.8, 1.6)):
        expected = norm.pdf(x, 0, t) / norm.pdf(x, 0, s)
        yield Case(
            (x, s, t),
            expected,
            f"for s = {s} and t = {t} the weights are not the ratio of the densities",
            {"the shape is right and the size is not: densities are normalised": expected * t / s},
        )


def gradient_shift_by_hand() -> Iterator[Case]:
    """|G₂ − G₂′| of L = ½(w₂w₁x − y)² when w₁ takes a step of gradient descent."""
    for w1, w2, x, y, lr in ((1.0, 2.0, 1.0, 1.0, 0.1), (0.5, -1.0, 2.0, 0.3, 0.05)):
        moved = w1 - lr * (w2 * w1 * x - y) * w2 * x
        before, after = ((w2 * w * x - y) * w * x for w in (w1, moved))
        both = (w2 - lr * before) * moved * x - y
        yield Case(
            (w1, w2, x, y, lr),
            abs(before - after),
            f"for w1, w2, x, y, lr = {w1}, {w2}, {x}, {y}, {lr} the difference is another one",
            {"you moved w₂ as well: only the layer below moves": abs(before - both * moved * x)},
        )


def transport_distance() -> Iterator[Case]:
    """1-Wasserstein distance of two samples of one size."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=50)
    shifted, wider = rng.normal(size=50) + 1, rng.permutation(3 * a - 2 * a.mean())
    for b in (shifted, wider, a[::-1]):
        yield Case(
            (a, b),
            float(wasserstein_distance(a, b)),
            "it is not the mean distance that the cheapest transport has to carry",
            {
                "the order of a sample must not matter: which value goes with which?": (
                    np.abs(a - b).mean()
                ),
                "two samples with one mean can still be far apart": abs(a.mean() - b.mean()),
            },
        )


def other_measure() -> float:
    """Mean log ratio of the raw gradient difference, none over batch."""
    record = experiments.run("internal-shift", progress=False)
    measured = record.gradient_difference.isel(layer=slice(1, None)).mean(["step", "layer"])
    return float(log_ratio(measured, "none", "batch").mean())


def relative_measure() -> float:
    """The effect of claim shift-4, which an answer to the other measure may be."""
    return claims.judge("shift-4").effect.estimate


def estimated_weights(answer: Called) -> str | None:
    """Weights estimated from two unlabelled samples."""
    cats, rng = Cats(), np.random.default_rng(1)
    source, target = (cats.sample(d, 1.0, 4000, rng)[0] for d in ("source", "target"))
    true, found = cats.weights(source, 1.0), answer(source, target)
    if found.shape != true.shape:
        raise Unusable(f"For {len(source)} source inputs it returned the shape {found.shape}.")
    if (found < 0).any() or found.std() == 0:
        return "weights must not be negative, nor all the same"
    if not np.corrcoef(found, true)[0, 1] >= 0.9:
        return "the weights hardly follow the true ratio of densities"
    if not abs(found.mean() - 1) <= 0.1:
        return "the weights should average 1 over the source: mind the ratio of sample sizes"
    return None


def clean_comparison(answer: Plan) -> str | None:
    """A plan with two arms that differ in the normaliser and in nothing else."""
    arms = {arm.net.norm: arm for arm in answer.arms}
    if len(answer.arms) != 2 or set(arms) != {"none", "batch"}:
        return "expected two arms, one with normaliser 'none' and one with 'batch'"
    none, batch = arms["none"], arms["batch"]
    same_net = {k: v for k, v in vars(none.net).items() if k != "norm"}
    if any(vars(batch.net)[k] != v for k, v in same_net.items()):
        return "the two networks differ in more than their normaliser"
    if also := differing(answer.arms):
        return also
    if not (isinstance(none.net, MLP) and none.net.activation == "relu"):
        return "the question is about relu"
    if len(answer.seeds) < MIN_SEEDS:
        return f"{len(answer.seeds)} seeds cannot carry a verdict"
    watched = {probe.name for probe in answer.probes}
    if "gradient_shift" not in watched:
        return "nothing in the plan measures the shift of gradients"
    return None


EXERCISES = (
    Exercise(
        id="ex-shift-1",
        answer=Numeric(
            math.exp(1.5),
            "that is not the ratio of the two densities at this cat",
            {"that is upside down: this cat is likelier among the coloured ones": math.exp(-1.5)},
        ),
        hints=(
            "Write both densities at this cat; most of each cancels in the ratio.",
            "The general form stands in the section on importance weights, as a power of e.",
        ),
        wrong=math.exp(-1.5),
        difficulty="warm-up",
        minutes=3,
    ),
    Exercise(
        id="ex-shift-2",
        answer=Numeric(
            2000 * math.exp(-4),
            "that is not n·(E w)²/E w²",
            {"the exponent is too small: look again at E[w²]": 2000 * math.exp(-2)},
            rel=0.02,  # a whole number of cats is an answer
        ),
        hints=(
            "The mean of the weights under the source is 1, whatever the shift. Why?",
            "E[w²] is the mean of e to the power 2·shift·x₁, the moment-generating function of a "
            "Gaussian whose mean is not 0.",
        ),
        wrong=2000 * math.exp(-2),
        difficulty="warm-up",
        minutes=5,
    ),
    Exercise(
        id="ex-shift-3",
        answer=Numeric(
            2.8 / (2 * norm.ppf(0.85)),
            "that is not the standard deviation of a Gaussian with these percentiles",
            {
                "half the distance is not yet a standard deviation: which percentile is one σ "
                "out?": 1.4
            },
        ),
        hints=(
            "How many standard deviations lie between the median and the 85th percentile?",
            "scipy.stats.norm.ppf knows.",
        ),
        wrong=1.4,
        difficulty="warm-up",
        minutes=5,
    ),
    Exercise(
        id="ex-shift-4",
        answer=Function(
            "a function of a numpy array x (n,), s and t that returns weights (n,)",
            weights_of_widths,
        ),
        hints=(
            "A density of a narrower Gaussian is higher in the middle.",
            "Where both widths are equal every weight must be 1; test that first.",
        ),
        wrong=lambda x, s, t: np.exp(x**2 / (2 * s**2) - x**2 / (2 * t**2)),
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-shift-5",
        answer=Function(
            "a function of w1, w2, x, y and lr that returns a number", gradient_shift_by_hand
        ),
        hints=(
            "Differentiate the loss by w₂ with w₁ held, then put the moved w₁ into the result.",
            "The residual w₂w₁x − y contains w₁ too.",
        ),
        wrong=lambda w1, w2, x, y, lr: abs((w2 * w1 * x - y) * x * lr * (w2 * w1 * x - y) * w2 * x),
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-shift-6",
        answer=Function(
            "a function of two numpy arrays (n,) that returns a number", transport_distance
        ),
        hints=(
            "On a line the cheapest transport never lets two loads cross.",
            "So the smallest goes to the smallest, and so on up.",
        ),
        wrong=lambda a, b: float(abs(a.mean() - b.mean())),
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-shift-7",
        answer=Numeric(
            other_measure,
            "that is not the mean over seeds of the log ratio",
            {
                "that is the relative measure of claim shift-4; take gradient_difference": (
                    relative_measure
                ),
                "the sign is that of batch over none; the ledger counts a fall as positive": (
                    lambda: -other_measure()
                ),
            },
            abs=0.005,
        ),
        hints=(
            "Leave out the first layer, which has none below; then average over steps and layers.",
            "bnbook.stats.log_ratio pairs the arms by seed; average what it gives.",
        ),
        wrong=10.0,
        difficulty="challenge",
        minutes=15,
    ),
    Exercise(
        id="ex-shift-8",
        answer=Design(clean_comparison),
        hints=(
            "Start from bnbook.experiments.get('internal-shift').plan('smoke') and look at it.",
            "bnbook.train.Plan and Arm are frozen dataclasses: dataclasses.replace changes a copy.",
        ),
        wrong=experiments.get("internal-shift").plan("smoke"),
        difficulty="challenge",
        minutes=20,
    ),
    Exercise(
        id="ex-shift-9",
        answer=Behaviour(
            "a function of numpy arrays (n, 2) and (k, 2) that returns weights (n,)",
            estimated_weights,
        ),
        hints=(
            "Train a classifier to tell the two samples apart. What are its odds an estimate of?",
            "Odds of target against source, times the ratio of the sample sizes, estimate the "
            "ratio of densities.",
        ),
        wrong=lambda source, target: np.ones(len(source)),
        difficulty="project",
        minutes=60,
    ),
)
