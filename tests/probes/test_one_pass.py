"""Signals up and gradients down, one pass: torch's own hooks, and laws of wide networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bnbook.laws import gradient_growth, linear_growth
from bnbook.nets import ACTIVATIONS, MLP
from bnbook.probes.one_pass import channel_variance, growth, one_pass, squared_mean


def test_the_gradients_are_those_of_backpropagation_and_nothing_is_updated() -> None:
    net = MLP((6, 6), "tanh", "batch").build((5,), 3, seed=0).double()
    x, y = torch.randn(8, 5, dtype=torch.float64), torch.arange(8) % 3
    before = {name: value.clone() for name, value in net.state_dict().items()}
    seen = one_pass(net, x, y)
    torch.testing.assert_close(dict(net.state_dict()), before, rtol=0, atol=0)
    caught = []
    for layer in net.layers:
        layer.norm.register_full_backward_hook(lambda _, given, __: caught.append(given[0]))
    F.cross_entropy(net(x), y).backward()
    for found, expected in zip(seen.signals, caught[::-1], strict=True):
        torch.testing.assert_close(found, expected)
    last = torch.softmax(seen.trace.logits, 1) - F.one_hot(y, 3)
    torch.testing.assert_close(seen.outputs[-1], last @ net.head.weight / len(x))
    below = seen.signals[1] @ net.layers[1].linear.weight
    torch.testing.assert_close(seen.outputs[0], below)
    for found, name in zip(seen.weights, net.weight_names(), strict=True):
        torch.testing.assert_close(found, net.get_parameter(name).grad)


def test_growth_is_the_factor_of_a_geometric_row() -> None:
    signals = tuple(torch.full((2, 3), 1.5 ** (-k / 2)) for k in range(6))
    assert growth(signals, slice(1, 5)) == pytest.approx(1.5)


def test_moments_of_channels_are_numpys() -> None:
    h = torch.randn(9, 4, dtype=torch.float64) + 2
    assert squared_mean(h) == pytest.approx((h.numpy().mean(0) ** 2).mean())
    assert channel_variance(h) == pytest.approx(np.var(h.numpy(), axis=0).mean())


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_each_residual_block_with_bn_adds_one_to_the_variance(activation: str) -> None:
    spec = MLP((400,) * 8, activation, "batch", order="after", residual=True)
    net = spec.build((400,), 10, seed=0)
    seen = one_pass(net, torch.randn(64, 400), torch.arange(64) % 10)
    found = [channel_variance(h.detach()) for h in seen.trace.outputs]
    assert found == pytest.approx([1 + block for block in range(8)], rel=0.05)


@pytest.mark.parametrize("activation", ["identity", "relu", "tanh"])
def test_gradients_grow_at_the_predicted_rate_in_a_wide_network(activation: str) -> None:
    m = 32
    spec = MLP((512,) * 18, activation, "batch")
    net = spec.build((512,), 10, seed=0)
    seen = one_pass(net, torch.randn(m, 512), torch.arange(m) % 10)
    expected = gradient_growth(ACTIVATIONS[activation]) * linear_growth(m)
    assert growth(seen.signals, slice(3, 16)) == pytest.approx(expected, rel=0.03)
