"""Standardised weights, alone and under another normaliser."""

import hypothesis.extra.numpy as arrays
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bnbook import norms
from bnbook.norms import NormError

NAMES = ["weight-std", "weight-std+batch", "weight-std+group"]
SHAPES = [(4, 10), (4, 3, 5), (4, 2, 3, 3)]

weights = arrays.arrays(float, (4, 6), elements=st.floats(-1, 1, width=16)).map(
    lambda w: torch.from_numpy(w) + 3 * torch.arange(6.0, dtype=torch.float64)
)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", NAMES)
def test_every_filter_gets_mean_0_and_variance_1(name: str, shape: tuple[int, ...]) -> None:
    weight = norms.make(name, 4, weight_eps=1e-30).transform_weight(0.2 + 3 * torch.randn(shape))
    assert weight.shape == shape
    rows = weight.flatten(1)
    torch.testing.assert_close(rows.mean(1), torch.zeros(4), rtol=0, atol=1e-12)
    torch.testing.assert_close(rows.var(1, correction=0), torch.ones(4), rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_eps_takes_its_share_of_the_variance(name: str) -> None:
    weight = torch.randn(4, 10)
    var = weight.var(1, correction=0)
    rows = norms.make(name, 4, weight_eps=0.5).transform_weight(weight)
    torch.testing.assert_close(rows.var(1, correction=0), var / (var + 0.5), rtol=1e-12, atol=0)


@given(weights, st.floats(0.01, 100), st.floats(-10, 10))
@settings(max_examples=40, deadline=None)
def test_a_standardised_filter_forgets_its_scale_and_shift(
    w: Tensor, scale: float, shift: float
) -> None:
    for name in NAMES:
        norm = norms.make(name, 4, weight_eps=1e-30).double()
        moved = norm.transform_weight(scale * w + shift)
        torch.testing.assert_close(moved, norm.transform_weight(w), rtol=1e-8, atol=1e-8)


def test_the_gradient_of_a_filter_is_orthogonal_to_its_scale_and_shift() -> None:
    norm = norms.make("weight-std", 4, weight_eps=1e-30)
    weight = torch.randn(4, 10, requires_grad=True)
    (slope,) = torch.autograd.grad(
        (norm.transform_weight(weight) * torch.randn(4, 10)).sum(), weight
    )
    assert slope.abs().min() > 1e-5
    torch.testing.assert_close(slope.sum(1), torch.zeros(4), rtol=0, atol=1e-12)
    along = (slope * weight.detach()).sum(1)
    torch.testing.assert_close(along, torch.zeros(4), rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_gain_multiplies_and_fan_in_keeps_the_size_of_signals(shape: tuple[int, ...]) -> None:
    weight = torch.randn(shape)
    plain = norms.make("weight-std", 4).transform_weight(weight)
    double = norms.make("weight-std", 4, gain=2.0).transform_weight(weight)
    torch.testing.assert_close(double, 2 * plain)
    kept = norms.make("weight-std", 4, gain="fan-in", weight_eps=1e-30).transform_weight(weight)
    torch.testing.assert_close(kept.flatten(1).norm(dim=1), torch.ones(4))


def test_weight_std_does_nothing_to_activations_but_scale_and_shift() -> None:
    norm, z = norms.make("weight-std", 4), torch.randn(5, 4, 3)
    assert torch.equal(norm(z), z)
    with torch.no_grad():
        norm.weight.fill_(2.0)
        norm.bias.fill_(-1.0)
    torch.testing.assert_close(norm(z), 2 * z - 1)


@pytest.mark.parametrize("other", ["batch", "group"])
def test_what_follows_the_plus_is_the_normaliser_of_that_name(other: str) -> None:
    both, alone, z = (
        norms.make(f"weight-std+{other}", 4),
        norms.make(other, 4),
        torch.randn(8, 4, 3),
    )
    assert isinstance(both, norms.get(other))
    torch.testing.assert_close(both(z), alone(z))
    assert both.state_dict().keys() == alone.state_dict().keys()


def test_under_bn_standardising_changes_only_the_mean_of_each_filter() -> None:
    """BN forgets a filter's scale, so only the subtraction of its mean is left."""
    norm, weight, x = (
        norms.make("weight-std+batch", 4, eps=1e-30),
        torch.randn(4, 6),
        torch.randn(9, 6),
    )
    centred = weight - weight.mean(1, keepdim=True)
    y = norm(F.linear(x, norm.transform_weight(weight)))
    torch.testing.assert_close(y, norm(F.linear(x, centred)), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_a_constant_filter_becomes_zero_with_finite_gradients(name: str) -> None:
    weight = torch.full((4, 6), 0.7, requires_grad=True)
    standardised = norms.make(name, 4).transform_weight(weight)
    torch.testing.assert_close(standardised, torch.zeros(4, 6), rtol=0, atol=1e-10)
    (slope,) = torch.autograd.grad((standardised * torch.randn(4, 6)).sum(), weight)
    assert slope.isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_one_weight_per_filter_is_refused(name: str) -> None:
    with pytest.raises(NormError, match=r"shape \(4, 1\) has one number per filter"):
        norms.make(name, 4).transform_weight(torch.randn(4, 1))


@pytest.mark.parametrize("name", NAMES)
def test_weight_eps_must_be_positive(name: str) -> None:
    with pytest.raises(NormError, match=r"weight_eps is 0\.0; it must be positive"):
        norms.make(name, 4, weight_eps=0.0)


@pytest.mark.parametrize("gain", [0.0, -1.0, "fan-out"])
def test_a_gain_that_is_none_is_an_error(gain: float | str) -> None:
    with pytest.raises(NormError, match="it is a positive number or 'fan-in'"):
        norms.make("weight-std", 4, gain=gain)
