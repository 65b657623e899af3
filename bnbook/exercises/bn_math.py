"""Exercises of the chapter on the mathematics of batch normalization."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bnbook.exercises import Exercise

TITLE = "The mathematics of batch normalization"
POSITION = 2
EPS = 0.1  # large enough that leaving it out, or putting it outside the root, shows
BUGS = {
    "A": "biased variance",
    "B": "mode from grad",
    "C": "momentum reversed",
    "D": "not in state_dict",
}


def close(found: Any, expected: Tensor, tolerance: float = 1e-8) -> bool:
    """Whether an answer has the right shape and values."""
    found = torch.as_tensor(found, dtype=expected.dtype)
    return found.shape == expected.shape and torch.allclose(
        found, expected, rtol=tolerance, atol=tolerance
    )


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Made-up values in float64, off centre and of several widths in dimension 1."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(shape, generator=generator, dtype=torch.float64)
    if len(shape) > 1:
        scale = torch.arange(1.0, shape[1] + 1, dtype=z.dtype).view(-1, *[1] * (len(shape) - 2))
        z = z * scale + scale
    return z


def last_of_four(answer: float) -> str | None:
    """x̂ of the 6 in the batch (1, 2, 3, 6)."""
    if math.isclose(answer, 3 / math.sqrt(3.5), rel_tol=5e-3):
        return None
    if math.isclose(answer, 3 / math.sqrt(14 / 3), rel_tol=5e-3):
        return "you divided the squares by m − 1; which variance does a batch get?"
    return "that is not the distance from the mean in standard deviations of the batch"


def forward(answer: Callable[..., Any]) -> str | None:
    """BN of (m, C) in training mode."""
    z, gamma, beta = drawn(8, 3), drawn(3, seed=1), drawn(3, seed=2)
    found = answer(z, gamma, beta, EPS)
    expected = F.batch_norm(z, None, None, gamma, beta, True, 0.0, EPS)
    if close(found, expected):
        return None
    center, var = z.mean(0), z.var(0, correction=0)
    if close(found, gamma * (z - center) / torch.sqrt(z.var(0) + EPS) + beta):
        return "the variance is the unbiased one; the batch is normalised by the biased one"
    if close(found, gamma * (z - center) / (torch.sqrt(var) + EPS) + beta):
        return "ε stands beside the root; it belongs under it"
    if close(found, gamma * (z - center) / torch.sqrt(var) + beta):
        return "there is no ε in it"
    return "the output is another one (compare with torch.nn.functional.batch_norm)"


def backward(answer: Callable[..., Any]) -> str | None:
    """∂L/∂z of BN of (m, C)."""
    z, g, gamma = drawn(8, 3).requires_grad_(), drawn(8, 3, seed=1), drawn(3, seed=2)
    out = F.batch_norm(z, None, None, gamma, None, True, 0.0, EPS)
    expected = torch.autograd.grad(out, z, g)[0]
    found = torch.as_tensor(answer(z.detach(), g, gamma, EPS))
    if close(found, expected):
        return None
    scale = gamma / torch.sqrt(z.detach().var(0, correction=0) + EPS)
    if close(found, scale * g):
        return "that takes the mean and the variance for constants: both depend on every z"
    if close(found, scale * (g - g.mean(0))):
        return "the path through the mean is there; the one through the variance is missing"
    if found.shape == z.shape and not torch.allclose(found.sum(0), torch.zeros(3).double()):
        return "the gradient does not sum to 0 over the batch, but adding a constant does nothing"
    return "the gradient is another one (compare with torch.autograd.grad)"


def running_moments(answer: Callable[..., Any]) -> str | None:
    """One update of the running mean and variance, as in torch."""
    z, momentum = drawn(4, 3), 0.1
    mean, var = drawn(3, seed=1), drawn(3, seed=2).abs()
    norm = torch.nn.BatchNorm1d(3, momentum=momentum).double()
    norm.running_mean, norm.running_var = mean.clone(), var.clone()
    norm(z)
    found_mean, found_var = answer(mean.clone(), var.clone(), z, momentum)
    if close(found_mean, norm.running_mean) and close(found_var, norm.running_var):
        return None
    if close(found_mean, momentum * mean + (1 - momentum) * z.mean(0)):
        return "momentum is the weight of the new batch here, not of the old estimate"
    if not close(found_mean, norm.running_mean):
        return "the running mean is not (1 − momentum)·old + momentum·batch"
    if close(found_var, (1 - momentum) * var + momentum * z.var(0, correction=0)):
        return "the running variance estimates that of all data: the batch's is too small for that"
    return "the mean is right, the variance is not"


def folded(answer: Callable[..., Any]) -> str | None:
    """A linear layer and its BN as one linear layer."""
    w, b, gamma, beta, mean = drawn(3, 5), *(drawn(3, seed=s) for s in (1, 2, 3, 4))
    var, x = drawn(3, seed=5).abs(), drawn(6, 5, seed=6)
    expected = F.batch_norm(F.linear(x, w, b), mean, var, gamma, beta, False, 0.0, EPS)
    w_new, b_new = answer(w, b, gamma, beta, mean, var, EPS)
    if close(F.linear(x, torch.as_tensor(w_new), torch.as_tensor(b_new)), expected):
        return None
    scale = gamma / torch.sqrt(var + EPS)
    if close(w_new, scale[:, None] * w):
        return "the weight is right; the bias passes through the normalization too"
    return "the folded layer gives other outputs; which dimension of W belongs to γ?"


def convolutional(answer: Callable[..., Any]) -> str | None:
    """BN of (N, C, H, W) in training mode."""
    z, gamma, beta = drawn(4, 3, 5, 6), drawn(3, seed=1), drawn(3, seed=2)
    expected = F.batch_norm(z, None, None, gamma, beta, True, 0.0, EPS)
    found = torch.as_tensor(answer(z, gamma, beta, EPS))
    if close(found, expected):
        return None
    if found.shape != z.shape:
        return f"given {tuple(z.shape)} it returned {tuple(found.shape)}"
    flat = z.flatten(1)
    each = F.batch_norm(flat, None, None, None, None, True, 0.0, EPS).view_as(z)
    if close(found, gamma.view(-1, 1, 1) * each + beta.view(-1, 1, 1)):
        return "you normalised each position by itself; a channel shares its moments everywhere"
    return "the output is another one: over which dimensions do the moments of a channel run?"


def jacobian(answer: Callable[..., Any]) -> str | None:
    """∂x̂_a/∂z_b of one channel, (m, m)."""
    z = drawn(6)

    def normalised(values: Tensor) -> Tensor:
        return F.batch_norm(values[:, None], None, None, None, None, True, 0.0, EPS)[:, 0]

    expected = torch.autograd.functional.jacobian(normalised, z)
    found = torch.as_tensor(answer(z, EPS))
    if found.shape != (6, 6):
        return f"for six values it returned shape {tuple(found.shape)}; expected (6, 6)"
    if close(found, expected, 1e-6):
        return None
    x = normalised(z)
    if close(found, torch.eye(6).double() - 1 / 6 - torch.outer(x, x) / 6, 1e-6):
        return "the projection is right; its size is not"
    return "a step in the direction of all ones must not change x̂; try yours on torch.ones(6)"


def trailing_steps(answer: float) -> str | None:
    """How many steps a running mean with α = 0.01 trails a steady drift."""
    if math.isclose(answer, 99, abs_tol=0.5):
        return None
    if math.isclose(answer, 1 / 0.99 - 1, rel_tol=0.05) or math.isclose(answer, 0.01, rel_tol=0.1):
        return "that is the lag if the old estimate had the small weight: momentum reversed"
    if math.isclose(answer, 100, abs_tol=0.5):
        return "close: the newest batch is already in the average"
    return "let the lag no longer change from step to step, and solve for it"


def twin_rate(answer: float) -> str | None:
    """η(1 − ηλ)^(−2t−1) at η = 0.1, λ = 0.01, t = 1000."""
    if math.isclose(answer, 0.1 * 0.999**-2001, rel_tol=5e-3):
        return None
    if math.isclose(answer, 0.1 * 0.999**-1001, rel_tol=0.01):
        return "the weights grow by that factor; the rate must grow by its square. Why?"
    if answer < 0.1:
        return "the twin without decay has larger weights; does it need a smaller rate?"
    return "that is not the rate of the schedule at this step"


def wrong_norms(answer: dict[str, str]) -> str | None:
    """Which bug each of four implementations has."""
    unknown = sorted(set(answer.values()) - set(BUGS.values()))
    if set(answer) != set(BUGS) or unknown:
        known = ", ".join(sorted(BUGS.values()))
        return f"name one of these for each of A, B, C and D: {known}"
    right = [name for name, bug in BUGS.items() if answer[name] == bug]
    return None if len(right) == len(BUGS) else f"{len(right)} of 4 are right"


def whitened(answer: Callable[..., Any]) -> str | None:
    """ZCA whitening of (m, C)."""
    z = drawn(50, 3) @ torch.tensor([[1.0, 0.8, 0], [0, 1, 0.5], [0, 0, 1]]).double()
    found = torch.as_tensor(answer(z, 1e-6))
    if found.shape != z.shape:
        return f"given {tuple(z.shape)} it returned {tuple(found.shape)}"
    covariance = found.T @ found / len(z)
    if not close(found.mean(0), torch.zeros(3).double()):
        return "the output is not centred"
    if not close(covariance.diagonal(), torch.ones(3).double(), 1e-3):
        return "the features do not have variance 1"
    if not close(covariance, torch.eye(3).double(), 1e-3):
        return "the features are still correlated: that is batch normalization, not whitening"
    between = found.T @ (z - z.mean(0))
    if not close(between, between.T, 1e-6):
        return "white, but turned: of all roots, ZCA takes the symmetric one"
    return None


NUMBER = "a number"
EXERCISES = (
    Exercise(
        id="math-1",
        check=last_of_four,
        hints=(
            "Mean first, then the mean of the squared distances from it.",
            "The batch is normalised by its own variance, with no correction for the mean.",
        ),
        wrong=3 / math.sqrt(14 / 3),
        expects=NUMBER,
    ),
    Exercise(
        id="math-2",
        check=forward,
        hints=(
            "The moments of a channel run over dimension 0.",
            "torch.var corrects for the mean unless it is told correction=0.",
        ),
        wrong=lambda z, gamma, beta, eps: gamma * (z - z.mean(0)) / (z.std(0) + eps) + beta,
        expects="a function of z (m, C), gamma (C,), beta (C,) and eps that returns (m, C)",
    ),
    Exercise(
        id="math-3",
        check=backward,
        hints=(
            "Write x̂ first: the result is g, less its mean, less x̂ times a mean, times a factor.",
            "Whatever arrives must sum to zero over the batch, for a constant added to z is lost.",
        ),
        wrong=lambda z, g, gamma, eps: gamma * g / torch.sqrt(z.var(0, correction=0) + eps),
        expects="a function of z (m, C), g (m, C), gamma (C,) and eps that returns (m, C)",
    ),
    Exercise(
        id="math-4",
        check=jacobian,
        hints=(
            "Take the backward formula for a gradient that is 1 at one place and 0 elsewhere.",
            "The identity, less two outer products, each divided by m; all over a root.",
        ),
        wrong=lambda z, eps: torch.eye(len(z)) / torch.sqrt(z.var(correction=0) + eps),
        expects="a function of z (m,) and eps that returns a matrix (m, m)",
    ),
    Exercise(
        id="math-5",
        check=running_moments,
        hints=(
            "With torch's convention a small momentum remembers for long.",
            "Two different variances of one batch are in use: one normalises, one is remembered.",
        ),
        wrong=lambda mean, var, z, momentum: (
            (1 - momentum) * mean + momentum * z.mean(0),
            (1 - momentum) * var + momentum * z.var(0, correction=0),
        ),
        expects="a function of running_mean (C,), running_var (C,), z (m, C) and momentum that "
        "returns the new mean and the new variance",
    ),
    Exercise(
        id="math-6",
        check=trailing_steps,
        hints=(
            "Write the lag after a step in terms of the lag before it, when μ moves by d.",
            "Set the two lags equal, and divide by d.",
        ),
        wrong=100,
        expects="a number of steps",
    ),
    Exercise(
        id="math-7",
        check=folded,
        hints=(
            "Insert Wx + b for z in the formula of inference, and collect what multiplies x.",
            "γ/√(σ² + ε) scales the rows of W: one row makes one channel.",
        ),
        wrong=lambda w, b, gamma, beta, mean, var, eps: (
            (gamma / torch.sqrt(var + eps))[:, None] * w,
            b + beta - mean,
        ),
        expects="a function of W (out, in), b (out,), gamma, beta, mean, var and eps that returns "
        "a new W and a new b",
    ),
    Exercise(
        id="math-8",
        check=convolutional,
        hints=(
            "A channel has one mean, one variance, one γ and one β.",
            "z.mean((0, 2, 3), keepdim=True) has the shape that broadcasts.",
        ),
        wrong=lambda z, gamma, beta, eps: (
            gamma.view(-1, 1, 1) * (z - z.mean(0)) / torch.sqrt(z.var(0, correction=0) + eps)
            + beta.view(-1, 1, 1)
        ),
        expects="a function of z (N, C, H, W), gamma (C,), beta (C,) and eps that returns "
        "(N, C, H, W)",
    ),
    Exercise(
        id="math-9",
        check=wrong_norms,
        hints=(
            "Read the two lines that write to the running statistics, letter by letter, in each.",
            "What does evaluation under `no_grad` look like, what does `net.state_dict()` hold, "
            "and which variance is which?",
        ),
        wrong={
            "A": "momentum reversed",
            "B": "biased variance",
            "C": "momentum reversed",
            "D": "mode from grad",
        },
        expects='a dictionary {"A": …, "B": …, "C": …, "D": …} that names the bug of each',
    ),
    Exercise(
        id="math-10",
        check=twin_rate,
        hints=(
            "Without decay the weights of the twin are larger by a factor that grows each step.",
            "A gradient at weights a times as large is a times smaller, and has to move them by a "
            "times as much.",
        ),
        wrong=0.1 * 0.999**1000,
        expects=NUMBER,
    ),
    Exercise(
        id="math-11",
        check=whitened,
        hints=(
            "Start from the covariance matrix of the centred batch, plus ε times the identity.",
            "torch.linalg.eigh gives the eigenvectors; scale along them, and turn back.",
        ),
        wrong=lambda z, eps: (z - z.mean(0)) / torch.sqrt(z.var(0, correction=0) + eps),
        expects="a function of z (m, C) and eps that returns (m, C)",
    ),
)
