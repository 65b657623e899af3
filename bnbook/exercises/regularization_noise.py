"""Exercises of the chapter on the noise of batch statistics, and on the size of weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from bnbook import experiments, norms
from bnbook.exercises import Exercise
from bnbook.laws import noise as laws
from bnbook.train import Plan

TITLE = "Regularization noise"
POSITION = 4


def spread_of_a_mean(answer: float) -> str | None:
    """Standard deviation of μ_B for σ = 2 and m = 64."""
    if math.isclose(answer, 0.25, rel_tol=1e-3):
        return None
    if math.isclose(answer, 4 / 64, rel_tol=1e-3):
        return "that is the variance of the mean; its standard deviation was asked"
    if math.isclose(answer, 2 / 64, rel_tol=1e-3):
        return "a mean of m values does not scatter m times less than one value"
    return "that is not how far the mean of 64 independent values scatters"


def noise_of_a_variance(answer: Callable[[int, float], float]) -> str | None:
    """Var σ²_B/σ⁴ for independent values of kurtosis κ."""
    for m, kappa in ((2, 3.0), (8, 3.0), (16, 9.0), (64, 1.8)):
        found, expected = float(answer(m, kappa)), float(laws.variance_noise(m, kappa))
        if math.isclose(found, expected, rel_tol=1e-6):
            continue
        if math.isclose(found, float(laws.variance_noise(m)), rel_tol=1e-6):
            return f"for kurtosis {kappa:g} it gives the value of a Gaussian"
        if math.isclose(found, expected * (m / (m - 1)) ** 2, rel_tol=1e-6):
            return "that is the noise of the unbiased variance; a batch gets the biased one"
        return f"for m = {m} and kurtosis {kappa:g} the variance of σ²_B is another one"
    return None


def learned_slope(answer: float) -> str | None:
    """Slope that a linear unit behind BN learns for a target of slope 2 at m = 4."""
    if math.isclose(answer, 2 * laws.expected_sigma(4), rel_tol=1e-3):
        return None
    if math.isclose(answer, 2 * (1 - 3 / 16), rel_tol=1e-3):
        return "close: that is the first term of an expansion, and m = 4 is small. Use the law"
    if math.isclose(answer, 2 * laws.expected_inverse_sigma(4), rel_tol=1e-3):
        return "that is E[1/σ_B]; the unit is fitted to x̂, and mean(z·x̂) over a batch is σ_B"
    return "that is not 2·E σ_B for four Gaussian values"


def one_example(answer: Callable[..., Any]) -> str | None:
    """x̂ of one example in a batch with m − 1 others drawn from a pool."""
    rng, m, value = np.random.default_rng(0), 6, 1.0
    pool = rng.normal(size=50_000)
    found = np.array([float(answer(value, pool, m, rng)) for _ in range(20_000)])
    x = np.linspace(-math.sqrt(m - 1), math.sqrt(m - 1), 20_001)
    density = laws.normalised_density(x, value, m)
    mean = float(np.sum(x * density) * (x[1] - x[0]))
    if np.abs(found).max() > math.sqrt(m - 1) + 1e-9:
        return "some of its values lie beyond √(m − 1): is the example in its own batch?"
    if found.std() < 0.01:
        return "it gives the same value each time: the others must be drawn anew"
    if abs(found.mean() - mean) > 0.02:
        return (
            f"over many batches of {m} its mean is {found.mean():.2f}, which is not that of an "
            "example normalised with its own batch, by the biased variance"
        )
    return None


def ghosts(answer: Callable[[Any, int], Any]) -> str | None:
    """Normalisation of every `size` consecutive examples by themselves."""
    z = torch.randn(12, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for size in (12, 4, 3):
        expected = norms.make("ghost", 3, ghost_size=size, eps=1e-12).double()(z).detach()
        found = torch.as_tensor(answer(z, size), dtype=z.dtype)
        if found.shape != z.shape:
            return f"given (12, 3) it returned {tuple(found.shape)}"
        if torch.allclose(found, expected, atol=1e-3):
            continue
        if torch.allclose(found, norms.make("batch", 3)(z.float()).double().detach(), atol=1e-3):
            return "every example was normalised by the whole batch"
        return f"with ghosts of {size} the first {size} examples are not normalised by themselves"
    return None


def matched_rate(answer: float) -> str | None:
    """Dropout rate whose noise equals the noise of BN at m = 32 for N(0, 1), to first order."""
    if math.isclose(answer, 3 / 67, rel_tol=0.01):
        return None
    if math.isclose(answer, 3 / 64, rel_tol=0.01):
        return "that is p/(1 − p), not p"
    if math.isclose(answer, 1 / 33, rel_tol=0.01):
        return "the noise of σ_B is missing: average (1 + z²/2)/m over the examples"
    return "p/(1 − p) does not meet the average of (1 + z²/2)/m over z"


def too_small(answer: float) -> str | None:
    """σ of BN's output in use, when its statistics were collected behind dropout of 0.3."""
    if math.isclose(answer, math.sqrt(0.7), rel_tol=0.005):
        return None
    if math.isclose(answer, 0.7, rel_tol=0.005):
        return "that is the ratio of the variances; BN divides by a standard deviation"
    if math.isclose(answer, math.sqrt(1 / 0.7), rel_tol=0.005):
        return "upside down: in which of the two phases is the variance larger?"
    return "that is not the standard deviation of what comes out"


def grown(answer: Callable[[float, float, Sequence[float]], float]) -> str | None:
    """‖w‖ after steps of plain gradient descent on a loss that ignores the scale of w."""
    for start, rate, sizes in ((1.0, 0.1, (3.0, 4.0)), (2.0, 0.5, (1.0, 0.5, 0.2))):
        found = float(answer(start, rate, sizes))
        squares = sum((rate * size) ** 2 for size in sizes)
        if math.isclose(found, math.sqrt(start**2 + squares), rel_tol=1e-9):
            continue
        if math.isclose(found, start + rate * sum(sizes), rel_tol=1e-9):
            return "you added lengths as if the steps pointed outwards; at what angle do they lie?"
        return f"for ‖w₀‖ = {start}, η = {rate} and gradients of sizes {sizes} it is another one"
    return None


def same_turn(answer: float) -> str | None:
    """The learning rate at which weights three times as large turn as fast as with 0.1."""
    if math.isclose(answer, 0.9, rel_tol=1e-3):
        return None
    if math.isclose(answer, 0.3, rel_tol=1e-3):
        return "the gradient has become smaller too"
    return "η/‖w‖² is not what it was"


def mode_matters(answer: float) -> str | None:
    """Test accuracy by population statistics minus that by batch statistics, of ghosts of 4."""
    record = experiments.run("ghost-dropout", progress=False)
    last = (
        record.accuracy.sel(arm="ghost, m = 4", split="test")
        .dropna("step", how="all")
        .isel(step=-1)
    )
    difference = last.sel(statistics="population") - last.sel(statistics="batch")
    expected = float(difference.mean("seed"))
    if math.isclose(answer, expected, rel_tol=0.01, abs_tol=5e-4):
        return None
    if math.isclose(answer, -expected, rel_tol=0.01, abs_tol=5e-4):
        return "the sign is that of batch minus population"
    return "that is not the mean difference over seeds, after the last step of that arm"


def fair_sizes(answer: Plan) -> str | None:
    """A plan that varies the statistics batch and nothing else, with tanh units."""
    sizes = []
    for arm in answer.arms:
        net = arm.net
        if net.norm not in ("ghost", "batch"):
            return f"arm {arm.name!r} has the normaliser {net.norm!r}; ghosts were asked for"
        if getattr(net, "activation", "") != "tanh":
            return f"arm {arm.name!r} does not have tanh units"
        sizes.append(dict(net.norm_options).get("ghost_size", arm.batch_size))
        if arm.batch_size % sizes[-1]:
            return f"arm {arm.name!r}: {sizes[-1]} does not divide its batch of {arm.batch_size}"
    for what in ("batch_size", "learning_rate", "optimizer", "steps"):
        if len({getattr(arm, what) for arm in answer.arms}) > 1:
            return f"the arms differ in their {what} too: an effect could come from either"
    if len(set(sizes)) < 3:
        return "three sizes of ghosts or more make a curve"
    if len(answer.seeds) < 5:
        return f"{len(answer.seeds)} seeds cannot carry a verdict"
    if not {"loss", "accuracy"} & {probe.name for probe in answer.probes}:
        return "nothing in the plan measures how well the networks do"
    return None


NUMBER = "a number"
EXERCISES = (
    Exercise(
        id="noise-1",
        check=spread_of_a_mean,
        hints=("The variance of a sum of independent values is the sum of their variances.",),
        wrong=4 / 64,
        expects=NUMBER,
    ),
    Exercise(
        id="noise-2",
        check=noise_of_a_variance,
        hints=(
            "The law stands in the section on theory, with the fourth moment in it.",
            "For kurtosis 3 it must give 2(m − 1)/m²; test that first.",
        ),
        wrong=lambda m, kurtosis: 2 * (m - 1) / m**2,
        expects="a function of m and the kurtosis that returns a number",
    ),
    Exercise(
        id="noise-3",
        check=learned_slope,
        hints=(
            "What does the unit learn when the target's slope is 1?",
            "E σ_B is a ratio of two Gamma functions; math.gamma knows them.",
        ),
        wrong=2 * (1 - 3 / 16),
        expects=NUMBER,
    ),
    Exercise(
        id="noise-4",
        check=one_example,
        hints=(
            "rng.choice(pool, m - 1) draws the others.",
            "The example belongs to its batch: it moves the mean and the variance as well.",
        ),
        wrong=lambda value, pool, m, rng: (value - (o := rng.choice(pool, m - 1)).mean()) / o.std(),
        expects="a function of the value z, a pool (n,), m and a generator rng, returning a number",
    ),
    Exercise(
        id="noise-5",
        check=ghosts,
        hints=(
            "z.view(-1, size, C) has a ghost batch in each entry of its first dimension.",
            "Take the moments over dimension 1, with keepdim, and flatten again.",
        ),
        wrong=lambda z, size: (z - z.mean(0)) / z.std(0, correction=0),
        expects="a function of z (N, C) and a size that divides N, returning (N, C)",
    ),
    Exercise(
        id="noise-6",
        check=matched_rate,
        hints=(
            "Dropout turns z into z·b/(1 − p), whose variance for a given z is z²·p/(1 − p).",
            "Average both noises over z ~ N(0, 1), where z² is 1 on average.",
        ),
        wrong=3 / 64,
        expects=NUMBER,
    ),
    Exercise(
        id="noise-7",
        check=too_small,
        hints=(
            "In training the variance is that of z·b/0.7. In use it is that of z.",
            "In use BN divides by the standard deviation that it remembers.",
        ),
        wrong=0.7,
        expects=NUMBER,
    ),
    Exercise(
        id="noise-8",
        check=grown,
        hints=("Each step is orthogonal to the weights it is added to: draw a triangle.",),
        wrong=lambda start, rate, sizes: start + rate * sum(sizes),
        expects="a function of ‖w₀‖, η and a list of gradient norms that returns a number",
    ),
    Exercise(
        id="noise-9",
        check=same_turn,
        hints=("A step turns w by its length over ‖w‖. How long is the gradient now?",),
        wrong=0.3,
        expects=NUMBER,
    ),
    Exercise(
        id="noise-10",
        check=mode_matters,
        hints=(
            "noise.accuracy has dimensions arm, seed, step, split and statistics.",
            "This arm stops before the last look: dropna('step', how='all') leaves its own.",
        ),
        wrong=0.0,
        expects=NUMBER,
    ),
    Exercise(
        id="noise-11",
        check=fair_sizes,
        hints=(
            "Start from bnbook.experiments.get('ghost-dropout').plan('smoke') and keep the ghosts.",
            "dataclasses.replace makes a copy of an arm, or of its net, with one field changed.",
        ),
        wrong=experiments.get("internal-shift").plan("smoke"),
        expects="a bnbook.train.Plan",
    ),
)
