"""Exercises of the chapter on Jacobian isometry and gradient flow."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy.integrate import quad
from scipy.stats import norm

from bnbook import experiments
from bnbook.exercises import Exercise
from bnbook.laws import batch_norm_backward, gradient_growth
from bnbook.outcomes.jacobian_isometry import nearer_to_one
from bnbook.probes.representation import effective_rank

TITLE = "Jacobian isometry and gradient flow"
POSITION = 5


def sigmoid_at_zero(answer: float) -> str | None:
    """The singular values of sigmoid(3Qx) at x = 0, Q orthogonal."""
    if math.isclose(answer, 0.75, rel_tol=1e-3):
        return None
    if math.isclose(answer, 3, rel_tol=1e-3):
        return "that is the linear map alone: what does the sigmoid's slope do to it?"
    return "it is not the slope of the sigmoid at 0 times the scale of the weights"


def slope_of_bn(answer: float) -> str | None:
    """∂BN(z)_b/∂z_b for m = 4, x̂_b = 1.5, γ = 2, σ = 0.5, from the diagonal of the Jacobian."""
    if math.isclose(answer, 0.75, rel_tol=1e-3):
        return None
    if math.isclose(answer, 4, rel_tol=1e-3):
        return "that holds the batch's mean and variance still: they move with z_b"
    if math.isclose(answer, 3, rel_tol=1e-3):
        return "that lets the mean move and not the variance"
    return "that is not the diagonal of BN's Jacobian at this example"


def growth_of_abs(answer: float) -> str | None:
    """E[φ′²]/Var φ of the absolute value, by quadrature."""
    mean = quad(lambda z: abs(z) * norm.pdf(z), -12, 12, points=[0])[0]
    if math.isclose(answer, 1 / (1 - mean**2), rel_tol=5e-3):
        return None
    if math.isclose(answer, 1, rel_tol=1e-2):
        return "Var φ is not E[φ²]: the mean of |ξ| is not 0"
    return "that is not E[φ′²]/Var φ for φ(z) = |z|"


def layers_to_a_thousand(answer: float | int) -> str | None:
    """Whole layers of relu and BN over which ‖∂L/∂z‖ grows a thousandfold."""
    expected = math.ceil(2 * math.log(1000) / math.log(math.pi / (math.pi - 1)))
    if answer == expected:
        return None
    if answer == math.ceil(expected / 2):
        return "the rate is that of the squared norm"
    if abs(answer - expected) == 1:
        return "off by one: the first whole number of layers at which it is reached"
    return "that many layers do not multiply the norm by a thousand, or do so long before"


def sum_over_the_batch(answer: Callable[[Any, Any], Any]) -> str | None:
    """Σ_b ∂h_b/∂z_b′ of h = φ(BN(z)), given z and φ′ at each example."""
    rng = np.random.default_rng(0)
    z, slope = rng.normal(2, 3, 12), rng.uniform(0, 1, 12)
    found = np.asarray(answer(z, slope), dtype=float)
    if found.shape != z.shape:
        return f"given z of shape {z.shape} it returned shape {found.shape}"
    back = batch_norm_backward(
        torch.tensor(z)[:, None], torch.tensor(slope)[:, None], torch.ones(1).double(), 1e-12
    )
    if np.allclose(found, back[:, 0].numpy(), rtol=1e-4, atol=1e-8):
        flat = np.asarray(answer(z, np.ones(12)), dtype=float)
        return None if np.abs(flat).max() < 1e-6 else "with all slopes 1 the sum must be constant"
    if np.allclose(found, slope / z.std(), rtol=1e-4):
        return "the statistics of the batch move with z as well"
    return "it is not what BN's backward pass makes of the slopes"


def all_at_once(answer: Callable[[Any, Any], Any]) -> str | None:
    """Singular values of diag(s_b)·W for many b."""
    rng = np.random.default_rng(1)
    weight, scale = rng.normal(size=(5, 8)), rng.normal(size=(6, 5))
    found = np.asarray(answer(weight, scale), dtype=float)
    expected = [np.linalg.svd(np.diag(s) @ weight, compute_uv=False) for s in scale]
    if found.shape != (6, 5):
        return f"for 6 examples of 5 units it returned shape {found.shape}"
    if np.allclose(np.sort(found), np.sort(expected), rtol=1e-6, atol=1e-8):
        return None
    if np.allclose(np.sort(np.sqrt(np.abs(found))), np.sort(expected), rtol=1e-6, atol=1e-8):
        return "those are eigenvalues of JJᵀ: how do they go with singular values?"
    return "those are not the singular values of diag(s)·W for each s"


def other_distance(answer: float) -> str | None:
    """Mean over seeds of claim jac-2's statistic for softplus after training, by mean |ln σ|."""
    record = experiments.run("jacobian-spectra", progress=False)
    place = {"network": "softplus, after training"}
    expected = float(nearer_to_one(record, "log distance").sel(place).mean())
    if math.isclose(answer, expected, rel_tol=0.01, abs_tol=0.003):
        return None
    if math.isclose(answer, float(nearer_to_one(record).sel(place).mean()), rel_tol=1e-3):
        return "that is the claim's own distance; take the measure 'log distance'"
    if math.isclose(answer, -expected, rel_tol=0.01, abs_tol=0.003):
        return "the sign is that of BN over none; the ledger counts a fall as positive"
    return "that is not the mean over seeds of the log ratio, last look, second layer, per example"


def rank_by_weight(answer: Callable[[Any], float]) -> str | None:
    """tr(C)²/‖C‖²_F with C = HᵀH."""
    rng = np.random.default_rng(2)
    for h in (np.eye(4), np.outer(np.arange(1.0, 5), np.ones(3)), rng.normal(size=(6, 9)) + 1):
        found, expected = float(answer(h)), float(effective_rank(torch.tensor(h)))
        if math.isclose(found, expected, rel_tol=1e-6):
            continue
        if math.isclose(found, np.linalg.matrix_rank(h)):
            return "that counts every direction as one, however little lies in it"
        return f"for a matrix of shape {h.shape} it should be another number"
    return None


def taming_gamma(answer: float) -> str | None:
    """γ at which tanh's gradients grow by 1 % a layer."""
    if not 0 < answer < 10:
        return "γ is a positive number, not a large one"
    rate = gradient_growth(torch.tanh, answer)
    if abs(rate - 1.01) < 5e-4:
        return None
    return f"at that γ they grow by {100 * (rate - 1):.2g} % a layer"


NUMBER = "a number"
EXERCISES = (
    Exercise(
        id="jac-1",
        check=sigmoid_at_zero,
        hints=(
            "The Jacobian is the diagonal matrix of the slopes times the weights.",
            "An orthogonal matrix has all singular values 1, and every unit has the same slope "
            "σ(1 − σ) at 0.",
        ),
        wrong=3.0,
        expects=NUMBER,
    ),
    Exercise(
        id="jac-2",
        check=slope_of_bn,
        hints=(
            "Moving z_b also moves the mean and the standard deviation of the batch.",
            "The diagonal of (γ/σ)(I − 11ᵀ/m − x̂x̂ᵀ/m).",
        ),
        wrong=4.0,
        expects=NUMBER,
    ),
    Exercise(
        id="jac-3",
        check=growth_of_abs,
        hints=(
            "φ′² is the same on both sides of 0.",
            "E[|ξ|] of a standard Gaussian is √(2/π).",
        ),
        wrong=1.0,
        expects=NUMBER,
    ),
    Exercise(
        id="jac-4",
        check=layers_to_a_thousand,
        hints=(
            "The rate π/(π − 1) multiplies the squared norm at each layer.",
            "Solve rateⁿ = 1000² for n, and round up.",
        ),
        wrong=19,
        expects="a whole number",
    ),
    Exercise(
        id="jac-5",
        check=sum_over_the_batch,
        hints=(
            "Differentiating the sum of outputs sends the gradient φ′ into BN's backward pass.",
            "Three terms: the slopes, minus their mean, minus x̂ times mean(slope·x̂); over σ.",
        ),
        wrong=lambda z, slope: slope / np.std(z),
        expects="a function of z (m,) and slopes (m,) that returns (m,)",
    ),
    Exercise(
        id="jac-6",
        check=all_at_once,
        hints=(
            "A diagonal matrix times W multiplies the rows of W; broadcasting does it for all b.",
            "numpy.linalg.svd takes stacks of matrices, and compute_uv=False leaves the vectors.",
        ),
        wrong=lambda weight, scale: np.linalg.eigvalsh(
            (scale[..., None] * weight) @ (scale[..., None] * weight).swapaxes(1, 2)
        ),
        expects="a function of W (out, in) and s (m, out) that returns (m, out)",
    ),
    Exercise(
        id="jac-7",
        check=other_distance,
        hints=(
            "spectra.isometry has a dimension `measure`; look at its labels.",
            "bnbook.stats.log_ratio(distance, 'softplus, none', 'softplus, batch'), then the mean "
            "over seeds.",
        ),
        wrong=5.0,
        expects=NUMBER,
    ),
    Exercise(
        id="jac-8",
        check=rank_by_weight,
        hints=(
            "The trace of C and the sum of its squared entries is all you need.",
            "Try it on an identity matrix, and on a matrix all of whose rows are multiples of one.",
        ),
        wrong=lambda h: float(np.linalg.matrix_rank(h)),
        expects="a function of H (m, d) that returns a number",
    ),
    Exercise(
        id="jac-9",
        check=taming_gamma,
        hints=(
            "bnbook.laws.gradient_growth(torch.tanh, gamma) is the rate; it grows with γ.",
            "scipy.optimize.brentq finds where a function of one variable crosses 0.",
        ),
        wrong=1.0,
        expects="a number, γ",
    ),
)
