"""Residual networks with any branch and vision transformers are what their specifications say."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bnbook import norms
from bnbook.folding import fold
from bnbook.nets import NetError, Network, Residual, Spec, Trace, ViT
from bnbook.nets.residual import BRANCHES, SCALE

DENSE = Residual(6, 3)
CONVOLUTIONAL = Residual(4, 2, convolutional=True)
TRANSFORMER = ViT(patch=2, width=8, hidden=12, blocks=2, heads=2)
SPECS = [DENSE, CONVOLUTIONAL, TRANSFORMER]
SHAPE = (2, 6, 6)


def built(spec: Spec, seed: int = 1) -> Network:
    """In float64, with random parameters: a gain of 0 would hide its branch."""
    net = spec.build(SHAPE, 5, seed).double()
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.3 * torch.randn_like(p))
    return net


@pytest.mark.parametrize("branch", BRANCHES)
@pytest.mark.parametrize("convolutional", [False, True])
def test_a_residual_network_is_the_sum_of_its_branches(branch: str, convolutional: bool) -> None:
    spec = Residual(4, 3, branch, convolutional, "tanh", "batch")
    net: Any = built(spec)
    x = torch.randn(9, *SHAPE, dtype=torch.float64)

    def layer(a: Tensor, part: Any) -> Tensor:
        z = F.conv2d(a, part.linear.weight, padding=1) if convolutional else part.linear(a)
        return F.batch_norm(z, None, None, part.norm.weight, part.norm.bias, training=True)

    h = layer(x if convolutional else x.flatten(1), net.stem)
    for i, block in enumerate(net.blocks):
        beta = math.sqrt(1 + i * SCALE**2) if branch == "scaled" else 1
        a = torch.tanh(h / beta)
        if convolutional and i == 1:
            h, a = F.avg_pool2d(h, 2), F.avg_pool2d(a, 2)
        gain = {"plain": 1, "scaled": SCALE}.get(branch, block.gain)
        h = h + gain * layer(torch.tanh(layer(a, block.first)), block.second)
    beta = math.sqrt(1 + 3 * SCALE**2) if branch == "scaled" else 1
    a = torch.tanh(h / beta)
    torch.testing.assert_close(net(x), net.head(a.flatten(1)))


def test_rezero_starts_as_its_first_layer_and_fixup_with_logits_of_zero() -> None:
    x = torch.randn(7, *SHAPE)
    rezero: Any = replace(DENSE, branch="rezero").build(SHAPE, 5, 0)
    plain: Any = DENSE.build(SHAPE, 5, 0)
    torch.testing.assert_close(rezero(x), plain.head(F.relu(plain.stem.linear(x.flatten(1)))))
    fixup: Any = replace(DENSE, branch="fixup").build(SHAPE, 5, 0)
    assert not fixup(x).any()
    assert not any(block.second.linear.weight.any() for block in fixup.blocks)
    first = plain.blocks[0].first.linear.weight / math.sqrt(DENSE.blocks)
    torch.testing.assert_close(fixup.blocks[0].first.linear.weight, first)


def test_scaled_branches_keep_the_variance_that_they_reckon_with() -> None:
    spec = Residual(512, 12, "scaled", norm="scaled-weight-std")
    net = spec.build((1, 32, 32), 10, 0)
    x = torch.randn(64, 1, 32, 32)
    trace: Any = net(x / x.flatten(1).std(1)[:, None, None, None], trace=True)
    found = [h.detach().var(0).mean() for h in (trace.inputs[0], trace.inputs[-1])]
    assert float(found[1] / found[0]) == pytest.approx(1 + 12 * SCALE**2, rel=0.1)


def oracle(net: Any, x: Tensor) -> Tensor:
    """The same transformer of torch's own layers, normalised before each branch."""
    width = net.embedding.out_features
    t = F.unfold(x, 2, stride=2).transpose(1, 2)
    t = F.linear(t, net.embedding.weight, net.embedding.bias) + net.places
    for block in net.blocks:
        twin: Any = nn.TransformerEncoderLayer(
            width, 2, 12, dropout=0.0, batch_first=True, norm_first=True
        ).double()
        attention = {"in_proj_weight": block.qkv.weight, "in_proj_bias": block.qkv.bias}
        attention |= {f"out_proj.{n}": p for n, p in block.projection.named_parameters()}
        twin.self_attn.load_state_dict(attention)
        for own, its in (("first", "linear1"), ("second", "linear2")):
            getattr(twin, its).load_state_dict(getattr(block, own).state_dict())
        for own, its in (("before_attention", "norm1"), ("before_mlp", "norm2")):
            getattr(twin, its).load_state_dict(getattr(block, own).state_dict())
        t = twin(t)
    pooled = t.mean(1)
    final = net.before_head
    return net.head(F.layer_norm(pooled, (width,), final.weight, final.bias))


def test_a_vision_transformer_equals_the_same_one_of_torch_modules() -> None:
    net = built(TRANSFORMER)
    x = torch.randn(5, *SHAPE, dtype=torch.float64)
    torch.testing.assert_close(net(x), oracle(net, x))


def test_a_transformer_normalises_a_channel_over_all_tokens_of_the_batch() -> None:
    net: Any = built(replace(TRANSFORMER, norm="batch"))
    x = torch.randn(5, *SHAPE, dtype=torch.float64)
    seen: list[Tensor] = []
    net.blocks[0].qkv.register_forward_pre_hook(lambda m, given: seen.append(given[0]))
    norm = net.blocks[0].before_attention
    net(x)
    assert seen[0].shape == (5 * 9, 8)
    torch.testing.assert_close(seen[0].mean(0), norm.bias)


def test_a_rezero_transformer_starts_without_branches() -> None:
    net: Any = replace(TRANSFORMER, branch="rezero", norm="none").build(SHAPE, 5, 0)
    x = torch.randn(3, *SHAPE)
    pooled = (net.embedding(net.patches(x)).unflatten(0, (3, -1)) + net.places).mean(1)
    torch.testing.assert_close(net(x), net.head(pooled))


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_a_trace_has_an_entry_for_each_linear_map_but_the_head(spec: Any, norm: str) -> None:
    net = replace(spec, norm=norm).build(SHAPE, 5, 0)
    x = torch.randn(7, *SHAPE)
    trace = net(x, trace=True)
    assert isinstance(trace, Trace)
    weights = [net.get_parameter(name) for name in net.weight_names()]
    assert weights[-1] is net.head.weight
    for site in ("linear", "inputs", "outputs"):
        found = getattr(trace, site)
        assert [h.shape[:2] for h in found] == [(7, len(w)) for w in weights[:-1]]
    torch.testing.assert_close(trace.logits, net(x))


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_no_other_parameter_decides_what_a_normaliser_makes_constant(spec: Any) -> None:
    """Where BN reads all that a bias is added to, there is no bias: its gradient would be 0."""
    net = replace(spec, norm="batch", activation="tanh").build(SHAPE, 5, 0).double()
    x, y = torch.randn(16, *SHAPE, dtype=torch.float64), torch.arange(16) % 5
    F.cross_entropy(net(x), y).backward()
    for name, p in net.named_parameters():
        if name.endswith("bias") and "norm" not in name and "before" not in name:
            assert p.grad is not None
            assert p.grad.abs().max() > 1e-10, name


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("norm", ["batch", "frozen", "ghost", "scaled-weight-std"])
def test_a_network_folds_inside_its_branches(spec: Any, norm: str) -> None:
    if spec is TRANSFORMER and norm == "scaled-weight-std":
        pytest.skip("a transformer has no such normaliser")
    net = built(replace(spec, norm=norm, activation="tanh", branch="rezero"))
    with torch.no_grad():
        for _ in range(3):
            net(1 + 2 * torch.randn(16, *SHAPE, dtype=torch.float64))
    net.eval()
    x = torch.randn(9, *SHAPE, dtype=torch.float64)
    folded = fold(net)
    torch.testing.assert_close(folded(x), net(x), rtol=1e-11, atol=1e-11)
    kept = {type(m).__name__ for m in folded.modules() if isinstance(m, norms.Norm)}
    assert kept <= {"NoNorm", "Folded"}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Residual(0, 2), "width"),
        (lambda: Residual(4, 0), "blocks"),
        (lambda: Residual(4, 2, "rezerro"), "rezero"),
        (lambda: Residual(4, 2, input_shrink=2), "dense"),
        (lambda: Residual(4, 2, norm="bacth"), "batch"),
        (lambda: Residual(4, 2, convolutional=True).build((1, 1, 1), 2, 0), "halved"),
        (lambda: ViT(heads=3), "heads"),
        (lambda: ViT(blocks=0), "1 or more"),
        (lambda: ViT(branch="fixup"), "branch"),
        (lambda: ViT(norm="weight-std"), "Residual"),
        (lambda: ViT(patch=4).build(SHAPE, 2, 0), "divisor"),
        (lambda: ViT().build((9,), 2, 0), "channels, height, width"),
    ],
)
def test_an_impossible_network_says_what_is_wrong(make: Any, says: str) -> None:
    with pytest.raises((NetError, norms.NormError), match=says):
        make()
