"""The cloud of two hidden units: against torch's own layers, and clouds whose motion is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bnbook import data
from bnbook.experiments import internal_shift, two_units
from bnbook.experiments.two_units import (
    BATCH_SIZE,
    LEARNING_RATE,
    Watched,
    centre_steps,
    correlation,
    given,
    measure,
    network,
)
from bnbook.stats import MIN_SEEDS
from bnbook.train import SGD, Member
from bnbook.train.population import Population

SMALL = Watched("mnist-5k", (0, 3), 40)


def test_the_centre_moves_in_units_of_the_spread_before() -> None:
    cloud = torch.tensor([[0.0, 1.0], [0.0, -1.0], [1.0, 0.0], [-1.0, 0.0]], dtype=torch.float64)
    looks = torch.stack([2 * cloud, 2 * cloud + torch.tensor([6.0, 8.0]), cloud])
    # spreads 2, 2, 1; the centre goes 10 away and 10 back
    np.testing.assert_allclose(centre_steps(looks[None]), [[0.0, 5.0, 5.0]])


def test_the_correlation_is_numpys() -> None:
    value = torch.randn(2, 3, 50, 2, generator=torch.Generator().manual_seed(0)).double()
    value[..., 1] += 0.7 * value[..., 0] + 5
    expected = [[np.corrcoef(look.T)[0, 1] for look in member] for member in value.numpy()]
    np.testing.assert_allclose(correlation(value), expected, rtol=1e-12)


@pytest.mark.parametrize("norm", two_units.NORMS)
def test_what_is_watched_is_the_input_of_the_second_sigmoid(norm: str) -> None:
    members = [Member(norm, seed, LEARNING_RATE) for seed in (0, 1)]
    population = Population(network(norm), SGD(), BATCH_SIZE, members, data.load("mnist-5k"))
    for _ in range(3):
        population.step()
    found, net = given(population, 40)[1], population.network(1)
    # z of the second layer by hand, over the held-out examples that probes look at
    x, _ = population.snapshot().examples("test")
    x = population.snapshot().whole_batches(x)[1].flatten(1)
    state = net.state_dict()
    names = net.weight_names()
    for layer in (0, 1):
        weight = state[names[layer]]
        bias = state.get(names[layer].replace("weight", "bias"), torch.zeros(len(weight)))
        x = x @ weight.T + bias
        if norm == "batch":
            prefix = names[layer].replace("linear.weight", "norm.")
            x = (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt()
            x = x * state[prefix + "weight"] + state[prefix + "bias"]
        z, x = x, x.sigmoid()
    torch.testing.assert_close(found, z[:40, :2], atol=1e-4, rtol=1e-4)


def test_bn_at_the_start_has_its_cloud_at_the_origin() -> None:
    whole = Watched("mnist-5k", (0,), 10_000)
    value = measure(whole, {"norm": "batch"}, (0,)).value
    np.testing.assert_allclose(value.mean("example"), 0, atol=1e-5)
    np.testing.assert_allclose(value.std("example"), 1, atol=1e-2)


def test_labels_are_those_of_the_examples_watched() -> None:
    found = measure(SMALL, {"norm": "none"}, (0, 1))
    whole = data.load("mnist-5k")
    for i, seed in enumerate((0, 1)):
        expected = whole.split(seed).test.y[:40]
        np.testing.assert_array_equal(found.label[i], expected)


def test_the_plan_has_the_network_of_the_chapter_and_enough_seeds() -> None:
    plan = two_units.plan("book")
    theirs = {arm.factors["norm"]: arm for arm in internal_shift.plan("book").arms}
    for norm in two_units.NORMS:
        assert network(norm) == theirs[norm].net
    assert (LEARNING_RATE, BATCH_SIZE) == (theirs["none"].learning_rate, theirs["none"].batch_size)
    assert len(plan.seeds) >= MIN_SEEDS
