"""VGG and residual networks are what their specifications say."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bnbook import norms
from bnbook.nets import VGG, NetError, Network, ResNet, Spec, Trace
from bnbook.probes.base import ACTIVATION_SITES
from bnbook.study.runner import modules_of

SMALL_VGG = VGG(((4, 1), (6, 2)), norm="batch")
SMALL_RESNET = ResNet(8, scale=0.25, norm="batch")


def plain_vgg(net: Any, norm: type[nn.Module]) -> nn.Module:
    """Two stages, of one convolution and of two, with torch's own layers and `net`'s weights."""
    convs = [layer.linear for layer in net.layers]
    stages: list[nn.Module] = []
    for i, conv in enumerate(convs):
        stages += [conv, norm(conv.out_channels), nn.ReLU()]
        stages += [nn.MaxPool2d(2)] if i in (0, 2) else []
    return nn.Sequential(nn.AvgPool2d(2), *stages, nn.Flatten(), net.head)


def plain_resnet(net: Any, x: Tensor, project: bool) -> Tensor:
    """A residual network of 14 layers as its paper draws it, in training mode."""

    def normalised(z: Tensor) -> Tensor:
        return F.batch_norm(z, None, None, training=True)

    h = F.relu(normalised(F.conv2d(x, net.stem.linear.weight, padding=1)))
    for i, block in enumerate(net.blocks):
        stride = 2 if i in (2, 4) else 1
        branch = F.conv2d(h, block.first.linear.weight, stride=stride, padding=1)
        branch = F.conv2d(F.relu(normalised(branch)), block.second.linear.weight, padding=1)
        if stride == 2 and project:
            h = normalised(F.conv2d(h, block.shortcut.linear.weight, stride=2))
        elif stride == 2:
            h = torch.cat([h[:, :, ::2, ::2], torch.zeros_like(h[:, :, ::2, ::2])], dim=1)
        h = F.relu(h + normalised(branch))
    return net.head(F.adaptive_avg_pool2d(h, 1).flatten(1))


def test_a_vgg_network_equals_the_same_one_of_torch_modules() -> None:
    spec = VGG(((2, 1), (3, 2)), scale=2.0, norm="batch", input_shrink=2)
    net = spec.build((2, 16, 24), 5, seed=1)
    plain, x = plain_vgg(net, nn.BatchNorm2d), torch.randn(7, 2, 16, 24)
    for _ in range(2):
        torch.testing.assert_close(net(x), plain(x), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(net.eval()(x), plain.eval()(x), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shortcut", ["pad", "project"])
@pytest.mark.parametrize("side", [8, 9])
def test_a_residual_network_equals_the_one_its_paper_draws(shortcut: str, side: int) -> None:
    net = ResNet(14, scale=0.25, shortcut=shortcut, norm="batch").build((3, side, side), 5, seed=1)
    x = torch.randn(7, 3, side, side)
    expected = plain_resnet(net, x, project=shortcut == "project")
    torch.testing.assert_close(net(x), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46), (56, 0.85), (110, 1.7)])
def test_residual_networks_are_as_large_as_their_paper_says(depth: int, millions: float) -> None:
    net = ResNet(depth, norm="batch").build((3, 32, 32), 10, seed=0)
    count = sum(p.numel() for p in net.parameters())
    assert round(count / 1e6, 2 if millions < 1 else 1) == millions
    n = (depth - 2) // 6
    convs = 9 * (3 * 16 + 2 * n * 16**2 + 16 * 32 + (2 * n - 1) * 32**2)
    convs += 9 * (32 * 64 + (2 * n - 1) * 64**2)
    assert count == convs + 2 * (16 * (2 * n + 1) + 2 * n * (32 + 64)) + 650
    assert len(net.weight_names()) == depth


@pytest.mark.parametrize("spec", [SMALL_VGG, ResNet(8, 0.25, "project", norm="batch")], ids=str)
def test_a_trace_has_an_entry_for_each_convolution(spec: Spec) -> None:
    net = spec.build((1, 8, 8), 3, seed=0)
    trace = net(torch.randn(6, 1, 8, 8), trace=True)
    assert isinstance(trace, Trace)
    convs = [net.get_parameter(name) for name in net.weight_names()[:-1]]
    for site in ACTIVATION_SITES:
        assert [h.shape[1] for h in getattr(trace, site)] == [len(w) for w in convs]
    assert trace.logits.shape == (6, 3)
    torch.testing.assert_close(trace.inputs[0].mean((0, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)


def test_the_trace_of_a_block_shows_the_sum_that_its_nonlinearity_is_given() -> None:
    net = SMALL_RESNET.build((1, 8, 8), 3, seed=0)
    trace = net(torch.randn(6, 1, 8, 8), trace=True)
    stem, branch = trace.outputs[0], F.batch_norm(trace.linear[2], None, None, training=True)
    torch.testing.assert_close(trace.inputs[2], stem + branch, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(trace.outputs[2], F.relu(trace.inputs[2]))


@pytest.mark.parametrize("spec", [VGG(((64, 1), (64, 2))), ResNet(8, norm="layer")], ids=str)
def test_initial_weights_have_variance_two_over_fan_in(spec: Spec) -> None:
    net = spec.build((3, 16, 16), 10, seed=0)
    for name in net.weight_names():
        weight = net.get_parameter(name)
        relative_error = 5 * math.sqrt(2 / weight.numel())  # five standard errors of a variance
        expected = 2 / weight[0].numel()
        assert weight.var().item() == pytest.approx(expected, rel=relative_error)
    biases = [
        p for name, p in net.named_parameters() if name.endswith(("linear.bias", "head.bias"))
    ]
    assert len(biases) == len(net.weight_names())
    assert not any(b.any() for b in biases)


def biased(net: nn.Module) -> list[bool]:
    return [m.bias is not None for m in net.modules() if isinstance(m, nn.Conv2d)]


@pytest.mark.parametrize("make", [VGG(((4, 1), (6, 2))), ResNet(8, 0.25, "project")], ids=str)
@pytest.mark.parametrize("norm", norms.names())
def test_arms_of_a_seed_start_with_the_same_weights_whatever_the_normaliser(
    norm: str, make: Any
) -> None:
    net, plain = (
        type(make)(**(vars(make) | {"norm": name})).build((1, 8, 8), 3, seed=4)
        for name in (norm, "none")
    )
    for name in plain.weight_names():
        assert torch.equal(plain.get_parameter(name), net.get_parameter(name))
    assert set(biased(net)) == {not norms.get(norm).absorbs_bias}
    assert all(biased(plain))


def test_a_seed_fixes_the_weights_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, second = (SMALL_RESNET.build((1, 8, 8), 2, seed=s).head.weight for s in (0, 0))
    assert torch.equal(first, second)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    ("kind", "settings", "says"),
    [
        (VGG, {"stages": ()}, "stages"),
        (VGG, {"stages": ((4, 0),)}, "stages"),
        (VGG, {"scale": 0.001}, "without channels"),
        (VGG, {"pool": "mean"}, "average"),
        (VGG, {"activation": "relo"}, "relu"),
        (VGG, {"norm": "bacth"}, "batch"),
        (VGG, {"input_shrink": 0}, "input_shrink"),
        (ResNet, {"depth": 18}, "6n \\+ 2"),
        (ResNet, {"depth": 2}, "6n \\+ 2"),
        (ResNet, {"scale": 0.01}, "channels"),
        (ResNet, {"shortcut": "none"}, "project"),
        (ResNet, {"activation": "relo"}, "relu"),
    ],
)
def test_an_impossible_network_says_what_is_wrong(
    kind: Any, settings: dict[str, object], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        kind(**settings)


@pytest.mark.parametrize(
    ("spec", "shape", "says"),
    [
        (SMALL_VGG, (3, 2, 9), "fewer stages"),
        (SMALL_VGG, (12,), "Use an MLP"),
        (SMALL_RESNET, (1, 3, 3), "halved twice"),
        (VGG(((4, 1),), input_shrink=9), (1, 8, 8), "shrink 9 times"),
    ],
)
def test_images_that_do_not_fit_are_refused(spec: Spec, shape: tuple[int, ...], says: str) -> None:
    with pytest.raises(NetError, match=says):
        spec.build(shape, 2, seed=0)


@pytest.mark.parametrize("spec", [SMALL_VGG, SMALL_RESNET], ids=str)
def test_a_record_depends_on_the_files_of_its_networks_and_their_normalisers(spec: Any) -> None:
    named = set(modules_of(spec))
    assert {type(spec).__module__, "bnbook.norms.batch"} <= named
    assert isinstance(spec, Spec)
    assert issubclass(type(spec.build((1, 8, 8), 2, seed=0)), Network)
