"""A group trains at the rate that tuning finds, with the schedule and the order it was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bnbook import data, probes
from bnbook.nets import MLP
from bnbook.train import SGD, Arm, Batches, Member, Plan, PlanError, Population, StepDecay, Tuned
from bnbook.train.loop import train
from bnbook.train.tuning import tuned

NET = MLP((16,))
LOOK = (probes.get("accuracy")(),)


def plan(arms: tuple[Arm, ...], steps: int = 20, looks: tuple[int, ...] = (0, 20)) -> Plan:
    return Plan("mnist-5k", arms, (0, 1), steps, LOOK, looks)


def test_the_tuned_rate_is_the_one_whose_separate_runs_are_right_most_often() -> None:
    how = Tuned(rates=(1e-4, 0.2, 1e4), seeds=(7, 8), steps=30)
    (group,) = plan((Arm({"kind": "a"}, NET, how, 32),)).tasks()
    aside = data.load("mnist-5k").apart()[1]

    def accuracy(rate: float, seed: int) -> float:
        held = aside.split(seed)
        net = NET.build((1, 28, 28), 10, seed)
        rule = torch.optim.SGD(net.parameters(), rate)
        batches = Batches(held.train.y, 32, [seed])
        for step in range(30):
            rows = batches[step][0]
            rule.zero_grad()
            F.cross_entropy(net(held.train.x[rows]), held.train.y[rows]).backward()
            rule.step()
        return float((net(held.test.x).argmax(1) == held.test.y).float().mean())

    best = max(how.rates, key=lambda rate: accuracy(rate, 7) + accuracy(rate, 8))
    record = train(group)
    assert best == 0.2
    assert (record.learning_rate == best).all()


def test_all_arms_of_a_plan_that_tunes_one_leave_its_examples_alone() -> None:
    tuned_arm = Arm({"kind": "tuned"}, NET, Tuned(rates=(0.1, 0.2), seeds=(7,), steps=5), 32)
    both = plan((tuned_arm, Arm({"kind": "given"}, MLP((8,)), 0.1, 32))).tasks()
    assert [group.apart for group in both] == [True, True]
    (alone,) = plan((Arm({"kind": "given"}, MLP((8,)), 0.1, 32),)).tasks()
    assert not alone.apart


def test_an_arm_that_trains_at_no_rate_says_so() -> None:
    how = Tuned(rates=(1e30, 1e35), seeds=(7,), steps=5)
    (group,) = plan((Arm({"kind": "wild"}, NET, how, 32),)).tasks()
    with pytest.raises(PlanError, match="'wild': it trains at none"):
        tuned(group, data.load("mnist-5k").apart()[1])


def test_a_group_whose_rate_is_not_tuned_yet_cannot_train() -> None:
    how = Tuned(rates=(0.1, 0.2), seeds=(7,), steps=5)
    with pytest.raises(PlanError, match="not been tuned"):
        Population(NET, SGD(), 32, [Member("a", 0, how)], data.load("mnist-5k"))


def test_step_decay_is_torchs_multi_step_schedule() -> None:
    steps, schedule = 8, StepDecay(at=(0.5, 0.75), by=0.1)
    rule = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    expected = torch.optim.lr_scheduler.MultiStepLR(rule, milestones=[4, 6], gamma=0.1)
    population = Population(
        NET, SGD(), 8, [Member("a", 0, 0.3)], data.load("mnist-5k"), steps=steps, schedule=schedule
    )
    for _ in range(steps):
        assert float(population.learning_rate) == pytest.approx(expected.get_last_lr()[0])
        population.step()
        rule.step()
        expected.step()


def test_after_its_own_last_step_an_arm_shows_nothing() -> None:
    arms = (Arm({"kind": "short"}, NET, 0.1, 16, steps=5), Arm({"arm_is": "long"}, NET, 0.1, 16))
    groups = {g.members[0].arm: g for g in plan(arms, looks=(0, 4, 20)).tasks()}
    short, long = train(groups["short"]), train(groups["long"])
    assert short.step.values.tolist() == [0, 4, 5]
    assert long.step.values.tolist() == [0, 4, 20]
    assert (short.steps == 5).all()
    np.testing.assert_array_equal(
        short.accuracy.sel(step=4).values[0], long.accuracy.sel(step=4).values[0]
    )


@dataclass(frozen=True)
class Ascending:
    """The examples as they stand."""

    def __call__(self, labels: Tensor, batch_size: int, generator: torch.Generator) -> Tensor:
        return torch.arange(len(labels) // batch_size * batch_size)


@dataclass(frozen=True)
class Brighter:
    """Adds seed and step to every pixel."""

    def __call__(self, x: Tensor, seeds: Sequence[int], step: int) -> Tensor:
        return x + torch.tensor(seeds).view(-1, 1, 1, 1, 1) + step


def test_batches_are_what_the_sampler_orders_and_the_augmentation_makes_of_them() -> None:
    whole = data.load("mnist-5k")
    members = [Member("a", 3, 0.1), Member("a", 5, 0.1)]
    population = Population(
        NET, SGD(), 4, members, whole, sampler=Ascending(), augmentation=Brighter()
    )
    population.step()
    x, y = population.next_batch()
    torch.testing.assert_close(x[1], whole.split(5).train.x[4:8] + 5 + 1)
    assert torch.equal(y[0], whole.split(3).train.y[4:8])
