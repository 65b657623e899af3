"""Networks are what their specification says."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bnbook.nets import ACTIVATIONS, MLP, NetError, Trace
from bnbook.nets.mlp import Layer

ORACLES = {
    "identity": nn.Identity(),
    "relu": nn.ReLU(),
    "leaky-relu": nn.LeakyReLU(0.2),
    "sigmoid": nn.Sigmoid(),
    "softplus": nn.Softplus(),
    "tanh": nn.Tanh(),
}


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("order", ["before", "after"])
def test_a_network_equals_the_same_one_of_torch_modules(activation: str, order: str) -> None:
    spec = MLP((7, 5), activation, "batch", order=order)
    net = spec.build((2, 3), 4, seed=1)
    stages: list[nn.Module] = []
    for layer, width in zip(net.layers, spec.widths, strict=True):
        pair = [nn.BatchNorm1d(width), ORACLES[activation]]
        assert isinstance(layer, Layer)
        stages += [layer.linear, *(pair if order == "before" else pair[::-1])]
    plain = nn.Sequential(nn.Flatten(), *stages, net.head)
    x = torch.randn(9, 2, 3)
    torch.testing.assert_close(net(x), plain(x), rtol=1e-5, atol=1e-6)


def test_a_trace_holds_each_stage_of_each_layer() -> None:
    net = MLP((7, 5), "tanh", "batch").build((6,), 4, seed=1)
    x = torch.randn(9, 6)
    trace = net(x, trace=True)
    assert isinstance(trace, Trace)
    torch.testing.assert_close(
        trace.linear[0], F.linear(x, net.get_parameter("layers.0.linear.weight"))
    )
    torch.testing.assert_close(trace.inputs[1].mean(0), torch.zeros(5), atol=1e-6, rtol=0)
    torch.testing.assert_close(trace.outputs[1], torch.tanh(trace.inputs[1]))
    torch.testing.assert_close(trace.logits, net.head(trace.outputs[1]))


@pytest.mark.parametrize(("init", "variance"), [("he", 2 / 400), ("glorot", 2 / 700)])
def test_initial_weights_have_the_variance_of_their_scheme(init: str, variance: float) -> None:
    net = MLP((300,), init=init, init_scale=3.0).build((400,), 2, seed=0)
    weight = net.layers[0].linear.weight
    relative_error = 4 * math.sqrt(2 / weight.numel())  # four standard errors of a variance
    assert weight.var().item() == pytest.approx(9 * variance, rel=relative_error)
    assert not net.layers[0].linear.bias.any()


def test_orthogonal_weights_are_orthogonal_times_their_scale() -> None:
    weight = (
        MLP((5,), init="orthogonal", init_scale=2.0).build((8,), 2, seed=0).layers[0].linear.weight
    )
    torch.testing.assert_close(weight @ weight.T, 4 * torch.eye(5), atol=1e-5, rtol=0)


def test_a_seed_fixes_the_weights_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second = (MLP((5,)).build((4,), 2, seed=s).head.weight for s in (0, 0))
    assert torch.equal(first, second)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"widths": ()}, "widths"),
        ({"widths": (5, 0)}, "widths"),
        ({"widths": (5,), "activation": "relo"}, "relu"),
        ({"widths": (5,), "norm": "bacth"}, "batch"),
        ({"widths": (5,), "init": "hee"}, "he"),
        ({"widths": (5,), "order": "between"}, "before"),
        ({"widths": (5, 4, 5), "residual": True}, "no two neighbouring widths"),
    ],
)
def test_an_impossible_network_says_what_is_wrong(settings: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        MLP(**settings)  # type: ignore[arg-type]


def test_an_impossible_network_is_a_net_error() -> None:
    with pytest.raises(NetError, match="activation"):
        MLP((5,), "swoosh")


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_residual_layer_adds_its_input_where_the_hidden_widths_agree(order: str) -> None:
    spec = MLP((5, 5, 7, 7), "tanh", "batch", order=order, residual=True)
    net = spec.build((5,), 2, seed=0)
    assert [layer.skip for layer in net.layers] == [False, True, False, True]
    h = x = torch.randn(9, 5)
    for i, layer in enumerate(net.layers):
        assert isinstance(layer, Layer)
        z = F.linear(h, layer.linear.weight, layer.linear.bias)
        steps = [lambda z: F.batch_norm(z, None, None, training=True), torch.tanh]
        for step in steps if order == "before" else steps[::-1]:
            z = step(z)
        h = h + z if i in (1, 3) else z
    torch.testing.assert_close(net(x), net.head(h), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(net(x, trace=True).outputs[-1], h, rtol=1e-5, atol=1e-5)


def test_skip_connections_change_no_initial_weight() -> None:
    plain, residual = (MLP((5, 5), residual=r).build((4,), 2, seed=3) for r in (False, True))
    for one, other in zip(plain.parameters(), residual.parameters(), strict=True):
        assert torch.equal(one, other)
