"""Parts of batch normalization by themselves, each against an oracle that shares no code."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bnbook import norms
from bnbook.norms import NormError

SHAPES = [(12, 3), (12, 3, 4), (12, 3, 4, 2)]


def rows(z: Tensor) -> Tensor:
    """(N, C, …) → (C, values)."""
    return z.transpose(0, 1).flatten(1)


@pytest.mark.parametrize("shape", SHAPES)
def test_mean_only_centres_and_keeps_the_spread(shape: tuple[int, ...]) -> None:
    z = 5 + 3 * torch.randn(shape)
    y = norms.make("mean-only", 3)(z)
    torch.testing.assert_close(rows(y).mean(1), torch.zeros(3), rtol=0, atol=1e-13)
    torch.testing.assert_close(rows(y).var(1), rows(z).var(1), rtol=1e-12, atol=0)


@pytest.mark.parametrize("shape", SHAPES)
def test_variance_only_scales_and_keeps_the_mean_in_units_of_the_spread(
    shape: tuple[int, ...],
) -> None:
    z = 5 + 3 * torch.randn(shape)
    y = norms.make("variance-only", 3, eps=1e-30)(z)
    torch.testing.assert_close(rows(y).var(1, correction=0), torch.ones(3))
    ratio = rows(z).mean(1) / rows(z).std(1, correction=0)
    torch.testing.assert_close(rows(y).mean(1), ratio, rtol=1e-12, atol=0)


@pytest.mark.parametrize("mode", ["batch", "population"])
@pytest.mark.parametrize("shape", SHAPES)
def test_one_half_after_the_other_is_torchs_batch_norm(
    shape: tuple[int, ...], mode: norms.Mode
) -> None:
    z = 2 + 3 * torch.randn(shape)
    centre, scale = (
        norms.make("mean-only", 3, momentum=1.0),
        norms.make("variance-only", 3, momentum=1.0),
    )
    scale(centre(z)), scale.running_mean.zero_()
    with norms.using(centre, mode), norms.using(scale, mode):
        both = scale(centre(z))
    running: tuple[Tensor | None, Tensor | None] = (
        (rows(z).mean(1), rows(z).var(1)) if mode == "population" else (None, None)
    )
    oracle = F.batch_norm(z, *running, training=mode == "batch", eps=1e-5)
    torch.testing.assert_close(both, oracle, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["mean-only", "variance-only", "detached", "reference"])
@pytest.mark.parametrize("mode", ["train", "collect"])
def test_the_parts_keep_the_running_statistics_of_torchs_batch_norm(
    name: str, mode: norms.Mode
) -> None:
    part, whole = norms.make(name, 3), norms.make("batch", 3)
    for step in range(3):
        z = step + torch.randn(12, 3, 4)
        with norms.using(part, mode), norms.using(whole, mode):
            part(z), whole(z)
    for mine, its in zip(part.statistics(), whole.statistics(), strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
def test_detached_is_torchs_batch_norm_forwards_and_a_scaling_backwards(
    shape: tuple[int, ...],
) -> None:
    oracle = nn.BatchNorm1d(3) if len(shape) < 4 else nn.BatchNorm2d(3)
    norm, z, g = (
        norms.make("detached", 3),
        torch.randn(shape, requires_grad=True),
        torch.randn(shape),
    )
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([0.5, 2.0, -1.0]))
    oracle.load_state_dict(norm.state_dict())
    y = norm(z)
    torch.testing.assert_close(y, oracle(z), rtol=1e-12, atol=1e-12)
    (found,) = torch.autograd.grad((y * g).sum(), z)
    scale = norm.get_parameter("weight") / (rows(z).var(1, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(
        rows(found), scale[:, None].detach() * rows(g), rtol=1e-12, atol=1e-12
    )


def test_detached_gradients_have_what_bn_takes_out() -> None:
    """Σ_b dz_b and Σ_b dz_b·x̂_b are 0 under BN (ε → 0), and Σ g/σ and Σ g·x̂/σ here."""
    z, g = torch.randn(16, 1, requires_grad=True), torch.randn(16, 1)
    sigma = z.detach().std(correction=0)
    x = (z.detach() - z.detach().mean()) / sigma
    for name, share in (("batch", 0.0), ("detached", 1.0)):
        (slope,) = torch.autograd.grad((norms.make(name, 1, eps=1e-30)(z) * g).sum(), z)
        torch.testing.assert_close(slope.sum(), share * g.sum() / sigma, rtol=1e-10, atol=1e-12)
        along = share * (g * x).sum() / sigma
        torch.testing.assert_close((slope * x).sum(), along, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_reference_alone_gives_the_moments(shape: tuple[int, ...]) -> None:
    norm, z = norms.make("reference", 3, reference_size=8), torch.randn(shape)
    expected = F.batch_norm(
        z, rows(z[:8]).mean(1), rows(z[:8]).var(1, correction=0), training=False, eps=1e-5
    )
    torch.testing.assert_close(norm(z), expected, rtol=1e-12, atol=1e-12)


def test_what_comes_after_the_reference_does_not_touch_the_others() -> None:
    norm, z = norms.make("reference", 3, reference_size=8), torch.randn(12, 3)
    moved = z.clone()
    moved[9] += 100
    same = [i for i in range(12) if i != 9]
    assert torch.equal(norm(z)[same], norm(moved)[same])


def test_a_gradient_flows_into_the_reference() -> None:
    norm, z = norms.make("reference", 3, reference_size=8), torch.randn(12, 3, requires_grad=True)
    (slope,) = torch.autograd.grad(norm(z)[9].sum(), z)
    assert (slope[:8] != 0).all()
    assert not slope[[8, 10, 11]].any()


def test_without_a_reference_size_it_is_torchs_batch_norm() -> None:
    norm, oracle, z = norms.make("reference", 3), nn.BatchNorm1d(3), torch.randn(12, 3)
    torch.testing.assert_close(norm(z), oracle(z), rtol=1e-12, atol=1e-12)


def test_a_batch_without_its_reference_is_refused() -> None:
    norm = norms.make("reference", 3, reference_size=8)
    with pytest.raises(NormError, match="does not hold the 8 reference examples"):
        norm(torch.randn(5, 3))
    assert norm.eval()(torch.randn(5, 3)).shape == (5, 3)
    with pytest.raises(NormError, match="reference_size is 0"):
        norms.make("reference", 3, reference_size=0)


def test_weight_norm_under_mean_only_is_the_one_before_the_other() -> None:
    both = norms.make("weight-norm+mean", 3, gain=1.5)
    weight, x = torch.randn(3, 6), torch.randn(12, 6)
    rows = weight / weight.norm(dim=1, keepdim=True)
    z = 1.5 * x @ rows.T
    found = both(F.linear(x, both.transform_weight(weight)))
    torch.testing.assert_close(found, z - z.mean(0), rtol=1e-7, atol=1e-7)
