"""Exercises of the chapter on small batches."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bnbook import experiments
from bnbook.exercises import Exercise
from bnbook.outcomes.small_batches import by_size

TITLE = "Small-batch failure and its cures"
POSITION = 7
NUMBER = "a number"


def largest_of_five(answer: float) -> str | None:
    """√(m − 1) for m = 5."""
    if math.isclose(answer, 2, rel_tol=1e-3):
        return None
    if math.isclose(answer, math.sqrt(5), rel_tol=5e-3):
        return "all of the batch's variance in one value is not possible: the mean moves with it"
    return "no batch of five has that as its largest normalised value"


def beyond_one(answer: float) -> str | None:
    """P(|x̂| > 1) for m = 4, where x̂ is uniform on ±√3."""
    if math.isclose(answer, 1 - 1 / math.sqrt(3), rel_tol=5e-3):
        return None
    if math.isclose(answer, 0.3173, abs_tol=2e-3):
        return "that is the share of a Gaussian: four values do not make one"
    return "that is not the share of the law of m = 4 beyond one standard deviation"


def pair_of_outputs(answer: Any) -> str | None:
    """γ·x̂ + β of the batch (3, 7) with γ = 2 and β = 1."""
    found = np.asarray(answer, dtype=float)
    if found.shape != (2,):
        return f"expected two numbers, got shape {found.shape}"
    if np.allclose(found, [-1, 3], atol=1e-3):
        return None
    if np.allclose(found, [-1, 1], atol=1e-3):
        return "these are the normalised values; γ and β are still to come"
    return "the two values stand one standard deviation from their mean, whatever they are"


def mixed_mean(answer: float) -> str | None:
    """Mean after adapting from 0 to 1 with n = 64 and N = 16."""
    if math.isclose(answer, 0.8, rel_tol=1e-3):
        return None
    if math.isclose(answer, 0.2, rel_tol=1e-3):
        return "that is the weight of the source: it counts for fewer examples than were seen"
    return "that is not the mean of examples of which each side gives its number"


def renormalised(answer: Callable[..., Any]) -> str | None:
    """x̂·r + d of a batch, given the running mean and standard deviation and the bounds."""
    rng = np.random.default_rng(0)
    for r_max, d_max in ((1.0, 0.0), (100.0, 100.0), (1.2, 0.3)):
        z, mean, std = rng.normal(1.0, 2.0, 6), 0.4, 1.1
        r = np.clip(z.std() / std, 1 / r_max, r_max)
        d = np.clip((z.mean() - mean) / std, -d_max, d_max)
        found = np.asarray(answer(z, mean, std, r_max, d_max), dtype=float)
        if found.shape != z.shape:
            return f"given a batch of shape {z.shape} it returned shape {found.shape}"
        if np.allclose(found, (z - z.mean()) / z.std() * r + d, rtol=1e-6):
            continue
        if r_max == 1:
            return "with r_max = 1 and d_max = 0 nothing is corrected: it must be plain BN"
        if r_max > 10:
            return "with wide bounds it must be what population statistics give"
        return "with narrow bounds r or d is not clipped as it should be"
    return None


def ghosts(answer: Callable[[Any, int], Any]) -> str | None:
    """Each `size` values in a row normalised by themselves."""
    z = np.random.default_rng(1).normal(size=12) * np.arange(1, 13)
    for size in (12, 4, 2):
        parts = z.reshape(-1, size)
        oracle = (parts - parts.mean(1, keepdims=True)) / parts.std(1, keepdims=True)
        found = np.asarray(answer(z, size), dtype=float)
        if found.shape != z.shape:
            return f"given (12,) and {size} it returned shape {found.shape}"
        if not np.allclose(found, oracle.ravel(), rtol=1e-6):
            whole = np.allclose(found, (z - z.mean()) / z.std(), rtol=1e-6)
            return (
                "that normalises the whole batch at once"
                if whole and size < 12
                else f"with ghosts of {size} they are not normalised each by itself, in order"
            )
    return None


def won_by_precise(answer: float) -> str | None:
    """Accuracy that precise statistics add to running ones, BN at m = 2."""
    found = by_size(experiments.run("batch-sizes", progress=False)).accuracy.sel(
        setting="η tuned", budget="equal examples", arm="batch", m=2, split="test"
    )
    gain = found.sel(statistics="precise") - found.sel(statistics="population")
    if math.isclose(answer, float(gain.mean()), abs_tol=1e-4):
        return None
    if math.isclose(answer, -float(gain.mean()), abs_tol=1e-4):
        return "the sign is that of what is lost; the question is what is won"
    return "that is not the mean over seeds of the difference on test examples"


def fair_order(answer: Callable[[Any, int], Any]) -> str | None:
    """An order in which every batch holds equally many examples of each class."""
    labels = np.random.default_rng(2).permutation(np.repeat(np.arange(5), 12))
    for m in (5, 10):
        order = np.asarray(answer(labels, m))
        if order.shape != labels.shape or set(order.tolist()) != set(range(len(labels))):
            return "the order must hold the index of every example once"
        for batch in labels[order].reshape(-1, m):
            if set(np.bincount(batch, minlength=5)) != {m // 5}:
                return f"with m = {m} some batch has more examples of one class than of another"
    if np.array_equal(np.asarray(answer(labels, 5)), np.asarray(answer(labels, 5))):
        return "every epoch would have the same batches: shuffle within the classes"
    return None


EXERCISES = (
    Exercise(
        id="batch-1",
        check=largest_of_five,
        hints=(
            "Let four values be equal and move the fifth away. What do the mean and σ do?",
            "The bound stands in the section on exact laws; put m in.",
        ),
        wrong=math.sqrt(5),
        expects=NUMBER,
    ),
    Exercise(
        id="batch-2",
        check=beyond_one,
        hints=(
            "At m = 4 every value between the two ends is equally likely.",
            "What share of the interval lies further than one from its middle?",
        ),
        wrong=0.3173,
        expects=NUMBER,
    ),
    Exercise(
        id="batch-3",
        check=pair_of_outputs,
        hints=(
            "Which of the two is above their mean?",
            "Normalise first: the sign is all that is left. Then scale and shift.",
        ),
        wrong=[-1.0, 1.0],
        expects="two numbers, for the first example and for the second",
    ),
    Exercise(
        id="batch-4",
        check=mixed_mean,
        hints=(
            "The source counts for N examples beside the n that were seen.",
            "The weight of the target is n/(N + n).",
        ),
        wrong=0.2,
        expects=NUMBER,
    ),
    Exercise(
        id="batch-5",
        check=renormalised,
        hints=(
            "r is a ratio of standard deviations, d a difference of means in running σ.",
            "r stays between 1/r_max and r_max, d between ±d_max; the biased σ of the batch.",
        ),
        wrong=lambda z, mean, std, r_max, d_max: (z - z.mean()) / z.std(),
        expects="a function of z (m,), mean, std, r_max and d_max that returns (m,)",
    ),
    Exercise(
        id="batch-6",
        check=ghosts,
        hints=(
            "Give the ghosts a dimension of their own.",
            "Reshape to (ghosts, size), normalise along the last dimension, and flatten again.",
        ),
        wrong=lambda z, size: (z - z.mean()) / z.std(),
        expects="a function of z (m,) and a ghost size that returns (m,)",
    ),
    Exercise(
        id="batch-7",
        check=won_by_precise,
        hints=(
            "Start from `table`, and select setting, budget, arm, m and split.",
            "Subtract the statistics within each seed, then average.",
        ),
        wrong=0.5,
        expects=NUMBER,
    ),
    Exercise(
        id="batch-8",
        check=fair_order,
        hints=(
            "Shuffle the examples of each class by themselves, and put the classes side by side.",
            "An array (rounds, classes) read row by row has one example of each class in turn.",
        ),
        wrong=lambda labels, m: np.random.permutation(len(labels)),
        expects="a function of labels (n,) and m that returns an order (n,) of their indices",
    ),
)
