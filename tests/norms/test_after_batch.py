"""What came after batch normalization: RMSNorm, DyT, FRN and weights with lengths of their own."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrizations

from bnbook import norms
from bnbook.norms import NormError
from bnbook.norms.scaled_weight_std import RELU_GAIN


def test_rms_is_torchs_with_a_shift_of_its_own() -> None:
    norm, oracle, z = norms.make("rms", 7, eps=1e-3), nn.RMSNorm(7, eps=1e-3), torch.randn(5, 7)
    with torch.no_grad():
        oracle.weight.copy_(norm.weight.copy_(torch.randn(7)))
        norm.bias.copy_(torch.randn(7))
    torch.testing.assert_close(norm(z), oracle(z) + norm.bias, rtol=1e-13, atol=1e-13)


def test_rms_of_images_runs_over_all_values_of_one() -> None:
    z = 1 + torch.randn(5, 3, 4, 2)
    y = norms.make("rms", 3, eps=1e-30)(z)
    torch.testing.assert_close(y.flatten(1).square().mean(1), torch.ones(5))
    oracle = nn.RMSNorm((3, 4, 2), eps=1e-30, elementwise_affine=False)
    torch.testing.assert_close(y, oracle(z), rtol=1e-13, atol=1e-13)


def test_layer_normalization_is_rms_of_centred_values() -> None:
    z = 3 + torch.randn(6, 9)
    centred = z - z.mean(1, keepdim=True)
    torch.testing.assert_close(norms.make("layer", 9)(z), norms.make("rms", 9)(centred))


def test_dyt_is_the_formula_by_scalar_arithmetic() -> None:
    norm, z = norms.make("dyt", 2, alpha=0.7), torch.randn(3, 2, 4)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([2.0, -1.0]))
        norm.bias.copy_(torch.tensor([0.5, 0.0]))
    expected = [
        [
            [g * math.tanh(0.7 * v) + b for v in row.tolist()]
            for row, g, b in zip(image, (2.0, -1.0), (0.5, 0.0), strict=True)
        ]
        for image in z
    ]
    torch.testing.assert_close(norm(z), torch.tensor(expected), rtol=1e-13, atol=1e-13)


def test_the_slope_of_alpha_at_0_is_that_of_a_linear_layer() -> None:
    norm, z, g = norms.make("dyt", 4, alpha=1e-9), torch.randn(8, 4), torch.randn(8, 4)
    (norm(z) * g).sum().backward()
    torch.testing.assert_close(norm.alpha.grad, (z * g).sum(), rtol=1e-12, atol=0)


@pytest.mark.parametrize("shape", [(5, 3, 6), (5, 3, 4, 2)])
def test_frn_divides_each_map_by_its_own_root_mean_square(shape: tuple[int, ...]) -> None:
    z = 2 + torch.randn(shape)
    maps = nn.RMSNorm(math.prod(shape[2:]), eps=1e-6, elementwise_affine=False)
    expected = maps(z.flatten(2)).view(shape)
    torch.testing.assert_close(norms.make("frn", 3)(z), expected, rtol=1e-13, atol=1e-13)


def test_the_threshold_of_frn_at_0_is_relu_and_below_everything_nothing() -> None:
    z = torch.randn(4, 3, 5)
    plain, cut = norms.make("frn", 3), norms.make("frn", 3, threshold=True)
    torch.testing.assert_close(cut(z), F.relu(plain(z)))
    with torch.no_grad():
        cut.threshold.fill_(-100)
    torch.testing.assert_close(cut(z), plain(z))


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 1), (4, 3, 1, 1)])
def test_frn_refuses_what_has_no_positions(shape: tuple[int, ...]) -> None:
    with pytest.raises(NormError, match="of one value only its sign would be left"):
        norms.make("frn", 3)(torch.randn(shape))


@pytest.mark.parametrize("kind", [nn.Linear(6, 4), nn.Conv2d(2, 4, 3)])
def test_weight_norm_is_torchs_parametrization(kind: nn.Linear | nn.Conv2d) -> None:
    """torch keeps the length g and the direction v of each filter apart, as the source does."""
    norm = norms.make("weight-norm", 4, gain=1.5, weight_eps=1e-30)
    weight = kind.weight.detach().clone()
    oracle = parametrizations.weight_norm(kind)
    with torch.no_grad():
        oracle.parametrizations.weight.original0.fill_(1.5)
    torch.testing.assert_close(norm.transform_weight(weight), oracle.weight.detach())


def test_weight_norm_forgets_the_length_of_a_filter_and_keeps_its_mean() -> None:
    norm, weight = norms.make("weight-norm", 4, weight_eps=1e-30), torch.randn(4, 6)
    scaled = norm.transform_weight(torch.tensor([[0.1], [1.0], [7.0], [50.0]]) * weight)
    torch.testing.assert_close(scaled, norm.transform_weight(weight))
    torch.testing.assert_close(scaled.norm(dim=1), torch.ones(4))
    assert (norm.transform_weight(weight + 1) - scaled).abs().max() > 0.1


def test_a_filter_of_zeros_stays_zero_with_finite_gradients() -> None:
    weight = torch.zeros(4, 6, requires_grad=True)
    (slope,) = torch.autograd.grad(
        norms.make("weight-norm", 4).transform_weight(weight).sum(), weight
    )
    assert slope.isfinite().all()


@pytest.mark.parametrize("gain", [0.0, -1.0, math.inf, math.nan])
def test_a_length_must_be_positive(gain: float) -> None:
    with pytest.raises(NormError, match="the length of a filter is a positive number"):
        norms.make("weight-norm", 4, gain=gain)


def test_scaled_filters_have_mean_0_and_the_gains_length() -> None:
    weight = norms.make("scaled-weight-std", 4, gain=1.3, weight_eps=1e-30).transform_weight(
        torch.randn(4, 3, 5)
    )
    torch.testing.assert_close(weight.flatten(1).mean(1), torch.zeros(4), rtol=0, atol=1e-15)
    torch.testing.assert_close(weight.flatten(1).norm(dim=1), torch.full((4,), 1.3))


def test_relus_gain_keeps_the_variance_of_a_wide_layer() -> None:
    """Monte Carlo: 2 · 10⁶ values have a variance within 0.5 % (five standard errors)."""
    generator = torch.Generator().manual_seed(0)
    h = RELU_GAIN * torch.randn(2_000_000, generator=generator).relu()
    assert h.var().item() == pytest.approx(1, rel=5e-3)
    layer = norms.make("scaled-weight-std", 1000)
    weight = layer.transform_weight(torch.randn(1000, 500, generator=generator))
    z = F.linear(torch.randn(400, 500, generator=generator).relu(), weight)
    assert z.var(0).mean().item() == pytest.approx(1, rel=0.05)
