"""Batch normalization: torch's own layer, the equation, its gradient and its symmetries."""

from typing import Any

import hypothesis.extra.numpy as arrays
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.func import grad, jacrev, vmap

from bnbook import laws, norms
from bnbook.norms.affine import per_channel
from bnbook.norms.batch import moments, standardise

SHAPES = [(8, 5), (8, 5, 7), (8, 5, 4, 3)]
TORCH = {2: nn.BatchNorm1d, 3: nn.BatchNorm1d, 4: nn.BatchNorm2d}
Options = dict[str, Any]
OPTIONS: list[Options] = [{}, {"affine": False}, {"eps": 0.1, "momentum": 0.3}, {"momentum": 1.0}]


def columns(rows: int = 6) -> st.SearchStrategy[Tensor]:
    """Batches (rows, 2) whose channels surely vary."""
    values = arrays.arrays(float, (rows, 2), elements=st.floats(-3, 3, width=16))
    ramp = torch.arange(rows, dtype=torch.float64)[:, None]
    return values.map(lambda z: torch.from_numpy(z) + 10 * ramp)


def pair(shape: tuple[int, ...], options: Options) -> tuple[norms.Norm, nn.Module]:
    ours, theirs = norms.make("batch", 5, **options), TORCH[len(shape)](5, **options)
    with torch.no_grad():
        for mine, its in zip(ours.parameters(), theirs.parameters(), strict=True):
            its.copy_(mine.copy_(torch.randn(5)))
    return ours, theirs


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("shape", SHAPES)
def test_batch_equals_torchs_batch_norm(shape: tuple[int, ...], options: Options) -> None:
    """Forward, backward, running mean and unbiased running variance over training; evaluation."""
    ours, theirs = pair(shape, options)
    for step in range(3):
        z = step + torch.randn(shape)
        inputs = z.clone().requires_grad_(), z.clone().requires_grad_()
        outputs = ours(inputs[0]), theirs(inputs[1])
        torch.testing.assert_close(*outputs, rtol=1e-12, atol=1e-12)
        weights = torch.randn(shape)
        slopes = [
            torch.autograd.grad((y * weights).sum(), [x, *norm.parameters()])
            for x, y, norm in zip(inputs, outputs, (ours, theirs), strict=True)
        ]
        torch.testing.assert_close(*slopes, rtol=1e-12, atol=1e-12)
        for key, value in theirs.state_dict().items():
            torch.testing.assert_close(ours.state_dict()[key], value, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours.eval()(z), theirs.eval()(z), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("options", OPTIONS)
def test_state_dicts_go_both_ways_between_ours_and_torchs(options: Options) -> None:
    ours, theirs = pair((8, 5), options)
    z = torch.randn(8, 5)
    ours(z), theirs(3 * z)
    mine, its = norms.make("batch", 5, **options).eval(), nn.BatchNorm1d(5, **options).eval()
    mine.load_state_dict(theirs.state_dict())
    its.load_state_dict(ours.state_dict())
    torch.testing.assert_close(mine(z), theirs.eval()(z), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(its(z), ours.eval()(z), rtol=1e-12, atol=1e-12)


def test_running_statistics_follow_their_definition_in_numbers() -> None:
    norm = norms.make("batch", 1, momentum=0.25)
    norm(torch.tensor([[1.0], [2.0], [6.0]]))  # mean 3, unbiased variance (4 + 1 + 9)/2 = 7
    torch.testing.assert_close(norm.running_mean, torch.tensor([0.75]))
    torch.testing.assert_close(norm.running_var, torch.tensor([0.75 + 0.25 * 7]))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_fused_kernel_computes_the_equation_alone_and_stacked(shape: tuple[int, ...]) -> None:
    norm, z = pair(shape, {"eps": 0.1})[0], torch.randn(3, *shape)

    def equation(z: Tensor) -> Tensor:
        x = standardise(z, *moments(z), 0.1)
        weight, bias = (norm.get_parameter(name) for name in ("weight", "bias"))
        return per_channel(weight, z) * x + per_channel(bias, z)

    with norms.using(norm, "batch"):
        torch.testing.assert_close(norm(z[0]), equation(z[0]), rtol=1e-13, atol=1e-13)
        torch.testing.assert_close(vmap(norm)(z), vmap(equation)(z), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
def test_moments_run_over_all_dimensions_but_the_channels(shape: tuple[int, ...]) -> None:
    z = torch.randn(shape)
    rows = z.transpose(0, 1).flatten(1)
    mean, var = moments(z)
    torch.testing.assert_close(mean, rows.mean(1))
    torch.testing.assert_close(var, rows.var(1, correction=0))


@pytest.mark.parametrize("shape", SHAPES[1:])
def test_convolutional_bn_is_dense_bn_of_all_positions(shape: tuple[int, ...]) -> None:
    norm, z = pair(shape, {})[0], torch.randn(shape)
    rows = z.movedim(1, -1).reshape(-1, 5)
    with norms.using(norm, "batch"):
        y = norm(rows).reshape(*z.movedim(1, -1).shape).movedim(-1, 1)
        torch.testing.assert_close(norm(z), y, rtol=1e-12, atol=1e-12)


# Symmetries.


@given(columns(), st.floats(0.1, 10), st.sampled_from([-1.0, 1.0]), st.floats(-5, 5))
@settings(max_examples=40, deadline=None)
def test_bn_forgets_the_scale_and_shift_of_each_channel(
    z: Tensor, scale: float, sign: float, shift: float
) -> None:
    norm = norms.make("batch", 2, eps=1e-30).double()
    y = norm(sign * scale * z + shift)
    torch.testing.assert_close(y, sign * norm(z), rtol=1e-9, atol=1e-9)


@given(columns(), st.permutations(range(6)))
@settings(max_examples=40, deadline=None)
def test_bn_commutes_with_the_order_of_the_examples(z: Tensor, order: list[int]) -> None:
    norm = norms.make("batch", 2).double()
    torch.testing.assert_close(norm(z[order]), norm(z)[order], rtol=1e-9, atol=1e-9)


@given(columns())
@settings(max_examples=40, deadline=None)
def test_a_normalised_channel_has_mean_0_and_variance_1_up_to_eps(z: Tensor) -> None:
    y = norms.make("batch", 2, eps=0.5).double()(z)
    var = z.var(0, correction=0)
    torch.testing.assert_close(y.mean(0), torch.zeros(2), rtol=0, atol=1e-10)
    torch.testing.assert_close(y.var(0, correction=0), var / (var + 0.5), rtol=1e-9, atol=1e-9)


@given(columns(rows=7))
@settings(max_examples=40, deadline=None)
def test_no_value_exceeds_the_root_of_the_batch_size_less_one(z: Tensor) -> None:
    spike = torch.zeros(7, 2)
    spike[0] = 1e6
    for batch in (z, spike):
        assert norms.make("batch", 2).double()(batch).abs().max() <= 6**0.5 + 1e-9


def test_gamma_and_beta_can_make_bn_the_identity() -> None:
    z = 3 + 2 * torch.randn(16, 5, 4)
    norm = norms.make("batch", 5, eps=0.1)
    mean, var = moments(z)
    with torch.no_grad():
        norm.weight.copy_(torch.sqrt(var + 0.1))
        norm.bias.copy_(mean)
    torch.testing.assert_close(norm(z), z, rtol=1e-13, atol=1e-13)


def test_two_examples_become_plus_and_minus_one() -> None:
    z = torch.tensor([[1.0, 5.0], [3.0, -5.0]])
    y = norms.make("batch", 2, eps=1e-30)(z)
    torch.testing.assert_close(y, torch.tensor([[-1.0, 1.0], [1.0, -1.0]]))


# The gradient.


@pytest.mark.parametrize("shape", SHAPES)
def test_the_backward_formula_is_autograd_of_the_equation(shape: tuple[int, ...]) -> None:
    z, g, gamma, eps = torch.randn(shape), torch.randn(shape), torch.randn(5), 0.1

    def loss(z: Tensor) -> Tensor:
        return (standardise(z, *moments(z), eps) * per_channel(gamma, z) * g).sum()

    formula = laws.batch_norm_backward(z, g, gamma, eps)
    torch.testing.assert_close(formula, grad(loss)(z), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_backward_removes_the_mean_and_all_but_rho_along_the_normalised_batch(
    shape: tuple[int, ...],
) -> None:
    norm, eps = pair(shape, {"eps": 0.1})[0], 0.1
    z, g = torch.randn(shape, requires_grad=True), torch.randn(shape)
    (dz,) = torch.autograd.grad((norm(z) * g).sum(), z)
    mean, var = moments(z.detach())
    x = standardise(z.detach(), mean, var, eps)
    dims = [0, *range(2, len(shape))]
    torch.testing.assert_close(dz.sum(dims), torch.zeros(5), rtol=0, atol=1e-12)
    expected = norm.weight.detach() * torch.rsqrt(var + eps) * (eps / (var + eps))
    expected = expected * (g * x).sum(dims)
    torch.testing.assert_close((dz * x).sum(dims), expected, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("m", [2, 3, 8])
def test_the_batch_jacobian_is_that_of_the_layer(m: int) -> None:
    norm, z = norms.make("batch", 1, eps=0.1), torch.randn(m)
    with torch.no_grad():
        norm.weight.fill_(-1.7)
    with norms.using(norm, "batch"):
        exact = jacrev(lambda z: norm(z[:, None])[:, 0])(z)
    torch.testing.assert_close(
        laws.batch_jacobian(z, 0.1, gamma=-1.7), exact, rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("m", [3, 8])
def test_the_jacobian_keeps_all_directions_but_two(m: int) -> None:
    z, eps, gamma = torch.randn(m), 0.1, 2.0
    var = z.var(correction=0)
    values = torch.linalg.svdvals(laws.batch_jacobian(z, eps, gamma))
    rho = laws.kept_share(var, eps)
    assert 0 < rho < 1
    expected = torch.tensor([*[1.0] * (m - 2), rho, 0.0])
    torch.testing.assert_close(
        values * torch.sqrt(var + eps) / gamma, expected, rtol=1e-12, atol=1e-12
    )


def test_second_derivatives_are_those_of_finite_differences() -> None:
    norm, z = pair((6, 5, 2), {"eps": 0.1})[0], torch.randn(6, 5, 2, requires_grad=True)
    with norms.using(norm, "batch"):
        assert torch.autograd.gradgradcheck(norm, z)
