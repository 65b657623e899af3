"""Exercises of the chapter on the noise of batch statistics, and on the size of weights."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import norm

from bnbook import experiments
from bnbook.exercises import Behaviour, Called, Case, Design, Exercise, Function, Numeric, Unusable
from bnbook.exercises._designs import differing
from bnbook.laws import noise as laws
from bnbook.stats import MIN_SEEDS
from bnbook.train import Plan


def noise_of_a_variance() -> Iterator[Case]:
    """Var σ²_B/σ⁴ for independent values of kurtosis κ."""
    for m, kappa in ((2, 3.0), (8, 3.0), (16, 9.0), (64, 1.8)):
        expected = float(laws.variance_noise(m, kappa))
        yield Case(
            (m, kappa),
            expected,
            f"for m = {m} and kurtosis {kappa:g} the variance of σ²_B is another one",
            {
                f"for kurtosis {kappa:g} it gives the value of a Gaussian": (
                    laws.variance_noise(m)
                ),
                "that is the noise of the unbiased variance; a batch gets the biased one": (
                    expected * (m / (m - 1)) ** 2
                ),
            },
        )


def one_example(answer: Called) -> str | None:
    """x̂ of one example in a batch with m − 1 others drawn from a pool."""
    rng, m, value = np.random.default_rng(0), 6, 1.0
    pool = norm.ppf((np.arange(2000) + 0.5) / 2000)
    if answer(value, pool, m, rng).shape:
        raise Unusable("Your function returned an array, not one number.")
    found = np.array([answer(value, pool, m, rng) for _ in range(20_000)])
    bound = math.sqrt(m - 1)
    x = np.linspace(-bound, bound, 20_001)
    mean = float(np.sum(x * laws.normalised_density(x, value, m)) * (x[1] - x[0]))
    if np.abs(found).max() > bound + 1e-9:
        return "some of its values lie beyond √(m − 1): is the example in its own batch?"
    if found.std() < 0.01:
        return "it gives the same value each time: the others must be drawn anew"
    if abs(found.mean() - mean) <= 0.02:  # four standard errors
        return None
    return (
        f"over many batches of {m} its mean is {found.mean():.2f}, which is not that of an "
        "example normalised with its own batch, by the biased variance"
    )


def ghosts() -> Iterator[Case]:
    """Normalization of every `size` consecutive examples by themselves."""
    z = torch.randn(12, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for size in (12, 4, 3):
        each = [
            F.batch_norm(ghost, None, None, training=True, eps=1e-12) for ghost in z.split(size)
        ]
        yield Case(
            (z, size),
            torch.cat(each),
            f"with ghosts of {size} the first {size} examples are not normalised by themselves",
            {
                "every example was normalised by the whole batch": (
                    F.batch_norm(z, None, None, training=True, eps=1e-12)
                )
            },
        )


def grown() -> Iterator[Case]:
    """‖w‖ after steps of plain gradient descent on a loss that ignores the scale of w."""
    for start, rate, sizes in ((1.0, 0.1, [3.0, 4.0]), (2.0, 0.5, [1.0, 0.5, 0.2])):
        yield Case(
            (start, rate, sizes),
            math.sqrt(start**2 + sum((rate * size) ** 2 for size in sizes)),
            f"for ‖w₀‖ = {start}, η = {rate} and gradients of sizes {sizes} it is another one",
            {
                "you added lengths as if the steps pointed outwards; at what angle do they lie?": (
                    start + rate * sum(sizes)
                )
            },
        )


def mode_matters() -> float:
    """Test accuracy by population statistics minus that by batch statistics, of ghosts of 4."""
    record = experiments.run("ghost-dropout", progress=False)
    last = (
        record.accuracy.sel(arm="ghost, m = 4", split="test")
        .dropna("step", how="all")
        .isel(step=-1)
    )
    difference = last.sel(statistics="population") - last.sel(statistics="batch")
    return float(difference.mean("seed"))


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
    if also := differing(answer.arms):
        return also
    if len(set(sizes)) < 3:
        return "three sizes of ghosts or more make a curve"
    if len(answer.seeds) < MIN_SEEDS:
        return f"{len(answer.seeds)} seeds cannot carry a verdict"
    if not {"loss", "accuracy"} & {probe.name for probe in answer.probes}:
        return "nothing in the plan measures how well the networks do"
    return None


EXERCISES = (
    Exercise(
        id="ex-noise-1",
        answer=Numeric(
            0.25,
            "that is not how far the mean of 64 independent values scatters",
            {
                "that is the variance of the mean; its standard deviation was asked": 4 / 64,
                "a mean of m values does not scatter m times less than one value": 2 / 64,
            },
        ),
        hints=("The variance of a sum of independent values is the sum of their variances.",),
        wrong=4 / 64,
        difficulty="warm-up",
        minutes=2,
    ),
    Exercise(
        id="ex-noise-2",
        answer=Function(
            "a function of m and the kurtosis that returns a number", noise_of_a_variance
        ),
        hints=(
            "The law stands in the section on theory, with the fourth moment in it.",
            "For kurtosis 3 it must give 2(m − 1)/m²; test that first.",
        ),
        wrong=lambda m, kurtosis: 2 * (m - 1) / m**2,
        difficulty="warm-up",
        minutes=10,
    ),
    Exercise(
        id="ex-noise-3",
        answer=Numeric(
            2 * float(laws.expected_sigma(4)),
            "that is not 2·E σ_B for four Gaussian values",
            {
                "close: that is the first term of an expansion, and m = 4 is small. Use the law": (
                    2 * (1 - 3 / 16)
                ),
                "that is E[1/σ_B]; the unit is fitted to x̂, and mean(z·x̂) over a batch is σ_B": (
                    2 * float(laws.expected_inverse_sigma(4))
                ),
            },
        ),
        hints=(
            "What does the unit learn when the target's slope is 1?",
            "E σ_B is a ratio of two Gamma functions; math.gamma knows them.",
        ),
        wrong=2 * (1 - 3 / 16),
        difficulty="practice",
        minutes=8,
    ),
    Exercise(
        id="ex-noise-4",
        answer=Behaviour(
            "a function of a value, a pool (a numpy array), m and a generator rng that returns a "
            "number",
            one_example,
        ),
        hints=(
            "rng.choice(pool, m - 1) draws the others.",
            "The example belongs to its batch: it moves the mean and the variance as well.",
        ),
        wrong=lambda value, pool, m, rng: (value - (o := rng.choice(pool, m - 1)).mean()) / o.std(),
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-noise-5",
        answer=Function(
            "a function of a torch tensor z (N, C) and a size that divides N, returning (N, C)",
            ghosts,
            abs=1e-6,
        ),
        hints=(
            "z.view(-1, size, C) has a ghost batch in each entry of its first dimension.",
            "Take the moments over dimension 1, with keepdim, and flatten again.",
        ),
        wrong=lambda z, size: (z - z.mean(0)) / z.std(0, correction=0),
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-noise-6",
        answer=Numeric(
            3 / 67,
            "p/(1 − p) does not meet the average of (1 + z²/2)/m over z",
            {
                "that is p/(1 − p), not p": 3 / 64,
                "the noise of σ_B is missing: average (1 + z²/2)/m over the examples": 1 / 33,
            },
        ),
        hints=(
            "Dropout turns z into z·b/(1 − p), whose variance for a given z is z²·p/(1 − p).",
            "Average both noises over z ~ N(0, 1), where z² is 1 on average.",
        ),
        wrong=3 / 64,
        difficulty="practice",
        minutes=12,
    ),
    Exercise(
        id="ex-noise-7",
        answer=Numeric(
            math.sqrt(0.7),
            "that is not the standard deviation of what comes out",
            {
                "that is the ratio of the variances; BN divides by a standard deviation": 0.7,
                "upside down: in which of the two phases is the variance larger?": (
                    math.sqrt(1 / 0.7)
                ),
            },
        ),
        hints=(
            "In training the variance is that of z·b/0.7. In use it is that of z.",
            "In use BN divides by the standard deviation that it remembers.",
        ),
        wrong=0.7,
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-noise-8",
        answer=Function(
            "a function of ‖w₀‖, η and a list of gradient norms that returns a number", grown
        ),
        hints=("Each step is orthogonal to the weights it is added to: draw a triangle.",),
        wrong=lambda start, rate, sizes: start + rate * sum(sizes),
        difficulty="practice",
        minutes=8,
    ),
    Exercise(
        id="ex-noise-9",
        answer=Numeric(
            0.9,
            "η/‖w‖² is not what it was",
            {"the gradient has become smaller too": 0.3},
        ),
        hints=("A step turns w by its length over ‖w‖. How long is the gradient now?",),
        wrong=0.3,
        difficulty="practice",
        minutes=5,
    ),
    Exercise(
        id="ex-noise-10",
        answer=Numeric(
            mode_matters,
            "that is not the mean difference over seeds, after the last step of that arm",
            {"the sign is that of batch minus population": lambda: -mode_matters()},
            abs=5e-4,
        ),
        hints=(
            "noise.accuracy has dimensions arm, seed, step, split and statistics.",
            "This arm stops before the last look: dropna('step', how='all') leaves its own.",
        ),
        wrong=0.0,
        difficulty="challenge",
        minutes=15,
    ),
    Exercise(
        id="ex-noise-11",
        answer=Numeric(
            0.4 / math.sqrt(8),
            "the variance goes as one over the size of the batch",
            {
                "that is what becomes of a variance; a standard deviation is its root": 0.4 / 8,
                "more examples make less noise": 0.4 * math.sqrt(8),
            },
        ),
        hints=(
            "By which factor does the batch grow, and what does the variance do then?",
            "A standard deviation falls by the root of the factor by which the variance falls.",
        ),
        wrong=0.05,
        difficulty="warm-up",
        minutes=3,
    ),
    Exercise(
        id="ex-noise-12",
        answer=Design(fair_sizes),
        hints=(
            "Start from bnbook.experiments.get('ghost-dropout').plan('smoke') and keep the ghosts.",
            "dataclasses.replace makes a copy of an arm, or of its net, with one field changed.",
        ),
        wrong=experiments.get("internal-shift").plan("smoke"),
        difficulty="project",
        minutes=60,
    ),
)
