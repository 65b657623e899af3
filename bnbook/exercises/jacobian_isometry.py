"""Exercises of the chapter on Jacobian isometry and gradient flow."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import brentq

from bnbook import experiments
from bnbook.exercises import Case, Exercise, Function, Numeric, Remark
from bnbook.laws import gradient_growth
from bnbook.outcomes.jacobian_isometry import nearer_to_one

LAYERS = math.ceil(2 * math.log(1000) / math.log(math.pi / (math.pi - 1)))
"""Whole layers of relu and BN over which ‖∂L/∂z‖ grows a thousandfold."""


def sum_over_the_batch() -> Iterator[Case]:
    """Σ_b ∂h_b/∂z_b′ of h = φ(BN(z)), given z and φ′ at each example: by automatic differentiation.

    The sum of slope_b · x̂_b has that gradient when the slopes are held.
    """
    rng = np.random.default_rng(0)
    z = rng.normal(2, 3, 12)
    for slope in (rng.uniform(0, 1, 12), np.ones(12)):
        leaf = torch.tensor(z).requires_grad_()
        x = F.batch_norm(leaf[:, None], None, None, training=True, eps=1e-12)[:, 0]
        (gradient,) = torch.autograd.grad((torch.tensor(slope) * x).sum(), leaf)
        yield Case(
            (z, slope),
            gradient,
            "it is not what BN's backward pass makes of the slopes",
            {"the statistics of the batch move with z as well": slope / z.std()},
        )


def all_at_once() -> Iterator[Case]:
    """Singular values of diag(s_b)·W for many b, the largest first."""
    rng = np.random.default_rng(1)
    weight, scale = rng.normal(size=(5, 8)), rng.normal(size=(6, 5))
    values = np.stack([np.linalg.svd(np.diag(s) @ weight, compute_uv=False) for s in scale])
    yield Case(
        (weight, scale),
        values,
        "those are not the singular values of diag(s)·W for each s, the largest first",
        {
            "those are eigenvalues of JJᵀ: how do they go with singular values?": values**2,
            "those are eigenvalues of JJᵀ, the smallest first": values[:, ::-1] ** 2,
            "those are the singular values, but the smallest comes first": values[:, ::-1],
        },
    )


def other_distance(measure: str = "log distance") -> float:
    """Mean over seeds of claim jac-2's statistic for softplus after training, by a measure."""
    record = experiments.run("jacobian-spectra", progress=False)
    effect = nearer_to_one(record, measure).sel(network="softplus, after training")
    return float(effect.mean())


def rank_by_weight() -> Iterator[Case]:
    """tr(C)²/‖C‖²_F with C = HᵀH, from the singular values of H."""
    rng = np.random.default_rng(2)
    for h in (np.eye(4), np.outer(np.arange(1.0, 5), np.ones(3)), rng.normal(size=(6, 9)) + 1):
        energy = np.linalg.svd(h, compute_uv=False) ** 2
        yield Case(
            (h,),
            energy.sum() ** 2 / (energy**2).sum(),
            f"for a matrix of shape {h.shape} it should be another number",
            {
                "that counts every direction as one, however little lies in it": (
                    int(np.linalg.matrix_rank(h))
                )
            },
        )


@cache
def taming_gamma() -> float:
    """γ at which tanh's squared gradients grow by 1 % a layer."""
    return float(brentq(lambda gamma: gradient_growth(torch.tanh, gamma) - 1.01, 0.01, 1))


EXERCISES = (
    Exercise(
        id="ex-jac-1",
        answer=Numeric(
            0.75,
            "it is not the slope of the sigmoid at 0 times the scale of the weights",
            {"that is the linear map alone: what does the sigmoid's slope do to it?": 3},
        ),
        hints=(
            "The Jacobian is the diagonal matrix of the slopes times the weights.",
            "An orthogonal matrix has all singular values 1, and every unit has the same slope "
            "σ(1 − σ) at 0.",
        ),
        wrong=3.0,
        difficulty="warm-up",
        minutes=5,
    ),
    Exercise(
        id="ex-jac-2",
        answer=Numeric(
            0.75,
            "that is not the diagonal of BN's Jacobian at this example",
            {
                "that holds the batch's mean and variance still: they move with z_b": 4,
                "that lets the mean move and not the variance": 3,
            },
        ),
        hints=(
            "Moving z_b also moves the mean and the standard deviation of the batch.",
            "The diagonal of (γ/σ)(I − 11ᵀ/m − x̂x̂ᵀ/m).",
        ),
        wrong=4.0,
        difficulty="warm-up",
        minutes=5,
    ),
    Exercise(
        id="ex-jac-3",
        answer=Numeric(
            1 / (1 - 2 / math.pi),
            "that is not E[φ′²]/Var φ for φ(z) = |z|",
            {"Var φ is not E[φ²]: the mean of |ξ| is not 0": 1},
        ),
        hints=(
            "φ′² is the same on both sides of 0.",
            "E[|ξ|] of a standard Gaussian is √(2/π).",
        ),
        wrong=1.0,
        difficulty="practice",
        minutes=8,
    ),
    Exercise(
        id="ex-jac-4",
        answer=Numeric(
            LAYERS,
            "that many layers do not multiply the norm by a thousand, or do so long before",
            {"the rate is that of the squared norm": math.ceil(LAYERS / 2)},
            rel=0.0,  # a layer more or less is wrong
            unit="layer",
            expects="a whole number",
            remarks=(
                Remark(
                    "off by one: the first whole number of layers at which it is reached",
                    LAYERS - 1.0,
                    LAYERS + 1.0,
                ),
            ),
        ),
        hints=(
            "The rate π/(π − 1) multiplies the squared norm at each layer.",
            "Solve rateⁿ = 1000² for n, and round up.",
        ),
        wrong=19,
        difficulty="practice",
        minutes=8,
    ),
    Exercise(
        id="ex-jac-5",
        answer=Function(
            "a function of two numpy arrays, z (m,) and slopes (m,), that returns (m,)",
            sum_over_the_batch,
            rel=1e-4,
        ),
        hints=(
            "Differentiating the sum of outputs sends the gradient φ′ into BN's backward pass.",
            "Three terms: the slopes, minus their mean, minus x̂ times mean(slope·x̂); over σ.",
        ),
        wrong=lambda z, slope: slope / np.std(z),
        difficulty="practice",
        minutes=12,
    ),
    Exercise(
        id="ex-jac-6",
        answer=Function(
            "a function of two numpy arrays, W (out, in) and s (m, out), that returns (m, out)",
            all_at_once,
        ),
        hints=(
            "A diagonal matrix times W multiplies the rows of W; broadcasting does it for all b.",
            "numpy.linalg.svd takes stacks of matrices, and compute_uv=False leaves the vectors.",
        ),
        wrong=lambda weight, scale: np.linalg.eigvalsh(
            (scale[..., None] * weight) @ (scale[..., None] * weight).swapaxes(1, 2)
        ),
        difficulty="practice",
        minutes=10,
    ),
    Exercise(
        id="ex-jac-7",
        answer=Numeric(
            other_distance,
            "that is not the mean over seeds of the log ratio, last look, second layer, per "
            "example",
            {
                "that is the claim's own distance; take the measure 'log distance'": (
                    lambda: other_distance("distance")
                ),
                "the sign is that of BN over none; the ledger counts a fall as positive": (
                    lambda: -other_distance()
                ),
            },
            abs=0.003,
        ),
        hints=(
            "spectra.isometry has a dimension `measure`; look at its labels.",
            "bnbook.stats.log_ratio(distance, 'softplus, none', 'softplus, batch'), then the mean "
            "over seeds.",
        ),
        wrong=5.0,
        difficulty="challenge",
        minutes=15,
    ),
    Exercise(
        id="ex-jac-8",
        answer=Function(
            "a function of a numpy array H (m, d) that returns a number", rank_by_weight
        ),
        hints=(
            "The trace of C and the sum of its squared entries is all you need.",
            "Try it on an identity matrix, and on a matrix all of whose rows are multiples of one.",
        ),
        wrong=lambda h: float(np.linalg.matrix_rank(h)),
        difficulty="challenge",
        minutes=10,
    ),
    Exercise(
        id="ex-jac-9",
        answer=Numeric(
            taming_gamma,
            "γ is a positive number, not a large one",
            expects="a number, γ",
            remarks=(
                Remark("at that γ they grow by less than 1 % a layer", 0.0, taming_gamma),
                Remark("at that γ they grow by more than 1 % a layer", taming_gamma, 10.0),
            ),
        ),
        hints=(
            "bnbook.laws.gradient_growth(torch.tanh, gamma) is the rate; it grows with γ.",
            "scipy.optimize.brentq finds where a function of one variable crosses 0.",
        ),
        wrong=1.0,
        difficulty="project",
        minutes=45,
    ),
)
