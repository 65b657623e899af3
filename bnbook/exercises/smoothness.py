"""Exercises of the chapter on the smoothness of the loss."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from bnbook import experiments
from bnbook.exercises import Case, Exercise, Function, Numeric
from bnbook.outcomes.arms import in_training
from bnbook.outcomes.smoothness import by_network, of_the_source
from bnbook.stats import log_ratio, restricted, steps_to

SCALES = torch.tensor([1.0, 3.0, 0.5, 2.0], dtype=torch.float64)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Made-up values in float64."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def symmetric(seed: int) -> Tensor:
    """A positive definite (4, 4) with eigenvalues between 0.5 and 3."""
    turned, _ = torch.linalg.qr(drawn(4, 4, seed=seed))
    return turned @ torch.diag(SCALES) @ turned.T


def _wavy(a: Tensor, theta: Tensor) -> Tensor:
    """The gradient of ½θᵀAθ − Σ cos θᵢ."""
    return a @ theta + torch.sin(theta)


def predictiveness() -> Iterator[Case]:
    """‖∇L(θ − αg) − g‖ for a given gradient function."""
    for seed, alpha in ((0, 0.1), (1, 0.7)):
        grad, theta = partial(_wavy, symmetric(seed)), drawn(4, seed=seed + 5)
        g = grad(theta)
        h, uphill = grad(theta - alpha * g), grad(theta + alpha * g)
        yield Case(
            (grad, theta, alpha),
            (h - g).norm(),
            "it is not the distance between the gradients at the two ends of the step",
            {
                "that is the norm of a sum; how far apart are the two gradients?": (h + g).norm(),
                "you divided by the way gone, which gives effective β; leave that out": (
                    (h - g).norm() / (alpha * g.norm())
                ),
                "you went uphill": (uphill - g).norm(),
            },
        )


def best_step() -> Iterator[Case]:
    """gᵀg/gᵀAg."""
    for seed in (0, 1, 2):
        a, g = symmetric(seed), drawn(4, seed=seed + 9)
        best = g @ g / (g @ a @ g)
        yield Case(
            (a, g),
            best,
            "the loss θ − αg is a parabola in α: where is its lowest point?",
            {
                "there the loss is back at where it began": 2 * best,
                "that step is safe in every direction; along g a longer one is better": (
                    1 / SCALES.max()
                ),
            },
        )


def largest_eigenvalue() -> Iterator[Case]:
    """λ_max of a positive definite matrix from its products with vectors."""
    for seed in (0, 1, 2):
        yield Case(
            (partial(torch.mv, 4 * symmetric(seed)), 4),
            12.0,
            "for a matrix with eigenvalues 2, 4, 8 and 12 it gave another number",
            {"that is its square: measure the growth of a vector of length 1, once": 144.0},
        )


def projected_gradient() -> Iterator[Case]:
    """∇_w of f(w/‖w‖), given ∇f at w/‖w‖."""
    for seed in (0, 1):
        w, slope = (3 * drawn(5, seed=seed)).requires_grad_(), drawn(5, seed=seed + 3)
        (expected,) = torch.autograd.grad(F.normalize(w, dim=0) @ slope, w)
        length = w.detach().norm()
        yield Case(
            (w.detach(), slope),
            expected,
            "it is not the gradient (compare with autograd on f(w) = a·w/‖w‖)",
            {
                "the direction is right; how does its size depend on that of w?": expected * length,
                "a part along w is left in it, though moving along w does nothing": slope / length,
            },
        )


def at_the_start() -> float:
    """Mean log ratio none/batch of effective β of 12 layers in training mode before training."""
    record = by_network(experiments.run("loss-landscape", progress=False))
    before = record.effective_smoothness.sel(network="12 layers", mode="training").isel(step=0)
    return float(log_ratio(before, "none", "batch").mean())


def filter_normalised() -> Iterator[Case]:
    """A random direction with each filter as long as the filter of the weights."""
    for shape in ((3, 7), (4, 2, 3, 3)):
        weight, direction = 2 * drawn(*shape, seed=1), drawn(*shape, seed=2)
        pairs = zip(weight, direction, strict=True)
        yield Case(
            (weight, direction),
            torch.stack([d / d.norm() * w.norm() for w, d in pairs]),
            f"for weights {shape} the filters do not lie along the direction, each as long as the "
            "weights' filter",
            {
                "the whole has the length of the weights; each filter should have its own": (
                    direction * weight.norm() / direction.norm()
                )
            },
        )


def plain_shortcut() -> Iterator[Case]:
    """Every second pixel of x, and zeros for the channels that it lacks."""
    for shape, channels in (((2, 3, 6, 8), 6), ((1, 2, 5, 7), 3), ((2, 4, 4, 4), 4)):
        x = drawn(*shape)
        expected = x.new_zeros(shape[0], channels, (shape[2] + 1) // 2, (shape[3] + 1) // 2)
        expected[:, : shape[1]] = x[:, :, ::2, ::2]
        mean = F.avg_pool2d(x, 2, ceil_mode=True)
        yield Case(
            (x, channels),
            expected,
            f"from {shape} to {channels} channels: first every second pixel of the old ones, then "
            "channels that know nothing",
            {
                "that is the mean of two by two pixels, another network": torch.cat(
                    [mean, torch.zeros_like(expected[:, shape[1] :])], dim=1
                )
            },
        )


def slower_without() -> float:
    """Mean log ratio of steps to 90 % of training digits right, none over batch."""
    record = experiments.run("noisy-convnet", progress=False)
    steps = restricted(steps_to(in_training(of_the_source(record)), 0.9))
    return float(log_ratio(steps, "none", "batch").mean())


EXERCISES = (
    Exercise(
        id="ex-smooth-1",
        answer=Numeric(
            0.2,
            "put it into θ ← θ − η∇L and look at each coordinate by itself",
            {
                "the second derivative of 5θ² is not 5": 0.4,
                "with that one the first coordinate arrives in one step; it can be larger": 0.1,
            },
        ),
        hints=(
            "Each coordinate is multiplied by the same factor at every step. Which one first has a "
            "factor below −1?",
            "The factor is 1 − ηλ, with λ the second derivative in that coordinate.",
        ),
        wrong=0.4,
        difficulty="warm-up",
        minutes=5,
    ),
    Exercise(
        id="ex-smooth-2",
        answer=Function(
            "a function of grad (a function), theta (n,), a torch tensor, and alpha that returns a "
            "number",
            predictiveness,
        ),
        hints=(
            "You need two gradients: where you stand, and where the step ends.",
            "Take the norm of their difference. Nothing is divided.",
        ),
        wrong=lambda grad, theta, alpha: (grad(theta - alpha * grad(theta)) + grad(theta)).norm(),
        difficulty="warm-up",
        minutes=8,
    ),
    Exercise(
        id="ex-smooth-3",
        answer=Function(
            "a function of two torch tensors, A (n, n) and g (n,), that returns a number", best_step
        ),
        hints=(
            "Write L(θ − αg) with the Taylor formula; on a quadratic it is exact.",
            "Set the derivative by α to zero.",
        ),
        wrong=lambda a, g: float(1 / torch.linalg.eigvalsh(a).max()),
        difficulty="practice",
        minutes=8,
    ),
    Exercise(
        id="ex-smooth-4",
        answer=Function(
            "a function of product, which maps a torch tensor (n,) in float64 to another, and of n "
            "that returns a number",
            largest_eigenvalue,
            rel=1e-3,
        ),
        hints=(
            "What becomes of a random vector that is multiplied by the matrix again and again?",
            "Keep its length at 1, and take vᵀAv at the end; a hundred products are plenty here.",
        ),
        wrong=lambda product, n: float(product(torch.ones(n, dtype=torch.float64)).norm()),
        difficulty="practice",
        minutes=12,
    ),
    Exercise(
        id="ex-smooth-5",
        answer=Numeric(
            36,
            "how does H(w) scale with the size of w?",
            {
                "that is how a gradient scales; a second derivative does so twice": 12,
                "smaller weights have the larger curvature": 4 / 9,
            },
        ),
        hints=(
            "Differentiate ∇L(aw) = ∇L(w)/a once more.",
            "You want a·w to have length 1.",
        ),
        wrong=12.0,
        difficulty="practice",
        minutes=5,
    ),
    Exercise(
        id="ex-smooth-6",
        answer=Function(
            "a function of two torch tensors, w and the gradient at w/‖w‖, that returns (n,), as "
            "both are",
            projected_gradient,
        ),
        hints=(
            "The derivative of w/‖w‖ by w is a projection, divided by a length.",
            "Take from the given gradient its part along w, then divide.",
        ),
        wrong=lambda w, slope: slope / w.norm(),
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-smooth-7",
        answer=Numeric(
            at_the_start,
            "that is not the mean over seeds of the log ratio at step 0",
            {"the sign is that of batch over none": lambda: -at_the_start()},
            abs=0.005,
        ),
        hints=(
            "by_network splits the arms of the record; choose network, mode and the first step.",
            "bnbook.stats.log_ratio pairs the seeds; average what it gives.",
        ),
        wrong=10.0,
        difficulty="challenge",
        minutes=12,
    ),
    Exercise(
        id="ex-smooth-8",
        answer=Function(
            "a function of a torch tensor x (N, C, H, W) and channels that returns a tensor",
            plain_shortcut,
        ),
        hints=(
            "Slicing with a step of 2 takes every second pixel, whether their number is even or "
            "odd.",
            "torch.nn.functional.pad counts dimensions from the last: width, height, channels.",
        ),
        wrong=lambda x, channels: F.pad(
            F.avg_pool2d(x, 2, ceil_mode=True), (0, 0, 0, 0, 0, channels - x.shape[1])
        ),
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-smooth-9",
        answer=Numeric(
            0.1,
            "write ‖w‖² after the step as a function of η, by Pythagoras; then maximise",
            {
                "that is the η at which it is largest; what is η/‖w‖² there, after the step?": 0.8,
                "that is η/‖w‖² before the step; the step has made w longer": 0.2,
            },
        ),
        hints=(
            "The step is orthogonal to w, so the squares of the lengths add.",
            "You have η/(a + bη²) to maximise, with a = ‖w‖² and b = ‖g̃‖²/‖w‖².",
        ),
        wrong=0.8,
        difficulty="challenge",
        minutes=12,
    ),
    Exercise(
        id="ex-smooth-10",
        answer=Numeric(
            slower_without,
            "take steps_to the target of each seed first, then the log ratio, then the mean",
            {
                "that is batch over none; how much longer does it take without?": (
                    lambda: -slower_without()
                ),
                "that is the ratio; its logarithm is asked for": (
                    lambda: math.exp(slower_without())
                ),
            },
            abs=0.005,
        ),
        hints=(
            "bnbook.stats.steps_to(values, target) finds where each run first reaches the target; "
            "bnbook.stats.restricted makes a number of it.",
            'The values are noisy.accuracy.sel(split="train", statistics="batch", drop=True), with '
            "noisy = outcomes.of_the_source(bnbook.run('noisy-convnet')).",
        ),
        wrong=10.0,
        difficulty="challenge",
        minutes=15,
    ),
    Exercise(
        id="ex-smooth-11",
        answer=Function(
            "a function of two torch tensors, weight (out, …) and direction (out, …), that returns "
            "(out, …)",
            filter_normalised,
        ),
        hints=(
            "A filter is what belongs to one output: weight[0], weight[1], and so on.",
            "flatten(1) makes every filter a row, whatever its shape.",
        ),
        wrong=lambda weight, direction: direction * weight.norm() / direction.norm(),
        difficulty="project",
        minutes=60,
    ),
)
