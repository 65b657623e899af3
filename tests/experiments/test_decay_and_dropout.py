"""Regularisers beside BN: arms that differ in what they say, against a plain loop of torch."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bnbook import data
from bnbook.experiments.decay_and_dropout import (
    ARMS,
    DECAY,
    DROPOUT,
    Few,
    _trained,
    network,
    scores,
)
from bnbook.experiments.dissection import halved
from bnbook.train import Batches

FEW = Few("mnist-5k", 6, 100, batch_size=50, widths=(20, 20))


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_arms_of_a_normaliser_differ_in_dropout_alone(norm: str) -> None:
    alone, dropout, decay, both = (network(FEW, arm) for arm in ARMS if arm["norm"] == norm)
    assert decay == alone
    assert both == dropout == replace(alone, dropout=DROPOUT)


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_decayed_networks_are_those_of_a_plain_loop_of_torch(norm: str) -> None:
    kept, _ = halved(data.load(FEW.data)).apart()
    arm = {"norm": norm, "beside": "decay"}
    found = _trained(FEW, arm, (4,), (0.3,), kept)
    digits = kept.split(4)
    x, y = digits.train.x[: FEW.examples].flatten(1), digits.train.y[: FEW.examples]
    ours = network(FEW, arm).build(digits.input_shape, 10, 4)
    layers: list[nn.Module] = []
    for each in ours.layers:
        linear = each.get_submodule("linear")
        layers += [linear, *([nn.BatchNorm1d(20)] if norm == "batch" else []), nn.ReLU()]
    net = nn.Sequential(*layers, ours.head)
    rule = torch.optim.SGD(net.parameters(), 0.3, weight_decay=DECAY)
    batches = Batches(y, FEW.batch_size, [4])
    for step in range(FEW.steps):
        rows = batches[step][0]
        rule.zero_grad()
        F.cross_entropy(net(x[rows]), y[rows]).backward()
        rule.step()
    for each in net:  # precise statistics: those of all that it trained on
        if isinstance(each, nn.BatchNorm1d):
            each.momentum = 1.0
    with torch.no_grad():
        net(x)
        logits = net.eval()(digits.test.x.flatten(1))
    loss, right = scores(found, "test")
    assert float(loss[0]) == pytest.approx(float(F.cross_entropy(logits, digits.test.y)), rel=0.01)
    accuracy = float((logits.argmax(1) == digits.test.y).float().mean())
    assert float(right[0]) == pytest.approx(accuracy, abs=0.01)


def test_a_network_that_has_diverged_knows_as_much_as_chance() -> None:
    kept, _ = halved(data.load(FEW.data)).apart()
    lost = _trained(FEW, {"norm": "none", "beside": "alone"}, (0,), (1e9,), kept)
    loss, right = scores(lost, "test")
    assert float(loss[0]) == pytest.approx(math.log(10))
    assert float(right[0]) == pytest.approx(0.1)


def test_dropout_is_not_there_when_a_network_is_scored() -> None:
    kept, _ = halved(data.load(FEW.data)).apart()
    found = _trained(FEW, {"norm": "batch", "beside": "both"}, (1,), (0.1,), kept)
    first, again = (scores(found, "test")[0] for _ in range(2))
    assert torch.equal(first, again)
