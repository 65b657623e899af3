"""Batch sizes under Adam: an arm against torch's own modules, and a fair plan."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from bnbook import data
from bnbook.experiments import batch_sizes_adam
from bnbook.experiments.batch_sizes_adam import NORMS, SIZES, accuracies, measure
from bnbook.experiments.dissection import halved
from bnbook.stats import MIN_SEEDS
from bnbook.train.batches import Batches

PLAN = batch_sizes_adam.plan("book")
SMALL = replace(PLAN.settings, examples=160, rates=(0.003, 0.01), tuning=(100,))
NORMALISERS = {
    "none": torch.nn.Identity,
    "batch": torch.nn.BatchNorm1d,
    "layer": torch.nn.LayerNorm,
}


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("m", [2, 8])
def test_an_arm_is_torchs_adam_on_torchs_layers(norm: str, m: int) -> None:
    kept, _ = halved(data.load("mnist-5k")).apart()
    found = accuracies(SMALL, {"norm": norm, "m": m}, (0,), (0.003,), kept)
    split = kept.split(0)
    same = SMALL.network(norm).build((1, 14, 14), 10, seed=0)
    parts: list[torch.nn.Module] = []
    sizes = ((196, 64), (64, 64), (64, 10))
    for (a, b), name in zip(sizes, same.weight_names(), strict=True):
        # a bias before BN is redundant, but Adam walks it about: ours have none there
        linear = torch.nn.Linear(a, b, bias=norm != "batch" or b == 10)
        linear.weight.data.copy_(same.get_parameter(name))
        if linear.bias is not None:
            linear.bias.data.zero_()
        parts += [linear, NORMALISERS[norm](b), torch.nn.ReLU()] if b == 64 else [linear]
    net = torch.nn.Sequential(*parts)
    optimizer = torch.optim.Adam(net.parameters(), 0.003)
    batches = Batches(split.train.y[None], m, [0])
    for step in range(160 // m):
        rows = batches[step][0]
        optimizer.zero_grad()
        F.cross_entropy(net(split.train.x[rows].flatten(1)), split.train.y[rows]).backward()
        optimizer.step()
    net.eval()
    right = (net(split.test.x.flatten(1)).argmax(1) == split.test.y).float().mean()
    # rounding, which Adam magnifies where a gradient is nearly 0, may turn a few of 800
    assert float(found[0, 0]) == pytest.approx(float(right), abs=0.02)


def test_every_size_sees_equally_many_examples() -> None:
    for m in SIZES:
        assert PLAN.settings.examples % m == 0
    kept, _ = halved(data.load("mnist-5k")).apart()
    assert PLAN.settings.examples == len(kept.train)


def test_a_rate_at_which_all_diverges_is_not_taken() -> None:
    wild = replace(SMALL, rates=(0.003, 1e30))
    found = measure(wild, {"norm": "none", "m": 8}, (0, 1))
    assert (found.tuned_rate == torch.tensor(0.003).item()).all()
    kept, _ = halved(data.load("mnist-5k")).apart()
    lost = accuracies(wild, {"norm": "none", "m": 8}, (0,), (1e30,), kept)
    assert float(lost[0, 0]) == pytest.approx(0.1)


def test_all_arms_are_tuned_alike_on_seeds_that_do_not_judge() -> None:
    assert len(PLAN.seeds) >= MIN_SEEDS
    assert not set(PLAN.seeds) & set(PLAN.settings.tuning)
    assert len(PLAN.factors) == len(NORMS) * len(SIZES)
