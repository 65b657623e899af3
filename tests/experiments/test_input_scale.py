"""Inputs of another scale: what an arm sees, and what BN must not notice."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bnbook import data
from bnbook.data import Dealt
from bnbook.experiments import input_scale
from bnbook.experiments.dissection import halved
from bnbook.experiments.input_scale import INPUTS, NORMS, Scales, measure, network, seen
from bnbook.stats import MIN_SEEDS
from bnbook.train.batches import Batches

PLAN = input_scale.plan("book")
SMALL = Scales("mnist-5k", (4, 16), (0.03, 0.3), (100,), judges=200)


@pytest.fixture(scope="module")
def dealt() -> Dealt:
    kept, _ = halved(data.load("mnist-5k")).apart()
    return Dealt.of(kept, (0, 1))


@pytest.mark.parametrize("part", ["train", "test"])
def test_an_arm_sees_the_pixels_as_it_says(dealt: Dealt, part: str) -> None:
    portion = getattr(dealt, part)
    raw = portion.x[portion.rows[1]]
    trained = dealt.train.x[dealt.train.rows[1]].double()
    z = ((raw - trained.mean()) / trained.std(correction=0)).float()
    expected = {"standardised": z, "0 to 1": raw / 255, "off centre": z + 1}
    for inputs in INPUTS:
        found, _ = seen(portion, inputs)[slice(None)]
        torch.testing.assert_close(found[1], expected[inputs], atol=1e-5, rtol=1e-5)
    assert float((raw / 255).min()) >= 0
    assert 0.9 < float((raw / 255).max()) <= 1


def test_bn_does_not_see_that_its_pictures_are_off_centre() -> None:
    # W(x + c) = Wx + Wc, and a constant for each unit is what BN takes out, forward and backward
    found = [
        measure(SMALL, {"inputs": i, "norm": "batch"}, (0,)) for i in ("standardised", "off centre")
    ]
    np.testing.assert_array_equal(found[0].tuned_rate, found[1].tuned_rate)
    np.testing.assert_allclose(found[0].accuracy, found[1].accuracy, atol=0.011)  # two in 200


@pytest.mark.parametrize("inputs", INPUTS)
def test_an_arm_without_bn_is_torchs_own_training(inputs: str) -> None:
    alone = Scales("mnist-5k", (12,), (0.1, 0.1001), (100,), judges=200)
    found = measure(alone, {"inputs": inputs, "norm": "none"}, (0,))
    kept, _ = halved(data.load("mnist-5k")).apart()
    split = kept.split(0)
    train, test = (
        {
            "standardised": s.x,
            "off centre": s.x + 1,
            "0 to 1": kept.pool.x[rows] / 255,
        }[inputs].flatten(1)
        for s, rows in (
            (split.train, kept.pool.deal(0).train),
            (split.test, kept.pool.deal(0).test),
        )
    )
    same = network("none").build((1, 14, 14), 10, seed=0)
    layers = [torch.nn.Linear(a, b) for a, b in ((196, 48), (48, 48), (48, 48), (48, 10))]
    for mine, name in zip(layers, same.weight_names(), strict=True):
        mine.weight.data.copy_(same.get_parameter(name))
        mine.bias.data.zero_()
    net = torch.nn.Sequential(
        *(each for layer in layers[:-1] for each in (layer, torch.nn.ReLU())), layers[-1]
    )
    optimizer = torch.optim.SGD(net.parameters(), float(found.tuned_rate[0]))
    batches = Batches(split.train.y[None], 32, [0])
    for step in range(12):
        rows = batches[step][0]
        optimizer.zero_grad()
        F.cross_entropy(net(train[rows]), split.train.y[rows]).backward()
        optimizer.step()
    right = (net(test[:200]).argmax(1) == split.test.y[:200]).float().mean()
    assert float(found.accuracy[0, -1]) == pytest.approx(float(right), abs=0.006)  # one in 200


def test_all_arms_are_tuned_alike_on_seeds_that_do_not_judge() -> None:
    assert len(PLAN.seeds) >= MIN_SEEDS
    assert not set(PLAN.seeds) & set(PLAN.settings.tuning)
    assert len(PLAN.factors) == len(INPUTS) * len(NORMS)


def test_every_arm_begins_with_the_same_weights() -> None:
    nets = [network(norm).build((1, 14, 14), 10, seed=3) for norm in NORMS]
    for name in nets[0].weight_names():
        torch.testing.assert_close(nets[0].get_parameter(name), nets[1].get_parameter(name))
