"""The rate at which gradients grow through BN layers: closed forms, quadrature, Monte Carlo."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.integrate import quad
from scipy.stats import norm
from torch import Tensor

from bnbook.laws import batch_norm_backward, gradient_growth, linear_growth


def test_a_linear_layer_does_not_grow() -> None:
    assert gradient_growth(lambda z: z) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("gamma", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("slope", [0.0, 0.2])
def test_leaky_relus_grow_by_a_closed_form_whatever_gamma(slope: float, gamma: float) -> None:
    square = (1 + slope**2) / 2
    expected = square / (square - (1 - slope) ** 2 / (2 * math.pi))
    found = gradient_growth(lambda z: F.leaky_relu(z, slope), gamma)
    assert found == pytest.approx(expected, rel=1e-6)


def test_relu_grows_by_pi_over_pi_minus_one() -> None:
    assert gradient_growth(F.relu) == pytest.approx(math.pi / (math.pi - 1), rel=1e-6)


SMOOTH: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[float], float], float]] = {
    "sigmoid": (torch.sigmoid, lambda z: 1 / (1 + math.exp(-z)), 1.0336),
    "softplus": (F.softplus, lambda z: math.log1p(math.exp(z)), 1.0805),
    "tanh": (torch.tanh, math.tanh, 1.178),
}


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0])
def test_smooth_activations_grow_as_scipys_quadrature_says(name: str, gamma: float) -> None:
    ours, phi, known = SMOOTH[name]

    def mean(f: Callable[[float], float]) -> float:
        return float(quad(lambda z: f(z) * norm.pdf(z), -10, 10)[0])

    def slope(z: float) -> float:
        return (phi(gamma * (z + 1e-5)) - phi(gamma * (z - 1e-5))) / 2e-5

    variance = mean(lambda z: phi(gamma * z) ** 2) - mean(lambda z: phi(gamma * z)) ** 2
    assert gradient_growth(ours, gamma) == pytest.approx(mean(lambda z: slope(z) ** 2) / variance)
    if gamma == 1:
        assert gradient_growth(ours) == pytest.approx(known, rel=3e-4)


@pytest.mark.parametrize("m", [8, 32])
def test_the_growth_of_a_linear_layer_at_finite_m_is_that_of_a_simulation(m: int) -> None:
    units = 200_000
    z = torch.randn(m, units)
    z = (z - z.mean(0)) * math.sqrt(m / (m - 1))  # what units of mean square 1 send up
    g = torch.randn(m, units)
    g = g - g.mean(0)
    dz = batch_norm_backward(z, g, torch.ones(units), 1e-30)
    found = float(dz.square().sum() / g.square().sum())
    assert found == pytest.approx(linear_growth(m), rel=5e-3)


@pytest.mark.parametrize("m", [2, 3])
def test_too_few_examples_have_no_growth_rate(m: int) -> None:
    with pytest.raises(ValueError, match="more than 3 examples"):
        linear_growth(m)
    assert np.isfinite(linear_growth(4))
