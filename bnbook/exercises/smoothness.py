"""Exercises of the chapter on the smoothness of the loss."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bnbook import experiments
from bnbook.exercises import Exercise
from bnbook.outcomes.arms import in_training
from bnbook.outcomes.smoothness import by_network
from bnbook.stats import log_ratio, restricted, steps_to

TITLE = "Smoothness of the loss"
POSITION = 6
SCALES = torch.tensor([1.0, 3.0, 0.5, 2.0], dtype=torch.float64)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Made-up values in float64."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def symmetric(seed: int) -> Tensor:
    """A positive definite (4, 4) with eigenvalues between 0.5 and 3."""
    turned, _ = torch.linalg.qr(drawn(4, 4, seed=seed))
    return turned @ torch.diag(SCALES) @ turned.T


def edge_of_a_quadratic(answer: float) -> str | None:
    """The learning rate at which gradient descent on 5θ₁² + ½θ₂² begins to diverge."""
    if math.isclose(answer, 0.2, rel_tol=5e-3):
        return None
    if math.isclose(answer, 0.4, rel_tol=5e-3):
        return "the second derivative of 5θ² is not 5"
    if math.isclose(answer, 0.1, rel_tol=5e-3):
        return "with that one the first coordinate arrives in one step; it can be larger"
    return "put it into θ ← θ − η∇L and look at each coordinate by itself"


def _wavy(a: Tensor, theta: Tensor) -> Tensor:
    """The gradient of ½θᵀAθ − Σ cos θᵢ."""
    return a @ theta + torch.sin(theta)


def predictiveness(answer: Callable[..., float]) -> str | None:
    """‖∇L(θ − αg) − g‖ for a given gradient function."""
    for seed, alpha in ((0, 0.1), (1, 0.7)):
        a, theta = symmetric(seed), drawn(4, seed=seed + 5)
        grad = partial(_wavy, a)
        g = grad(theta)
        h = grad(theta - alpha * g)
        found = float(answer(grad, theta, alpha))
        if math.isclose(found, float((h - g).norm()), rel_tol=1e-6):
            continue
        if math.isclose(found, float((h + g).norm()), rel_tol=1e-6):
            return "that is the norm of a sum; how far apart are the two gradients?"
        if math.isclose(found, float((h - g).norm() / (alpha * g.norm())), rel_tol=1e-6):
            return "you divided by the way gone, which gives effective β; leave that out"
        if math.isclose(found, float((grad(theta + alpha * g) - g).norm()), rel_tol=1e-6):
            return "you went uphill"
        return "it is not the distance between the gradients at the two ends of the step"
    return None


def best_step(answer: Callable[[Any, Any], float]) -> str | None:
    """gᵀg/gᵀAg."""
    for seed in (0, 1, 2):
        a, g = symmetric(seed), drawn(4, seed=seed + 9)
        found, expected = float(answer(a, g)), float(g @ g / (g @ a @ g))
        if math.isclose(found, expected, rel_tol=1e-6):
            continue
        if math.isclose(found, 2 * expected, rel_tol=1e-6):
            return "there the loss is back at where it began"
        if math.isclose(found, float(1 / torch.linalg.eigvalsh(a).max()), rel_tol=1e-6):
            return "that step is safe in every direction; along g a longer one is better"
        return "the loss θ − αg is a parabola in α: where is its lowest point?"
    return None


def largest_eigenvalue(answer: Callable[..., float]) -> str | None:
    """λ_max of a positive definite matrix from its products with vectors."""
    for seed in (0, 1, 2):
        a = 4 * symmetric(seed)
        found = float(answer(lambda v, a=a: a @ v, 4))
        if math.isclose(found, 4 * 3.0, rel_tol=1e-3):
            continue
        if math.isclose(found, 144.0, rel_tol=1e-3):
            return "that is its square: measure the growth of a vector of length 1, once"
        return f"for a matrix with eigenvalues 2, 4, 8 and 12 it gave {found:.4g}"
    return None


def on_the_sphere(answer: float) -> str | None:
    """Curvature at ‖w‖ = 1 of a scale-invariant filter of norm 3 with curvature 4."""
    if math.isclose(answer, 36, rel_tol=5e-3):
        return None
    if math.isclose(answer, 12, rel_tol=5e-3):
        return "that is how a gradient scales; a second derivative does so twice"
    if math.isclose(answer, 4 / 9, rel_tol=5e-3):
        return "smaller weights have the larger curvature"
    return "how does H(w) scale with the size of w?"


def projected_gradient(answer: Callable[[Any, Any], Any]) -> str | None:
    """∇_w of f(w/‖w‖), given ∇f at w/‖w‖."""
    for seed in (0, 1):
        w = (3 * drawn(5, seed=seed)).requires_grad_()
        slope = drawn(5, seed=seed + 3)
        expected = torch.autograd.grad(F.normalize(w, dim=0) @ slope, w)[0]
        found = torch.as_tensor(answer(w.detach(), slope), dtype=torch.float64)
        if found.shape != expected.shape:
            return f"for w of shape (5,) it gave {tuple(found.shape)}"
        if torch.allclose(found, expected, rtol=1e-6):
            continue
        length = w.detach().norm()
        if torch.allclose(found, expected * length, rtol=1e-6):
            return "the direction is right; how does its size depend on that of w?"
        if torch.allclose(found * length, slope, rtol=1e-6):
            return "a part along w is left in it, though moving along w does nothing"
        return "it is not the gradient (compare with autograd on f(w) = a·w/‖w‖)"
    return None


def at_the_start(answer: float) -> str | None:
    """Mean log ratio none/batch of effective β of 12 layers in training mode before training."""
    record = by_network(experiments.run("loss-landscape", progress=False))
    before = record.effective_smoothness.sel(network="12 layers", mode="training").isel(step=0)
    expected = float(log_ratio(before, "none", "batch").mean())
    if math.isclose(answer, expected, rel_tol=0.01, abs_tol=0.005):
        return None
    if math.isclose(answer, -expected, rel_tol=0.01, abs_tol=0.005):
        return "the sign is that of batch over none"
    return "that is not the mean over seeds of the log ratio at step 0"


def filter_normalised(answer: Callable[[Any, Any], Any]) -> str | None:
    """A random direction with each filter as long as the filter of the weights."""
    for shape in ((3, 7), (4, 2, 3, 3)):
        weight, direction = 2 * drawn(*shape, seed=1), drawn(*shape, seed=2)
        found = torch.as_tensor(answer(weight, direction))
        if found.shape != weight.shape:
            return f"for weights {shape} it gave {tuple(found.shape)}"
        mine, wanted = (t.flatten(1).norm(dim=1) for t in (found, weight))
        if torch.allclose(mine, wanted, rtol=1e-6):
            cosine = F.cosine_similarity(found.flatten(1), direction.flatten(1))
            if torch.allclose(cosine, torch.ones_like(cosine)):
                continue
            return "the lengths are right, but the filters no longer point along the direction"
        if math.isclose(float(found.norm()), float(weight.norm()), rel_tol=1e-6):
            return "the whole has the length of the weights; each filter should have its own"
        return f"for weights {shape} the filters do not have the lengths of the weights' filters"
    return None


def plain_shortcut(answer: Callable[..., Tensor]) -> str | None:
    """Every second pixel of x, and zeros for the channels that it lacks."""
    for shape, channels in (((2, 3, 6, 8), 6), ((1, 2, 5, 7), 3), ((2, 4, 4, 4), 4)):
        x = drawn(*shape)
        found = answer(x, channels)
        expected = x.new_zeros(shape[0], channels, (shape[2] + 1) // 2, (shape[3] + 1) // 2)
        expected[:, : shape[1]] = x[:, :, ::2, ::2]
        if found.shape != expected.shape:
            return (
                f"from {shape} to {channels} channels it gives {tuple(found.shape)}; a "
                f"convolution of stride 2 with one pixel of padding gives {tuple(expected.shape)}"
            )
        if not torch.equal(found[:, : shape[1]], expected[:, : shape[1]]):
            return "the old channels are not every second pixel of x, from the first on"
        if found[:, shape[1] :].any():
            return "the new channels come after the old ones, and know nothing"
    return None


def largest_effective_rate(answer: float) -> str | None:
    """Over all η, the largest η/‖w‖² after one step from ‖w‖ = 2, where ‖g̃‖ = 5."""
    if math.isclose(answer, 0.1, rel_tol=5e-3):
        return None
    if math.isclose(answer, 0.8, rel_tol=5e-3):
        return "that is the η at which it is largest; what is η/‖w‖² there, after the step?"
    if math.isclose(answer, 0.2, rel_tol=5e-3):
        return "that is η/‖w‖² before the step; the step has made w longer"
    return "write ‖w‖² after the step as a function of η, by Pythagoras; then maximise"


def slower_without(answer: float) -> str | None:
    """Mean log ratio of steps to 90 % of training digits right, none over batch."""
    record = experiments.run("noisy-convnet", progress=False)
    accuracy = in_training(record)
    expected = float(log_ratio(restricted(steps_to(accuracy, 0.9)), "none", "batch").mean())
    if math.isclose(answer, expected, rel_tol=0.01, abs_tol=0.005):
        return None
    if math.isclose(answer, -expected, rel_tol=0.01, abs_tol=0.005):
        return "that is batch over none; how much longer does it take without?"
    if math.isclose(answer, math.exp(expected), rel_tol=0.02):
        return "that is the ratio; its logarithm is asked for"
    return "take steps_to the target of each seed first, then the log ratio, then the mean"


NUMBER = "a number"
EXERCISES = (
    Exercise(
        id="smooth-1",
        check=edge_of_a_quadratic,
        hints=(
            "Each coordinate is multiplied by the same factor at every step. Which one first has a "
            "factor below −1?",
            "The factor is 1 − ηλ, with λ the second derivative in that coordinate.",
        ),
        wrong=0.4,
        expects=NUMBER,
    ),
    Exercise(
        id="smooth-2",
        check=predictiveness,
        hints=(
            "You need two gradients: where you stand, and where the step ends.",
            "Take the norm of their difference. Nothing is divided.",
        ),
        wrong=lambda grad, theta, alpha: (grad(theta - alpha * grad(theta)) + grad(theta)).norm(),
        expects="a function of grad (a function), theta (n,) and alpha that returns a number",
    ),
    Exercise(
        id="smooth-3",
        check=best_step,
        hints=(
            "Write L(θ − αg) with the Taylor formula; on a quadratic it is exact.",
            "Set the derivative by α to zero.",
        ),
        wrong=lambda a, g: float(1 / torch.linalg.eigvalsh(a).max()),
        expects="a function of A (n, n) and g (n,) that returns a number",
    ),
    Exercise(
        id="smooth-4",
        check=largest_eigenvalue,
        hints=(
            "What becomes of a random vector that is multiplied by the matrix again and again?",
            "Keep its length at 1, and take vᵀAv at the end; a hundred products are plenty here.",
        ),
        wrong=lambda product, n: float(product(torch.ones(n, dtype=torch.float64)).norm()),
        expects="a function of product (a function of a vector) and n that returns a number",
    ),
    Exercise(
        id="smooth-5",
        check=on_the_sphere,
        hints=(
            "Differentiate ∇L(aw) = ∇L(w)/a once more.",
            "You want a·w to have length 1.",
        ),
        wrong=12.0,
        expects=NUMBER,
    ),
    Exercise(
        id="smooth-6",
        check=projected_gradient,
        hints=(
            "The derivative of w/‖w‖ by w is a projection, divided by a length.",
            "Take from the given gradient its part along w, then divide.",
        ),
        wrong=lambda w, slope: slope / w.norm(),
        expects="a function of w (n,) and the gradient (n,) at w/‖w‖ that returns (n,)",
    ),
    Exercise(
        id="smooth-7",
        check=at_the_start,
        hints=(
            "by_network splits the arms of the record; choose network, mode and the first step.",
            "bnbook.stats.log_ratio pairs the seeds; average what it gives.",
        ),
        wrong=10.0,
        expects=NUMBER,
    ),
    Exercise(
        id="smooth-8",
        check=filter_normalised,
        hints=(
            "A filter is what belongs to one output: weight[0], weight[1], and so on.",
            "flatten(1) makes every filter a row, whatever its shape.",
        ),
        wrong=lambda weight, direction: direction * weight.norm() / direction.norm(),
        expects="a function of weight (out, …) and direction (out, …) that returns (out, …)",
    ),
    Exercise(
        id="smooth-21",
        check=plain_shortcut,
        hints=(
            "Slicing with a step of 2 takes every second pixel, whether their number is even or "
            "odd.",
            "torch.nn.functional.pad counts dimensions from the last: width, height, channels.",
        ),
        wrong=lambda x, channels: F.pad(
            F.avg_pool2d(x, 2, ceil_mode=True), (0, 0, 0, 0, 0, channels - x.shape[1])
        ),
        expects="a function of x (N, C, H, W) and channels that returns a tensor",
    ),
    Exercise(
        id="smooth-22",
        check=largest_effective_rate,
        hints=(
            "The step is orthogonal to w, so the squares of the lengths add.",
            "You have η/(a + bη²) to maximise, with a = ‖w‖² and b = ‖g̃‖²/‖w‖².",
        ),
        wrong=0.8,
        expects=NUMBER,
    ),
    Exercise(
        id="smooth-23",
        check=slower_without,
        hints=(
            "bnbook.stats.steps_to(values, target) finds where each run first reaches the target; "
            "bnbook.stats.restricted makes a number of it.",
            'The values are noisy.accuracy.sel(split="train", statistics="batch", drop=True).',
        ),
        wrong=10.0,
        expects=NUMBER,
    ),
)
