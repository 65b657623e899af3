"""Batch Renormalization between batch and population statistics."""

import math

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bnbook import norms
from bnbook.norms import NormError

EPS = 0.1


def prepared(**options: float) -> norms.Norm:
    """Three channels whose running statistics, γ and β are away from their start."""
    norm = norms.make("renorm", 3, eps=EPS, **options).double()
    norm.running_mean.copy_(torch.tensor([0.5, -2.0, 0.0]))
    norm.running_var.copy_(torch.tensor([4.0, 0.01, 1.0]))
    norm.num_batches_tracked.fill_(10**6)
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([2.0, -1.0, 0.5]))
        norm.bias.copy_(torch.tensor([0.1, 0.2, 0.3]))
    return norm


def by_hand(norm: norms.Norm, z: np.ndarray, r_max: float, d_max: float) -> tuple[np.ndarray, ...]:
    """Ioffe's algorithm 1 for (N, C): output, r, d."""
    mu, sigma = norm.running_mean.numpy(), np.sqrt(norm.running_var.numpy() + EPS)
    sigma_b = np.sqrt(z.var(0) + EPS)
    r = np.clip(sigma_b / sigma, 1 / r_max, r_max)
    d = np.clip((z.mean(0) - mu) / sigma, -d_max, d_max)
    x = (z - z.mean(0)) / sigma_b * r + d
    return norm.weight.detach().numpy() * x + norm.bias.detach().numpy(), r, d


def batches() -> st.SearchStrategy[Tensor]:
    values = arrays.arrays(float, (5, 3), elements=st.floats(-4, 4, width=16))
    return values.map(
        lambda z: torch.from_numpy(z) + torch.arange(5.0, dtype=torch.float64)[:, None]
    )


@given(batches(), st.floats(1, 4), st.floats(0, 3))
@settings(max_examples=60, deadline=None)
def test_renorm_is_the_sources_algorithm(z: Tensor, r_max: float, d_max: float) -> None:
    norm = prepared(r_max=r_max, d_max=d_max)
    expected, _, _ = by_hand(norm, z.numpy(), r_max, d_max)
    torch.testing.assert_close(norm(z), torch.from_numpy(expected), rtol=1e-9, atol=1e-9)


def test_r_and_d_are_clipped_on_both_sides() -> None:
    norm = prepared(r_max=2.0, d_max=0.5)
    spread, centre = torch.tensor([0.1, 4.0, 1.0]), torch.tensor([9.0, -9.0, 0.1])
    r, d = norm.corrections(centre, spread)
    assert r[0] == 1 / 2
    assert r[1] == 2
    assert 1 / 2 < r[2] < 2
    assert d.tolist() == pytest.approx([0.5, -0.5, 0.1 / math.sqrt(1.1)])


@given(batches())
@settings(max_examples=40, deadline=None)
def test_with_r_1_and_d_0_renorm_is_bn(z: Tensor) -> None:
    norm, bn = prepared(r_max=1.0, d_max=0.0), norms.make("batch", 3, eps=EPS).double()
    bn.load_state_dict(norm.state_dict())
    torch.testing.assert_close(norm(z), bn(z), rtol=1e-10, atol=1e-10)


@given(batches())
@settings(max_examples=40, deadline=None)
def test_unclipped_renorm_is_population_mode_with_the_statistics_before_the_update(
    z: Tensor,
) -> None:
    norm = prepared(r_max=1e6, d_max=1e6, warmup=0)
    with norms.using(norm, "population"):
        expected = norm(z)
    torch.testing.assert_close(norm(z), expected, rtol=1e-9, atol=1e-9)
    assert not torch.equal(norm.get_buffer("running_mean"), prepared().get_buffer("running_mean"))


def test_no_gradient_flows_through_r_and_d() -> None:
    norm = prepared(r_max=3.0, d_max=2.0)
    z, g = torch.randn(6, 3, requires_grad=True), torch.randn(6, 3)
    _, *corrections = by_hand(norm, z.detach().numpy(), 3.0, 2.0)
    r, d = map(torch.from_numpy, corrections)
    x = (z - z.mean(0)) / torch.sqrt(z.var(0, correction=0) + EPS)
    expected = torch.autograd.grad(((x * r + d) * norm.weight.detach() * g).sum(), z)
    torch.testing.assert_close(torch.autograd.grad((norm(z) * g).sum(), z), expected)


def test_the_running_standard_deviation_moves_and_not_the_variance() -> None:
    norm = norms.make("renorm", 1, eps=EPS, momentum=0.25)
    z = torch.tensor([[1.0], [2.0], [6.0]])  # mean 3, biased variance 14/3
    sigma, mean = math.sqrt(1 + EPS), 0.0
    for _ in range(3):
        norm(z)
        sigma += 0.25 * (math.sqrt(14 / 3 + EPS) - sigma)
        mean += 0.25 * (3 - mean)
        assert math.sqrt(norm.running_var.item() + EPS) == pytest.approx(sigma, rel=1e-12)
        assert norm.running_mean.item() == pytest.approx(mean, rel=1e-12)
    assert norm.num_batches_tracked == 3


@pytest.mark.parametrize(
    ("steps", "r_max", "d_max"),
    [(0, 1, 0), (10, 1, 0), (20, 1 + 2 / 7, 5 / 4), (50, 1 + 8 / 7, 5), (80, 3, 5), (999, 3, 5)],
)
def test_the_bounds_grow_after_the_warm_up(steps: int, r_max: float, d_max: float) -> None:
    norm = norms.make("renorm", 3, warmup=10)
    norm.num_batches_tracked.fill_(steps)
    assert [bound.item() for bound in norm.bounds()] == pytest.approx([r_max, d_max])


def test_the_schedule_of_the_source_is_its_warm_up() -> None:
    """1 → 3 by 40k and 0 → 5 by 25k after 5k plain steps (ioffe2017batch)."""
    norm = norms.make("renorm", 3, warmup=5000)
    for steps, bounds in {5000: (1, 0), 25_000: (1 + 2 * 20 / 35, 5), 40_000: (3, 5)}.items():
        norm.num_batches_tracked.fill_(steps)
        assert [bound.item() for bound in norm.bounds()] == pytest.approx(bounds)


def test_without_a_warm_up_the_bounds_are_wide_at_once() -> None:
    norm = norms.make("renorm", 3, warmup=0, r_max=1.5, d_max=2.5)
    assert [bound.item() for bound in norm.bounds()] == [1.5, 2.5]


def test_in_population_mode_renorm_is_bn_with_the_same_state() -> None:
    norm, bn, z = prepared(), norms.make("batch", 3, eps=EPS), torch.randn(6, 3, 4)
    bn.load_state_dict(norm.state_dict())
    torch.testing.assert_close(norm.eval()(z), bn.eval()(z))


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"r_max": 0.5}, "r_max is 0.5"),
        ({"r_max": math.nan}, "r_max is nan"),
        ({"d_max": -1.0}, "d_max is -1.0"),
        ({"warmup": -1}, "warmup is -1"),
    ],
)
def test_bounds_that_cannot_be_are_errors(option: dict[str, float], message: str) -> None:
    with pytest.raises(NormError, match=message):
        norms.make("renorm", 3, **option)
