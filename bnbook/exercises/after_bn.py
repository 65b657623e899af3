"""Exercises of the chapter on what came after batch normalization, and what it costs."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch

from bnbook import experiments
from bnbook.exercises import Case, Exercise, Function, Matching, Numeric
from bnbook.outcomes import after_bn as outcomes


def attacks() -> Iterator[Case]:
    """The change of |δ| ≤ ε in every pixel that lowers wᵀx the most."""
    for w, size in (([3.0, -4.0, 0.5], 0.1), ([-1.0, -2.0], 0.25)):
        w_ = np.array(w)
        yield Case(
            (w_, size),
            np.array([-size if each > 0 else size for each in w]),
            "each pixel may go by ε up or down, whatever the others do: which way lowers wᵀx?",
            {
                "that raises wᵀx": size * np.sign(w_),
                "that has the length ε as a whole; here every pixel may change by ε": -size
                * w_
                / np.linalg.norm(w_),
            },
        )


def gains() -> Iterator[Case]:
    """∂L/∂α of h + α·f, by automatic differentiation."""
    generator = torch.Generator().manual_seed(0)
    for shape in ((3, 2), (5, 4)):
        f, g = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
        alpha = torch.zeros((), dtype=torch.float64, requires_grad=True)
        (right,) = torch.autograd.grad((g * (alpha * f)).sum(), alpha)
        yield Case(
            (g.numpy(), f.numpy()),
            float(right),
            "α multiplies every number of f, so that all of them have a say",
            {
                "that is a mean, and the loss is not one here": float((g * f).mean()),
                "that forgets what comes from above": float(f.sum()),
            },
        )


def root_mean_squares() -> Iterator[Case]:
    """RMSNorm by torch."""
    generator = torch.Generator().manual_seed(1)
    for shape in ((3, 4), (2, 5)):
        x = 2 + torch.randn(shape, generator=generator, dtype=torch.float64)
        layer = torch.nn.LayerNorm(shape[1], 1e-6, elementwise_affine=False)
        yield Case(
            (x.numpy(),),
            torch.nn.RMSNorm(shape[1], 1e-6, elementwise_affine=False)(x).numpy(),
            "every row is divided by the root of the mean of its squares, plus 1e-6",
            {
                "nothing is subtracted here; that is layer normalization": layer(x).numpy(),
                "rows are examples: divide each row by its own": (
                    x / (x.square().mean(0) + 1e-6).sqrt()
                ).numpy(),
            },
        )


def clients_gap() -> float:
    """What precise statistics add to averaged ones with two classes a client, mean over seeds."""
    record = experiments.run("averaged-clients", progress=False)
    return float(outcomes.fresh_statistics(record).sel(deal="two classes").mean("seed"))


def leaked() -> float:
    """How often the smallest batch's company tells the class, mean over seeds."""
    record = experiments.run("leaked-labels", progress=False)
    return float(outcomes.told()(record).isel(size=0).mean("seed"))


EXERCISES = (
    Exercise(
        id="ex-after-1",
        answer=Numeric(
            0.75,
            "each of the three pixels can take its share, and none can take more than ε·|w|",
            {
                "that is ε·‖w‖₂, for a change whose whole length is ε": 0.1 * math.sqrt(25.25),
                "signs do not cancel: the adversary chooses them": 0.05,
                "that is ‖w‖₁ without ε": 7.5,
            },
        ),
        hints=("Which way does each pixel go?", "ε·(|3| + |−4| + |0.5|)."),
        wrong=0.05,
        difficulty="warm-up",
        minutes=4,
    ),
    Exercise(
        id="ex-after-2",
        answer=Function(
            "a function of a numpy array w (d,) and a number ε that returns δ (d,)", attacks
        ),
        hints=("Pixel by pixel.", "−ε times the sign of w."),
        wrong=lambda w, size: size * np.sign(w),
        difficulty="warm-up",
        minutes=5,
    ),
    Exercise(
        id="ex-after-3",
        answer=Numeric(
            2.0,
            "variances of independent branches add up",
            {
                "without normalization and scale it doubles at every block": 2.0**25,
                "that is what BN in each branch would give: 1 + 25": 26.0,
                "that is the standard deviation": math.sqrt(2),
                "the branch's variance is 0.2², not 0.2": 6.0,
            },
        ),
        hints=(
            "A branch of variance 1 times 0.2 has the variance 0.04.",
            "1 + 25 · 0.04.",
        ),
        wrong=26.0,
        difficulty="practice",
        minutes=6,
    ),
    Exercise(
        id="ex-after-4",
        answer=Function(
            "a function of a numpy array x (n, d) that returns an array (n, d), ε = 1e-6",
            root_mean_squares,
        ),
        hints=(
            "Nothing is subtracted.",
            "x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-6).",
        ),
        wrong=lambda x: (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-6),
        difficulty="practice",
        minutes=6,
    ),
    Exercise(
        id="ex-after-5",
        answer=Function(
            "a function of two numpy arrays (n, d), g = ∂L/∂(h + αf) and f, returning a number",
            gains,
        ),
        hints=("The chain rule, for one number that occurs n·d times.", "(g * f).sum()."),
        wrong=lambda g, f: (g * f).mean(),
        difficulty="practice",
        minutes=6,
    ),
    Exercise(
        id="ex-after-6",
        answer=Numeric(
            2.0,
            "pool the two sets of values, then take the variance about the common mean",
            {
                "that is what averaging the clients' variances gives": 1.0,
                "means that lie 2 apart lie 1 from the common one": 5.0,
                "that is its root": math.sqrt(2),
            },
        ),
        hints=(
            "The common mean is 0; what is the mean of the squares about it?",
            "Mean of the variances plus variance of the means.",
        ),
        wrong=1.0,
        difficulty="practice",
        minutes=7,
    ),
    Exercise(
        id="ex-after-7",
        answer=Matching(
            {
                "batch normalization": "all examples of the batch",
                "layer normalization": "all units of one example",
                "filter response normalization": "all positions of one channel of one example",
                "dynamic tanh": "one number",
            },
            "a dictionary that gives each of the four what one output depends on: 'all examples "
            "of the batch', 'all units of one example', 'all positions of one channel of one "
            "example' or 'one number'",
        ),
        hints=(
            "Which moments does each take, and over what?",
            "Dynamic tanh takes none. Filter response normalization never leaves its channel.",
        ),
        wrong={
            "batch normalization": "all units of one example",
            "layer normalization": "all examples of the batch",
            "filter response normalization": "all positions of one channel of one example",
            "dynamic tanh": "one number",
        },
        difficulty="warm-up",
        minutes=4,
    ),
    Exercise(
        id="ex-after-8",
        answer=Numeric(
            clients_gap,
            "that is not the mean over seeds of precise minus averaged statistics' accuracy, with "
            "BN, for clients with two classes, after the last round",
            abs=0.002,
        ),
        hints=(
            "outcomes.fresh_statistics(federated) has a dimension 'deal'.",
            "Select deal='two classes' and average over seeds.",
        ),
        wrong=2.0,
        difficulty="challenge",
        minutes=10,
    ),
    Exercise(
        id="ex-after-9",
        answer=Numeric(
            leaked,
            "that is not the mean over seeds of what is told beyond chance, in training mode, in "
            "the smallest batch",
            abs=0.002,
        ),
        hints=(
            "outcomes.told()(leak) has the dimensions size and seed.",
            "The first size, averaged over seeds.",
        ),
        wrong=2.0,
        difficulty="project",
        minutes=240,
    ),
)
