"""Jacobians of layers against `torch.func.jacrev`, scipy, and closed forms; all in float64."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import scipy.linalg
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import jacrev

from bnbook import norms
from bnbook.jacobian import (
    JacobianError,
    Parts,
    batch_sum,
    per_example,
    singular_values,
    spectra,
    whole_batch,
)
from bnbook.nets import ACTIVATIONS, MLP, Trace

DENSE = [name for name in norms.names() if name not in ("instance", "frn")]
M = 8


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(before)


def dense(**settings: object) -> nn.Module:
    """Two layers of 6 units whose parameters and statistics are not those they start with."""
    net = MLP((6, 6), **{"activation": "tanh", **settings}).build((5,), 3, seed=0)  # type: ignore[arg-type]
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.3 * torch.randn_like(p))
        net(1 + torch.randn(M, 5))
    return net


def jacobian_of(f: object, x: Tensor) -> Tensor:
    """(m, out, m, in) by backpropagation through the whole layer."""
    found = jacrev(f)(x).detach()  # type: ignore[arg-type]
    m, size = len(x), x[0].numel()
    return found.reshape(m, -1, m, size)


def of_scipy(jacobians: Tensor) -> Tensor:
    """Singular values, one matrix at a time."""
    return torch.from_numpy(np.stack([scipy.linalg.svdvals(j.numpy()) for j in jacobians]))


def diagonal(whole: Tensor) -> Tensor:
    return torch.stack([whole[b, :, b] for b in range(len(whole))])


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("name", DENSE)
def test_each_kind_is_a_part_of_the_whole_jacobian_of_backpropagation(
    name: str, order: str, residual: bool
) -> None:
    net = dense(norm=name, order=order, residual=residual)
    x = torch.randn(M, 6)
    with norms.using(net, "batch"):
        expected = jacobian_of(lambda x: net.layers[1](x, Trace()), x)
    parts = Parts.of(net, 1)
    torch.testing.assert_close(whole_batch(parts, x), expected, rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(per_example(parts, x), diagonal(expected), rtol=1e-9, atol=1e-11)
    summed = expected.sum(0).transpose(0, 1)
    torch.testing.assert_close(batch_sum(parts, x), summed, rtol=1e-9, atol=1e-10)
    for kind, full in (("per-example", diagonal(expected)), ("batch-sum", summed)):
        found = spectra(parts, x, kind=kind)  # type: ignore[arg-type]
        torch.testing.assert_close(found, of_scipy(full), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_spectra_of_every_activation_are_those_of_backpropagation(activation: str) -> None:
    net, x = dense(norm="batch", activation=activation), torch.randn(M, 5)
    with norms.using(net, "batch"):
        expected = diagonal(jacobian_of(lambda x: net.layers[0](x, Trace()), x))
    found = spectra(Parts.of(net, 0), x)
    torch.testing.assert_close(found, of_scipy(expected), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", norms.names())
def test_jacobians_of_a_convolution_are_those_of_backpropagation(name: str) -> None:
    conv, norm = nn.Conv2d(2, 4, 3, stride=2, padding=1), norms.make(name, 4)
    norm(torch.randn(16, 4, 2, 2))
    x = torch.randn(M, 2, 5, 4)
    weight = norm.transform_weight(conv.weight)
    linear = lambda x: F.conv2d(x, weight, conv.bias, 2, 1)  # noqa: E731
    with norms.using(norm, "batch"):
        expected = jacobian_of(lambda x: torch.sigmoid(norm(linear(x))), x)
    parts = Parts.compose(linear, norm, torch.sigmoid)
    torch.testing.assert_close(per_example(parts, x), diagonal(expected), rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(
        batch_sum(parts, x), expected.sum(0).transpose(0, 1), rtol=1e-9, atol=1e-10
    )


def test_under_bn_a_row_is_scaled_by_what_the_closed_form_says() -> None:
    net, x = dense(norm="batch", activation="sigmoid"), torch.randn(M, 6)
    layer = net.layers[1]
    z = x @ layer.linear.weight.T
    sigma = torch.sqrt(z.var(0, correction=0) + layer.norm.eps)
    xhat = (z - z.mean(0)) / sigma
    a = layer.norm.weight * xhat + layer.norm.bias
    slope = torch.sigmoid(a) * (1 - torch.sigmoid(a))
    scale = slope * layer.norm.weight / sigma * (1 - 1 / M - xhat**2 / M)
    torch.testing.assert_close(
        per_example(Parts.of(net, 1), x), scale[..., None] * layer.linear.weight
    )


def test_without_dependence_between_examples_the_batch_sum_is_the_jacobian() -> None:
    net, x = dense(norm="layer"), torch.randn(M, 6)
    parts = Parts.of(net, 1)
    torch.testing.assert_close(batch_sum(parts, x), per_example(parts, x))
    population = Parts.of(dense(norm="batch"), 1, mode="population")
    torch.testing.assert_close(batch_sum(population, x), per_example(population, x))


def test_the_batch_sum_of_a_linear_layer_under_bn_is_zero() -> None:
    parts, x = Parts.of(dense(norm="batch", activation="identity"), 1), torch.randn(M, 6)
    assert batch_sum(parts, x).abs().max() < 1e-12
    assert per_example(parts, x).abs().max() > 0.1


def test_a_linear_layer_has_the_singular_values_of_its_weights() -> None:
    net = dense(norm="none", activation="identity")
    expected = of_scipy(net.layers[1].linear.weight.detach()[None])
    found = spectra(Parts.of(net, 1), torch.randn(M, 6))
    torch.testing.assert_close(found, expected.expand(M, -1), rtol=1e-7, atol=1e-7)


def test_orthogonal_weights_are_an_isometry() -> None:
    net = MLP((6, 6), "identity", init="orthogonal").build((5,), 3, seed=0)
    found = spectra(Parts.of(net, "layers.1"), torch.randn(M, 6))
    torch.testing.assert_close(found, torch.ones(M, 6))


@pytest.mark.parametrize("shape", [(4, 7), (7, 4), (5, 5)])
def test_singular_values_are_those_of_scipy(shape: tuple[int, int]) -> None:
    j = torch.randn(3, *shape)
    torch.testing.assert_close(singular_values(j), of_scipy(j))


def test_of_a_part_of_the_batch_the_jacobians_are_the_same() -> None:
    parts, x = Parts.of(dense(norm="batch"), 1), torch.randn(M, 6)
    torch.testing.assert_close(per_example(parts, x, examples=3), per_example(parts, x)[:3])
    torch.testing.assert_close(spectra(parts, x, examples=3), spectra(parts, x)[:3])


@pytest.mark.parametrize(("activation", "slope"), [("relu", 0.0), ("leaky-relu", 0.2)])
def test_where_an_activation_has_no_derivative_torchs_own_is_taken(
    activation: str, slope: float
) -> None:
    net = MLP((6, 6), activation).build((5,), 3, seed=0)
    found = per_example(Parts.of(net, 1), torch.zeros(2, 6))  # so that z = 0
    torch.testing.assert_close(found, slope * net.layers[1].linear.weight.expand(2, -1, -1))


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("measure", [per_example, batch_sum, whole_batch, spectra])
def test_an_exploded_network_is_an_error_that_says_so(measure: object, bad: float) -> None:
    x = torch.randn(M, 6)
    x[2, 3] = bad
    with pytest.raises(JacobianError, match=r"not finite in 1 of 8 examples.*learning rate"):
        measure(Parts.of(dense(), 1), x)


def test_jacobians_that_are_not_finite_are_an_error() -> None:
    with pytest.raises(JacobianError, match=r"has exploded"):
        singular_values(torch.full((1, 2, 2), torch.inf))


@pytest.mark.parametrize("which", [2, -1, "layers.2", "layer.1"])
def test_a_layer_that_does_not_exist_names_those_that_do(which: int | str) -> None:
    with pytest.raises(JacobianError, match=r"unknown layer.*Known: layers\.0, layers\.1"):
        Parts.of(dense(), which)


def test_a_network_of_another_kind_is_sent_to_compose() -> None:
    with pytest.raises(JacobianError, match=r"Sequential is no dense network.*Parts\.compose"):
        Parts.of(nn.Sequential(nn.Linear(2, 2)), 0)


def test_jacobians_that_would_not_fit_say_their_size_and_how_many_would() -> None:
    net = MLP((100, 100)).build((784,), 10, seed=0)
    parts, x = Parts.of(net, 0), torch.randn(64, 784)
    with pytest.raises(JacobianError, match=r"64 examples .* 38 MiB.*at most 26 examples"):
        per_example(parts, x, limit=2**24)
    assert per_example(parts, x, examples=26, limit=2**24).shape == (26, 100, 784)
    with pytest.raises(JacobianError, match=r"at most 5 examples"):
        whole_batch(parts, x, limit=2**24)
    with pytest.raises(JacobianError, match="take a smaller layer"):
        per_example(parts, x, limit=2**10)


@pytest.mark.parametrize("examples", [0, M + 1])
def test_more_examples_than_the_batch_holds_are_refused(examples: int) -> None:
    with pytest.raises(JacobianError, match="the batch holds 1 to 8"):
        per_example(Parts.of(dense(), 1), torch.randn(M, 6), examples=examples)
