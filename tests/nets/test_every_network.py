"""What holds for every network of the package; one that is exported and not tried here is found."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from torch import nn

from bnbook import norms
from bnbook.folding import fold
from bnbook.nets import MLP, VGG, NetError, Network, Residual, ResNet, Spec, Trace, ViT
from bnbook.probes.base import ACTIVATION_SITES
from bnbook.study.runner import modules_of
from tests.nets.kinds import exported

SHAPE, CLASSES = (2, 8, 8), 3
SMALL: tuple[Any, ...] = (
    MLP((6, 5)),
    VGG(((4, 1), (6, 2))),
    ResNet(8, 0.25, "project"),
    Residual(5, 2),
    Residual(4, 2, convolutional=True),
    ViT(2, 4, 6, 1, 2),
)
"""One of each kind, or one of each way in which a kind is built, without a normaliser."""


def built(spec: Any, norm: str, seed: int = 1) -> Network:
    net: Network = replace(spec, norm=norm).build(SHAPE, CLASSES, seed)
    return net


def test_every_network_is_tried_here() -> None:
    missing = exported() - set(map(type, SMALL))
    assert not missing, f"add a small one to SMALL above: {missing}"


@pytest.mark.parametrize("spec", SMALL, ids=str)
def test_it_is_frozen_names_its_normaliser_and_builds_a_network(spec: Any) -> None:
    assert type(spec).__dataclass_params__.frozen
    assert {"norm", "norm_options"} <= {each.name for each in fields(spec)}
    with pytest.raises(ValueError, match="did you mean 'batch'"):
        replace(spec, norm="bacth")
    assert isinstance(spec, Spec)
    assert isinstance(built(spec, "batch"), Network)


@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
@pytest.mark.parametrize("spec", SMALL, ids=str)
def test_a_trace_has_an_entry_for_each_linear_map_but_the_head(spec: Any, norm: str) -> None:
    net = built(spec, norm)
    x = torch.randn(7, *SHAPE)
    trace = net(x, trace=True)
    assert isinstance(trace, Trace)
    units = [len(net.get_parameter(name)) for name in net.weight_names()]
    for site in ACTIVATION_SITES:
        assert [h.shape[:2] for h in getattr(trace, site)] == [(7, u) for u in units[:-1]], site
    assert trace.logits.shape == (7, CLASSES)
    torch.testing.assert_close(trace.logits, net(x))


@pytest.mark.parametrize("spec", SMALL, ids=str)
def test_weight_names_are_all_linear_maps(spec: Any) -> None:
    net = built(spec, "batch")
    linear = [n for n, m in net.named_modules() if isinstance(m, nn.Linear | nn.Conv2d)]
    assert sorted(net.weight_names()) == sorted(f"{name}.weight" for name in linear)


@pytest.mark.parametrize("spec", SMALL, ids=str)
def test_a_seed_fixes_the_weights_whatever_the_normaliser(spec: Any) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    plain = built(spec, "none")
    for norm in ("none", "batch", "layer", "noisy-batch"):
        net = built(spec, norm)
        for name in plain.weight_names():
            assert torch.equal(plain.get_parameter(name), net.get_parameter(name)), norm
    assert not torch.equal(plain.get_parameter(name), built(spec, "none", 2).get_parameter(name))
    assert torch.equal(torch.rand(3), expected), "the global generator was used"


@pytest.mark.parametrize("norm", ["batch", "frozen", "ghost", "weight-std", "whitening-zca"])
@pytest.mark.parametrize("spec", SMALL, ids=str)
def test_it_folds_to_the_same_function_without_normalisers(spec: Any, norm: str) -> None:
    try:
        net = built(spec, norm).double()
    except NetError:
        pytest.skip("it cannot have this normaliser, and says so")
    with torch.no_grad():
        for p in net.parameters():
            p.add_(0.3 * torch.randn_like(p))
        for _ in range(3):
            net(1 + 2 * torch.randn(16, *SHAPE, dtype=torch.float64))
    net.eval()
    x = torch.randn(9, *SHAPE, dtype=torch.float64)
    folded = fold(net)
    torch.testing.assert_close(folded(x), net(x), rtol=1e-11, atol=1e-11)
    kept = {type(m).__name__ for m in folded.modules() if isinstance(m, norms.Norm)}
    assert kept <= {"NoNorm", "Folded"}


@pytest.mark.parametrize("spec", SMALL, ids=str)
def test_a_record_depends_on_its_file_and_that_of_its_normaliser(spec: Any) -> None:
    named = set(modules_of(replace(spec, norm="batch")))
    assert {type(spec).__module__, "bnbook.norms.batch"} <= named
