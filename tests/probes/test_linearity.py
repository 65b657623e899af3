"""How much of a nonlinearity is used: Gaussian inputs in closed form, and the two extremes."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm

from bnbook.probes.linearity import Linearity, _linearity
from tests.probes.test_probes import looked_at


def stein(gain: float) -> float:
    """γ²·E[φ′]²/Var φ of a sigmoid whose input is N(0, γ²), by numerical integration."""

    def phi(z: float) -> float:
        return 1 / (1 + math.exp(-gain * z))

    def mean(of: object) -> float:
        return float(quad(lambda z: of(z) * norm.pdf(z), -12, 12)[0])

    slope = mean(lambda z: phi(z) * (1 - phi(z)))
    return gain**2 * slope**2 / (mean(lambda z: phi(z) ** 2) - mean(phi) ** 2)


@pytest.mark.oracle("linearity")
@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0, 8.0])
def test_for_gaussian_inputs_it_is_steins_ratio(gain: float) -> None:
    quantiles = torch.from_numpy(norm.ppf((torch.arange(200_000).double() + 0.5).numpy() / 200_000))
    a = gain * quantiles[None, :, None]
    assert _linearity(a, torch.sigmoid(a)).item() == pytest.approx(stein(gain), rel=1e-4)


def test_a_straight_line_has_one_and_an_even_function_nothing() -> None:
    a = torch.linspace(-1, 1, 101).double()[None, :, None]
    assert _linearity(a, 3 - 2 * a).item() == pytest.approx(1)
    assert _linearity(a, a.square()).item() == pytest.approx(0, abs=1e-12)


def test_units_that_do_not_vary_are_left_out_and_positions_count_as_examples() -> None:
    a = torch.randn(1, 50, 2, generator=torch.Generator().manual_seed(0)).double()
    still = torch.stack([a[..., 0], torch.ones(1, 50)], 2)
    alone = _linearity(a[..., :1], a[..., :1].tanh())
    assert _linearity(still, still.tanh()).item() == pytest.approx(alone.item())
    image = a.transpose(1, 2).reshape(1, 2, 1, 5, 10).movedim(2, 1).reshape(1, 1, 2, 5, 10)
    assert _linearity(image, image.tanh()).item() == pytest.approx(
        _linearity(a, a.tanh()).item(), rel=1e-12
    )


def test_every_member_and_layer_has_a_value_between_zero_and_one() -> None:
    found = Linearity()(looked_at())
    assert found.shape == (2, 3)
    assert bool(((found > 0) & (found <= 1)).all())
