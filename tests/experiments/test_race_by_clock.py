"""The race by the clock is the first race of the book, and its clock counts steps and no tests."""

from __future__ import annotations

from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
from torch import nn

from bnbook import data, experiments
from bnbook.experiments import first_race
from bnbook.experiments import race_by_clock as race
from bnbook.study import Measurement
from bnbook.train import SGD, Member, Plan, Population

SMALL = race.Clock("mnist-5k", (0, 3, 12), (1, 2), widths=(16, 16, 16))


@pytest.fixture
def given_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "best_rate", lambda settings, norm: 2.0)


@pytest.mark.usefixtures("given_rate")
def test_torchs_own_layers_learn_as_the_networks_of_this_book() -> None:
    found = race.measure(SMALL, seed=3).accuracy
    kept, _ = data.load("mnist-5k").apart()
    test = kept.split(3).test
    for arm in race.ARMS:
        rate = 0.5 if arm["choice"] == "shared" else 2.0
        spec = race.network(SMALL, arm["norm"])
        population = Population(spec, SGD(), 60, [Member("one", 3, rate)], kept)
        for step in range(13):
            if step in SMALL.looks:
                with torch.no_grad():
                    right = population.network(0).eval()(test.x).argmax(1) == test.y
                here = float(found.sel(arm=", ".join(arm.values()), step=step))
                assert here == pytest.approx(float(right.float().mean()), abs=0.003)
            population.step()


@pytest.mark.usefixtures("given_rate")
def test_a_step_takes_what_the_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = count()
    monkeypatch.setattr("time.perf_counter", lambda: 0.25 * next(ticks))
    found = race.measure(SMALL, seed=0).step_time
    assert found.values.tolist() == [250.0] * 4  # two readings, a quarter of a second apart


def test_an_arm_with_bn_has_three_layers_more_and_the_same_weights() -> None:
    plain, normalized = (race.in_torch(SMALL, norm, (1, 28, 28), 5) for norm in ("none", "batch"))
    rest = [each for each in normalized if not isinstance(each, nn.BatchNorm1d)]
    assert len(normalized) == len(rest) + 3 == len(plain) + 3
    for one, other in zip(plain, rest, strict=True):
        if isinstance(one, nn.Linear) and isinstance(other, nn.Linear):
            assert torch.equal(one.weight, other.weight)


def test_it_is_tuned_as_the_first_race_is() -> None:
    for scale in ("smoke", "book"):
        clock, steps = experiments.get("race-by-clock").plan(scale), first_race.plan(scale)
        assert isinstance(clock, Measurement)
        assert isinstance(steps, Plan)
        arms = {arm.name: arm for arm in steps.arms}
        assert clock.settings.looks == steps.probe_steps
        assert clock.settings.tuning == (
            len(arms["glorot, tuned, none"].tuning.seeds),
            arms["glorot, tuned, none"].tuning.steps,
        )
        for arm in clock.factors:
            twin = arms[f"glorot, {arm['choice']}, {arm['norm']}"]
            assert replace(race.network(clock.settings, arm["norm"])) == twin.net
            assert twin.batch_size == clock.settings.batch_size
        assert arms["glorot, shared, none"].learning_rate == race.SHARED
        assert np.array_equal(arms["glorot, tuned, none"].tuning.rates, race.RATES)


def test_the_tuned_rate_is_the_first_races() -> None:
    small = replace(SMALL, widths=(100, 100, 100), tuning=(1, 5), specs=())
    found = experiments.run("first-race", "smoke", progress=False).learning_rate
    for norm in ("none", "batch"):
        there = float(found.sel(arm=f"glorot, tuned, {norm}")[0])
        assert race.best_rate(small, norm) == pytest.approx(there)
