"""Exercises of the chapter on the mathematics of batch normalization."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from scipy.integrate import quad
from torch import Tensor

from bnbook.exercises import (
    Behaviour,
    Called,
    Case,
    Exercise,
    Function,
    Matching,
    Numeric,
    Remark,
    Unusable,
)

EPS = 0.1  # large enough that leaving it out, or putting it outside the root, shows
BUGS = {
    "A": "biased variance",
    "B": "mode from grad",
    "C": "momentum reversed",
    "D": "not in state_dict",
}


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Made-up values in float64, off centre and of several widths in dimension 1."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(shape, generator=generator, dtype=torch.float64)
    if len(shape) > 1:
        scale = torch.arange(1.0, shape[1] + 1, dtype=z.dtype).view(-1, *[1] * (len(shape) - 2))
        z = z * scale + scale
    return z


def forward() -> Iterator[Case]:
    """BN of (m, C) in training mode."""
    z, gamma, beta = drawn(8, 3), drawn(3, seed=1), drawn(3, seed=2)
    center, var = z - z.mean(0), z.var(0, correction=0)
    yield Case(
        (z, gamma, beta, EPS),
        F.batch_norm(z, None, None, gamma, beta, True, 0.0, EPS),
        "the output is another one (compare with torch.nn.functional.batch_norm)",
        {
            "the variance is the unbiased one; the batch is normalised by the biased one": (
                gamma * center / torch.sqrt(z.var(0) + EPS) + beta
            ),
            "ε stands beside the root; it belongs under it": (
                gamma * center / (torch.sqrt(var) + EPS) + beta
            ),
            "there is no ε in it": gamma * center / torch.sqrt(var) + beta,
        },
    )


def backward() -> Iterator[Case]:
    """∂L/∂z of BN of (m, C)."""
    z, g, gamma = drawn(8, 3).requires_grad_(), drawn(8, 3, seed=1), drawn(3, seed=2)
    out = F.batch_norm(z, None, None, gamma, None, True, 0.0, EPS)
    scale = gamma / torch.sqrt(z.detach().var(0, correction=0) + EPS)
    yield Case(
        (z.detach(), g, gamma, EPS),
        torch.autograd.grad(out, z, g)[0],
        "the gradient is another one (compare with torch.autograd.grad); does it sum to 0 over "
        "the batch?",
        {
            "that takes the mean and the variance for constants: both depend on every z": scale * g,
            "the path through the mean is there; the one through the variance is missing": (
                scale * (g - g.mean(0))
            ),
        },
    )


def running_moments() -> Iterator[Case]:
    """One update of the running mean and variance, as in torch."""
    z, momentum = drawn(4, 3), 0.1
    mean, var = drawn(3, seed=1), drawn(3, seed=2).abs()
    norm = torch.nn.BatchNorm1d(3, momentum=momentum).double()
    norm.running_mean, norm.running_var = mean.clone(), var.clone()
    norm(z)
    yield Case(
        (mean, var, z, momentum),
        (norm.running_mean, norm.running_var),
        "it is not (1 − momentum)·old + momentum·batch, for the mean and for the variance",
        {
            "momentum is the weight of the new batch here, not of the old estimate": (
                momentum * mean + (1 - momentum) * z.mean(0),
                None,
            ),
            "the running variance estimates that of all data: the batch's is too small for that": (
                norm.running_mean,
                (1 - momentum) * var + momentum * z.var(0, correction=0),
            ),
            "the mean is right, the variance is not": (norm.running_mean, None),
        },
    )


def folded() -> Iterator[Case]:
    """A linear layer and its BN as one linear layer: the rows of [W b] where x is a unit or 0."""
    w, b, gamma, beta, mean = drawn(3, 5), *(drawn(3, seed=s) for s in (1, 2, 3, 4))
    var = drawn(3, seed=5).abs()

    def both(x: Tensor) -> Tensor:
        return F.batch_norm(F.linear(x, w, b), mean, var, gamma, beta, False, 0.0, EPS)

    bias = both(torch.zeros(1, 5).double())[0]
    weight = (both(torch.eye(5).double()) - bias).T
    yield Case(
        (w, b, gamma, beta, mean, var, EPS),
        (weight, bias),
        "the folded layer gives other outputs; which dimension of W belongs to γ?",
        {"the weight is right; the bias passes through the normalization too": (weight, None)},
    )


def convolutional() -> Iterator[Case]:
    """BN of (N, C, H, W) in training mode."""
    z, gamma, beta = drawn(4, 3, 5, 6), drawn(3, seed=1), drawn(3, seed=2)
    each = F.batch_norm(z.flatten(1), None, None, None, None, True, 0.0, EPS).view_as(z)
    yield Case(
        (z, gamma, beta, EPS),
        F.batch_norm(z, None, None, gamma, beta, True, 0.0, EPS),
        "the output is another one: over which dimensions do the moments of a channel run?",
        {
            "you normalised each position by itself; a channel shares its moments everywhere": (
                gamma.view(-1, 1, 1) * each + beta.view(-1, 1, 1)
            )
        },
    )


def derivative_of_root() -> Iterator[Case]:
    """By what an entry of dΣ between two eigenvectors enters that of Σ^(−½): an integral of it.

    Σ^(−½) = (2/π)∫(Σ + u²)⁻¹du, and d(Σ + u²)⁻¹ = −(Σ + u²)⁻¹dΣ(Σ + u²)⁻¹.
    """
    for a, b in ((1.0, 9.0), (4.0, 4.0), (0.5, 0.5 + 1e-13)):
        area, _ = quad(lambda u, a=a, b=b: 1 / ((a + u**2) * (b + u**2)), 0, math.inf)
        expected = -2 / math.pi * area
        yield Case(
            (a, b),
            expected,
            f"for eigenvalues {a:g} and {b:g} the factor is another one",
            {
                "the sign is the wrong one: does a root of the inverse grow with Σ?": -expected,
                "that is twice as much: for equal eigenvalues it is the derivative of λ^(−½)": (
                    2 * expected
                ),
            },
        )


def jacobian() -> Iterator[Case]:
    """∂x̂_a/∂z_b of one channel, (m, m)."""
    z = drawn(6)

    def normalised(values: Tensor) -> Tensor:
        return F.batch_norm(values[:, None], None, None, None, None, True, 0.0, EPS)[:, 0]

    x = normalised(z)
    yield Case(
        (z, EPS),
        torch.autograd.functional.jacobian(normalised, z),
        "a step in the direction of all ones must not change x̂; try yours on torch.ones(6)",
        {
            "the projection is right; its size is not": (
                torch.eye(6).double() - 1 / 6 - torch.outer(x, x) / 6
            )
        },
    )


def whitened(answer: Called) -> str | None:
    """ZCA whitening of (m, C)."""
    z = drawn(50, 3) @ torch.tensor([[1.0, 0.8, 0], [0, 1, 0.5], [0, 0, 1]]).double()
    found = torch.as_tensor(answer(z, 1e-6))
    if found.shape != z.shape:
        raise Unusable(f"Given {tuple(z.shape)} it returned the shape {tuple(found.shape)}.")
    covariance = found.T @ found / len(z)
    between = found.T @ (z - z.mean(0))
    if not torch.allclose(found.mean(0), torch.zeros(3).double(), atol=1e-8):
        return "the output is not centred"
    if not torch.allclose(covariance.diagonal(), torch.ones(3).double(), atol=1e-3):
        return "the features do not have variance 1"
    if not torch.allclose(covariance, torch.eye(3).double(), atol=1e-3):
        return "the features are still correlated: that is batch normalization, not whitening"
    if not torch.allclose(between, between.T, rtol=1e-6, atol=1e-6):
        return "white, but turned: of all roots, ZCA takes the symmetric one"
    return None


EXERCISES = (
    Exercise(
        id="ex-math-1",
        answer=Numeric(
            3 / math.sqrt(3.5),
            "that is not the distance from the mean in standard deviations of the batch",
            {
                "you divided the squares by m − 1; which variance does a batch get?": (
                    3 / math.sqrt(14 / 3)
                )
            },
        ),
        hints=(
            "Mean first, then the mean of the squared distances from it.",
            "The batch is normalised by its own variance, with no correction for the mean.",
        ),
        wrong=3 / math.sqrt(14 / 3),
        difficulty="warm-up",
        minutes=3,
    ),
    Exercise(
        id="ex-math-2",
        answer=Function(
            "a function of torch tensors z (m, C), gamma and beta (C,) and of eps that returns "
            "(m, C)",
            forward,
        ),
        hints=(
            "The moments of a channel run over dimension 0.",
            "torch.var corrects for the mean unless it is told correction=0.",
        ),
        wrong=lambda z, gamma, beta, eps: gamma * (z - z.mean(0)) / (z.std(0) + eps) + beta,
        difficulty="warm-up",
        minutes=5,
    ),
    Exercise(
        id="ex-math-3",
        answer=Function(
            "a function of torch tensors z and g (m, C), gamma (C,) and of eps that returns (m, C)",
            backward,
        ),
        hints=(
            "Write x̂ first: the result is g, less its mean, less x̂ times a mean, times a factor.",
            "Whatever arrives must sum to zero over the batch, for a constant added to z is lost.",
        ),
        wrong=lambda z, g, gamma, eps: gamma * g / torch.sqrt(z.var(0, correction=0) + eps),
        difficulty="practice",
        minutes=15,
    ),
    Exercise(
        id="ex-math-4",
        answer=Function(
            "a function of a torch tensor z (m,) and eps that returns a matrix (m, m)",
            jacobian,
            rel=1e-6,
            abs=1e-6,
        ),
        hints=(
            "Take the backward formula for a gradient that is 1 at one place and 0 elsewhere.",
            "The identity, less two outer products, each divided by m; all over a root.",
        ),
        wrong=lambda z, eps: torch.eye(len(z)) / torch.sqrt(z.var(correction=0) + eps),
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-math-5",
        answer=Function(
            "a function of torch tensors running_mean and running_var (C,), z (m, C) and of "
            "momentum that returns the new mean and the new variance",
            running_moments,
        ),
        hints=(
            "With torch's convention a small momentum remembers for long.",
            "Two different variances of one batch are in use: one normalises, one is remembered.",
        ),
        wrong=lambda mean, var, z, momentum: (
            (1 - momentum) * mean + momentum * z.mean(0),
            (1 - momentum) * var + momentum * z.var(0, correction=0),
        ),
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-math-6",
        answer=Numeric(
            99,
            "let the lag no longer change from step to step, and solve for it",
            {
                "that is the lag if the old estimate had the small weight: momentum reversed": (
                    1 / 0.99 - 1
                ),
                "close: the newest batch is already in the average": 100,
            },
            rel=0.005,  # 100 is wrong
            unit="step",
            expects="a number of steps",
        ),
        hints=(
            "Write the lag after a step in terms of the lag before it, when μ moves by d.",
            "Set the two lags equal, and divide by d.",
        ),
        wrong=100,
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-math-7",
        answer=Function(
            "a function of torch tensors W (out, in), b, gamma, beta, mean and var (out,) and of "
            "eps that returns a new W and a new b",
            folded,
        ),
        hints=(
            "Insert Wx + b for z in the formula of inference, and collect what multiplies x.",
            "γ/√(σ² + ε) scales the rows of W: one row makes one channel.",
        ),
        wrong=lambda w, b, gamma, beta, mean, var, eps: (
            (gamma / torch.sqrt(var + eps))[:, None] * w,
            b + beta - mean,
        ),
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-math-8",
        answer=Function(
            "a function of torch tensors z (N, C, H, W), gamma and beta (C,) and of eps that "
            "returns (N, C, H, W)",
            convolutional,
        ),
        hints=(
            "A channel has one mean, one variance, one γ and one β.",
            "z.mean((0, 2, 3), keepdim=True) has the shape that broadcasts.",
        ),
        wrong=lambda z, gamma, beta, eps: (
            gamma.view(-1, 1, 1) * (z - z.mean(0)) / torch.sqrt(z.var(0, correction=0) + eps)
            + beta.view(-1, 1, 1)
        ),
        difficulty="practice",
        minutes=5,
    ),
    Exercise(
        id="ex-math-9",
        answer=Matching(
            BUGS, 'a dictionary {"A": …, "B": …, "C": …, "D": …} that names the bug of each'
        ),
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
        difficulty="challenge",
        minutes=15,
    ),
    Exercise(
        id="ex-math-10",
        answer=Numeric(
            0.1 * 0.999**-2001,
            "that is not the rate of the schedule at this step",
            {
                "the weights grow by that factor; the rate must grow by its square. Why?": (
                    0.1 * 0.999**-1001
                )
            },
            remarks=(
                Remark(
                    "the twin without decay has larger weights; does it need a smaller rate?",
                    high=0.1,
                ),
            ),
        ),
        hints=(
            "Without decay the weights of the twin are larger by a factor that grows each step.",
            "A gradient at weights a times as large is a times smaller, and has to move them by a "
            "times as much.",
        ),
        wrong=0.1 * 0.999**1000,
        difficulty="challenge",
        minutes=15,
    ),
    Exercise(
        id="ex-math-11",
        answer=Function(
            "a function of two positive numbers a and b that returns a number",
            derivative_of_root,
        ),
        hints=(
            "Multiply out the difference of the two inverse roots over the difference of the "
            "eigenvalues: a − b is a product of a sum and a difference of roots.",
            "One factor cancels. What is left has no difference in it, so that it serves for "
            "a = b as well; compare it there with the derivative of one inverse root.",
        ),
        wrong=lambda a, b: 1 / (a - b) if a != b else 0.0,
        difficulty="challenge",
        minutes=15,
    ),
    Exercise(
        id="ex-math-12",
        answer=Behaviour(
            "a function of a torch tensor z (m, C) and eps that returns (m, C)", whitened
        ),
        hints=(
            "Start from the covariance matrix of the centred batch, plus ε times the identity.",
            "torch.linalg.eigh gives the eigenvectors; scale along them, and turn back.",
        ),
        wrong=lambda z, eps: (z - z.mean(0)) / torch.sqrt(z.var(0, correction=0) + eps),
        difficulty="project",
        minutes=60,
    ),
)
