"""Multiples of the plain network's best rate: which that is, and that training is the usual."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bnbook import data, experiments, norms
from bnbook.experiments import multiplied_rates
from bnbook.experiments.multiplied_rates import MULTIPLES, PLAIN, SETTINGS
from bnbook.study import Comparison
from bnbook.train import SGD, Member
from bnbook.train.population import Population


def small() -> multiplied_rates.Race:
    plan = multiplied_rates.plan("smoke")
    assert isinstance(plan, Comparison)
    return replace(plan.settings, looks=(0, 6), rates=(1e-6, 0.2), judges=200)


def test_the_plain_network_chooses_the_rate_that_learns_and_the_others_are_its_multiples() -> None:
    long = replace(small(), looks=(0, 80))
    found = multiplied_rates.measure(long, {"activation": "relu"}, (0, 1))
    rates = dict(zip(SETTINGS, found["rate"].isel(seed=0).values, strict=True))
    assert rates[PLAIN] == pytest.approx(0.2)
    expected = [0.2 * times for times in MULTIPLES]
    np.testing.assert_allclose([rates[name] for name in SETTINGS[1:]], expected, rtol=1e-6)
    assert found["accuracy"].dims == ("seed", "setting", "step")


def test_accuracy_is_that_of_a_loop_in_plain_torch() -> None:
    race, seed = small(), 1
    found = multiplied_rates.measure(race, {"activation": "sigmoid"}, (seed,))
    rate = float(found["rate"].sel(setting=PLAIN)[0])
    kept, _ = data.load(race.data).apart()
    spec = race.network("sigmoid", PLAIN)
    population = Population(spec, SGD(), race.batch_size, [Member("a", seed, rate)], kept)
    net = spec.build(kept.input_shape, len(kept.classes), seed)
    for _ in range(6):
        x, y = (each[0] for each in population.next_batch())
        gradients = torch.autograd.grad(F.cross_entropy(net(x), y), list(net.parameters()))
        with torch.no_grad():
            for weight, gradient in zip(net.parameters(), gradients, strict=True):
                weight.sub_(rate * gradient)
        population.step()
    x, y = (each[0] for each in population.data.test[slice(race.judges)])
    with torch.no_grad(), norms.using(net, "population"):
        right = (net(x).argmax(1) == y).double().mean()
    last = found["accuracy"].sel(setting=PLAIN).isel(step=-1, seed=0)
    assert float(last) == pytest.approx(float(right), abs=1 / race.judges)


def test_the_lab_and_the_papers_have_networks_that_fit_their_images() -> None:
    experiment = experiments.get("multiplied-rates")
    for scale, pixels in (("book", 28), ("lab", 32), ("paper", 32)):
        channels = 1 if scale == "book" else 3
        plan = experiment.plan(scale)
        assert isinstance(plan, Comparison)
        for spec in plan.settings.specs:
            spec.build((channels, pixels, pixels), 10, 0)
