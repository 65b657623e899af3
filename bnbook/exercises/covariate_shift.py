"""Exercises of the chapter on covariate shift."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.stats import norm, wasserstein_distance

from bnbook import claims, experiments
from bnbook.exercises import Exercise
from bnbook.experiments.covariate_shift import Cats
from bnbook.nets import MLP
from bnbook.stats import log_ratio
from bnbook.train import Plan

TITLE = "Covariate shift"
POSITION = 1


def weight_of_one_cat(answer: float) -> str | None:
    """p_target/p_source of a cat at x₁ = 1 under a shift of 1.5."""
    if math.isclose(answer, norm.pdf(1, 0.75) / norm.pdf(1, -0.75), rel_tol=5e-3):
        return None
    if math.isclose(answer, norm.pdf(1, -0.75) / norm.pdf(1, 0.75), rel_tol=5e-3):
        return "that is the ratio upside down: this cat is likelier among the coloured ones"
    return "that is not the ratio of the two densities at this cat"


def effective_cats(answer: float) -> str | None:
    """Expected effective number of 2,000 weighted examples under a shift of 2."""
    if math.isclose(answer, 2000 * math.exp(-4), rel_tol=0.02):
        return None
    if math.isclose(answer, 2000 * math.exp(-2), rel_tol=0.02):
        return "the exponent is too small: look again at E[w²]"
    return "that is not n·(E w)²/E w²"


def scale_from_percentiles(answer: float) -> str | None:
    """|γ| of a Gaussian input with percentiles −1.3 and 1.5."""
    if math.isclose(answer, 2.8 / (2 * norm.ppf(0.85)), rel_tol=0.01):
        return None
    if math.isclose(answer, 1.4, rel_tol=0.01):
        return "half the distance is not yet a standard deviation: which percentile is one σ out?"
    return "that is not the standard deviation of a Gaussian with these percentiles"


def weights_of_widths(answer: Callable[[Any, float, float], Any]) -> str | None:
    """Importance weights between N(0, s²) and N(0, t²)."""
    x = np.linspace(-2, 2, 9)
    for s, t in ((1.0, 1.0), (1.0, 0.5), (0.8, 1.6)):
        found, expected = np.asarray(answer(x, s, t)), norm.pdf(x, 0, t) / norm.pdf(x, 0, s)
        if found.shape != x.shape:
            return f"given x of shape {x.shape} it returned shape {found.shape}"
        if not np.allclose(found, expected, rtol=1e-6):
            if np.allclose(found * t / s, expected) or np.allclose(
                found / found[4], expected / expected[4]
            ):
                return "the shape is right and the size is not: densities are normalised"
            return f"for s = {s} and t = {t} the weights are not the ratio of the densities"
    return None


def gradient_shift_by_hand(answer: Callable[..., float]) -> str | None:
    """|G₂ − G₂′| of L = ½(w₂w₁x − y)² when w₁ takes a step of gradient descent."""
    for w1, w2, x, y, lr in ((1.0, 2.0, 1.0, 1.0, 0.1), (0.5, -1.0, 2.0, 0.3, 0.05)):
        moved = w1 - lr * (w2 * w1 * x - y) * w2 * x
        before, after = ((w2 * w * x - y) * w * x for w in (w1, moved))
        both = (w2 - lr * before) * moved * x - y
        found = answer(w1, w2, x, y, lr)
        if math.isclose(found, abs(before - after), rel_tol=1e-6):
            continue
        if math.isclose(found, abs(before - both * moved * x), rel_tol=1e-6):
            return "you moved w₂ as well: only the layer below moves"
        return f"for w1, w2, x, y, lr = {w1}, {w2}, {x}, {y}, {lr} the difference is another one"
    return None


def transport_distance(answer: Callable[[Any, Any], float]) -> str | None:
    """1-Wasserstein distance of two samples of one size."""
    rng = np.random.default_rng(0)
    for a, b in (
        (rng.normal(size=50), rng.normal(size=50) + 1),
        (np.arange(3.0), np.arange(3.0)[::-1]),
    ):
        found, expected = float(answer(a, b)), float(wasserstein_distance(a, b))
        if not math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12):
            if math.isclose(found, float(np.abs(a - b).mean()), rel_tol=1e-9):
                return "the order of a sample must not matter: which value goes with which?"
            return "it is not the mean distance that the cheapest transport has to carry"
    return None


def other_measure(answer: float) -> str | None:
    """Mean log ratio of the raw gradient difference, none over batch."""
    record = experiments.run("internal-shift", progress=False)
    measured = record.gradient_difference.isel(layer=slice(1, None)).mean(["step", "layer"])
    expected = float(log_ratio(measured, "none", "batch").mean())
    if math.isclose(answer, expected, rel_tol=0.01, abs_tol=0.005):
        return None
    if math.isclose(answer, claims.judge("shift-4").effect.estimate, rel_tol=1e-3):
        return "that is the relative measure of claim shift-4; take gradient_difference"
    if math.isclose(answer, -expected, rel_tol=0.01, abs_tol=0.005):
        return "the sign is that of batch over none; the ledger counts a fall as positive"
    return "that is not the mean over seeds of the log ratio"


def estimated_weights(answer: Callable[[Any, Any], Any]) -> str | None:
    """Weights estimated from two unlabelled samples."""
    cats, rng = Cats(), np.random.default_rng(1)
    source, target = (cats.sample(d, 1.0, 4000, rng)[0] for d in ("source", "target"))
    found = np.asarray(answer(source, target), dtype=float)
    if found.shape != (len(source),):
        return f"expected one weight for each of the {len(source)} source inputs, got {found.shape}"
    if not (np.isfinite(found).all() and (found >= 0).all()):
        return "weights must be finite and not negative"
    true = cats.weights(source, 1.0)
    if np.corrcoef(found, true)[0, 1] < 0.9:
        return "the weights hardly follow the true ratio of densities"
    if abs(found.mean() - 1) > 0.1:
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
    for what in ("learning_rate", "batch_size", "optimizer"):
        if getattr(none, what) != getattr(batch, what):
            return f"the arms differ in their {what} too: an effect could come from either"
    if not (isinstance(none.net, MLP) and none.net.activation == "relu"):
        return "the question is about relu"
    if len(answer.seeds) < 5:
        return f"{len(answer.seeds)} seeds cannot carry a verdict"
    watched = {probe.name for probe in answer.probes}
    if "gradient_shift" not in watched:
        return "nothing in the plan measures the shift of gradients"
    return None


NUMBER = "a number"
EXERCISES = (
    Exercise(
        id="shift-1",
        check=weight_of_one_cat,
        hints=(
            "Write both densities at this cat; most of each cancels in the ratio.",
            "The general form stands in the section on importance weights, as a power of e.",
        ),
        wrong=math.exp(-1.5),
        expects=NUMBER,
    ),
    Exercise(
        id="shift-2",
        check=effective_cats,
        hints=(
            "The mean of the weights under the source is 1, whatever the shift. Why?",
            "E[w²] is the mean of e to the power 2·shift·x₁, the moment-generating function of a "
            "Gaussian whose mean is not 0.",
        ),
        wrong=2000 * math.exp(-2),
        expects=NUMBER,
    ),
    Exercise(
        id="shift-3",
        check=scale_from_percentiles,
        hints=(
            "How many standard deviations lie between the median and the 85th percentile?",
            "scipy.stats.norm.ppf knows.",
        ),
        wrong=1.4,
        expects=NUMBER,
    ),
    Exercise(
        id="shift-4",
        check=weights_of_widths,
        hints=(
            "A density of a narrower Gaussian is higher in the middle.",
            "Where both widths are equal every weight must be 1; test that first.",
        ),
        wrong=lambda x, s, t: np.exp(x**2 / (2 * s**2) - x**2 / (2 * t**2)),
        expects="a function of x (n,), s and t that returns weights (n,)",
    ),
    Exercise(
        id="shift-5",
        check=gradient_shift_by_hand,
        hints=(
            "Differentiate the loss by w₂ with w₁ held, then put the moved w₁ into the result.",
            "The residual w₂w₁x − y contains w₁ too.",
        ),
        wrong=lambda w1, w2, x, y, lr: abs((w2 * w1 * x - y) * x * lr * (w2 * w1 * x - y) * w2 * x),
        expects="a function of w1, w2, x, y and lr that returns a number",
    ),
    Exercise(
        id="shift-6",
        check=transport_distance,
        hints=(
            "On a line the cheapest transport never lets two loads cross.",
            "So the smallest goes to the smallest, and so on up.",
        ),
        wrong=lambda a, b: float(np.abs(a - b).mean()),
        expects="a function of two arrays (n,) that returns a number",
    ),
    Exercise(
        id="shift-7",
        check=other_measure,
        hints=(
            "Leave out the first layer, which has none below; then average over steps and layers.",
            "bnbook.stats.log_ratio pairs the arms by seed; average what it gives.",
        ),
        wrong=10.0,
        expects=NUMBER,
    ),
    Exercise(
        id="shift-8",
        check=clean_comparison,
        hints=(
            "Start from bnbook.experiments.get('internal-shift').plan('smoke') and look at it.",
            "bnbook.train.Plan and Arm are frozen dataclasses: dataclasses.replace changes a copy.",
        ),
        wrong=experiments.get("internal-shift").plan("smoke"),
        expects="a bnbook.train.Plan",
    ),
    Exercise(
        id="shift-9",
        check=estimated_weights,
        hints=(
            "Train a classifier to tell the two samples apart. What are its odds an estimate of?",
            "Odds of target against source, times the ratio of the sample sizes, estimate the "
            "ratio of densities.",
        ),
        wrong=lambda source, target: np.ones(len(source)),
        expects="a function of inputs (n, 2) and (k, 2) that returns weights (n,)",
    ),
)
