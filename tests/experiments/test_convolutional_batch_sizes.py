"""Batch sizes of convolutions: an arm against torch's own modules, and a fair plan."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bnbook import data, experiments
from bnbook.experiments import convolutional_batch_sizes
from bnbook.experiments.batch_sizes_adam import accuracies
from bnbook.experiments.convolutional_batch_sizes import NORMS, SIZES
from bnbook.experiments.dissection import halved
from bnbook.stats import MIN_SEEDS
from bnbook.train.batches import Batches

PLAN = convolutional_batch_sizes.plan("book")
SMALL = replace(PLAN.settings, examples=160, rates=(0.03, 0.1), tuning=(100,))
CHANNELS = (1, 8, 16, 32)


def normaliser(norm: str, channels: int) -> nn.Module:
    if norm == "none":
        return nn.Identity()
    return nn.BatchNorm2d(channels) if norm == "batch" else nn.GroupNorm(4, channels)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("m", [2, 8])
def test_an_arm_is_torchs_sgd_on_torchs_layers(norm: str, m: int) -> None:
    kept, _ = halved(data.load("mnist-5k")).apart()
    found = accuracies(SMALL, {"norm": norm, "m": m}, (0,), (0.03,), kept)
    split = kept.split(0)
    ours = SMALL.network(norm).build((1, 14, 14), 10, seed=0)
    *weights, head_weight = map(ours.get_parameter, ours.weight_names())
    parts: list[nn.Module] = []
    for below, above, weight in zip(CHANNELS[:-1], CHANNELS[1:], weights, strict=True):
        convolution = nn.Conv2d(below, above, 3, padding=1)
        convolution.weight.data.copy_(weight)
        assert convolution.bias is not None
        nn.init.zeros_(convolution.bias)
        parts += [convolution, normaliser(norm, above), nn.ReLU(), nn.MaxPool2d(2)]
    head = nn.Linear(32, 10)
    head.weight.data.copy_(head_weight)
    nn.init.zeros_(head.bias)
    net = nn.Sequential(*parts, nn.Flatten(), head)
    optimizer = torch.optim.SGD(net.parameters(), 0.03)
    batches = Batches(split.train.y[None], m, [0])
    for step in range(160 // m):
        rows = batches[step][0]
        optimizer.zero_grad()
        F.cross_entropy(net(split.train.x[rows]), split.train.y[rows]).backward()
        optimizer.step()
    net.eval()
    right = (net(split.test.x).argmax(1) == split.test.y).float().mean()
    assert float(found[0, 0]) == pytest.approx(float(right), abs=0.02)  # rounding turns a few


def test_every_size_sees_equally_many_examples_and_the_seeds_of_tuning_do_not_judge() -> None:
    for scale in experiments.get("convolutional-batch-sizes").scales[1:]:
        plan = convolutional_batch_sizes.plan(scale)
        assert all(plan.settings.examples % m == 0 for m in SIZES)
        assert not set(plan.seeds) & set(plan.settings.tuning)
        assert len(plan.seeds) >= MIN_SEEDS
        assert len(plan.factors) == len(NORMS) * len(SIZES)
