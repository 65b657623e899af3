"""What the study of batch sizes compares, and at which moments it looks."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bnbook import data, experiments
from bnbook.experiments import batch_sizes
from bnbook.experiments.batch_sizes import Sizes, measure, possible
from bnbook.norms import NormError
from bnbook.streams import stream

SIZES = Sizes("mnist-5k", (16, 16), examples=12, steps=3, rates=(0.05, 0.2))


def test_arms_differ_in_normaliser_and_batch_size_only() -> None:
    plan = experiments.get("batch-sizes").plan("book")
    assert all(possible(arm["norm"], arm["m"]) for arm in plan.factors)
    assert {*range(1, 11), 16, 32, 64, 128} == {arm["m"] for arm in plan.factors}
    assert {arm["norm"] for arm in plan.factors} == set(batch_sizes.OPTIONS)


def test_training_with_bn_on_one_example_is_explained() -> None:
    assert not possible("batch", 1)
    with pytest.raises(NormError, match=r"one value per\s+channel.*larger batch"):
        measure(SIZES, {"norm": "batch", "m": 1}, (0,))


@pytest.mark.parametrize("m", [2, 6])
def test_both_looks_are_those_of_a_plain_loop_at_equal_examples_and_equal_steps(m: int) -> None:
    found = measure(SIZES, {"norm": "none", "m": m}, (3,))
    for budget, steps in (("equal examples", 12 // m), ("equal steps", 3)):
        for rate in SIZES.rates:
            net, x, y = _plain(m, steps, rate)
            loss = F.cross_entropy(net(x), y).item()
            seen = found.loss.sel(
                budget=budget, rate=rate, seed=0, split="test", statistics="batch"
            )
            assert float(seen) == pytest.approx(loss, rel=1e-4)


def _plain(m: int, steps: int, rate: float) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """The network of seed 3 after so many steps of torch's own SGD, and the test examples."""
    from bnbook.nets import MLP

    whole = data.load("mnist-5k").apart()[0].split(3)
    net = MLP((16, 16), "relu", "none").build(whole.input_shape, 10, 3)
    order = torch.randperm(len(whole.train), generator=stream("order", 3, 0))
    optimizer = torch.optim.SGD(net.parameters(), rate)
    for chosen in order.split(m)[:steps]:
        optimizer.zero_grad()
        F.cross_entropy(net(whole.train.x[chosen]), whole.train.y[chosen]).backward()
        optimizer.step()
    return net, whole.test.x, whole.test.y


def test_the_gradient_is_autograds_on_the_first_batch() -> None:
    found = measure(SIZES, {"norm": "none", "m": 4}, (3,)).gradient
    net, *_ = _plain(4, 0, 0.05)
    whole = data.load("mnist-5k").apart()[0].split(3)
    order = torch.randperm(len(whole.train), generator=stream("order", 3, 0))[:4]
    F.cross_entropy(net(whole.train.x[order]), whole.train.y[order]).backward()
    norm = next(net.parameters()).grad.norm().item()
    assert found.values == pytest.approx(norm, rel=1e-5)


def test_a_network_that_diverged_has_the_accuracy_of_chance_and_no_loss() -> None:
    wild = Sizes("mnist-5k", (16, 16), examples=20, steps=20, rates=(0.05, 1e6))
    found = measure(wild, {"norm": "none", "m": 1}, (0,)).sel(
        rate=1e6, budget="equal steps", seed=0
    )
    assert found.accuracy.values == pytest.approx(0.1)
    assert bool(found.loss.isnull().all())
    assert math.isclose(float(found.validation), 0.1, rel_tol=1e-6)
