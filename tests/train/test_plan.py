"""Plans refuse what cannot be carried out, and cover each arm and seed exactly once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnbook.nets import MLP
from bnbook.probes import get
from bnbook.train import Adam, Arm, Plan, PlanError, StepDecay, Tuned, log_spaced
from bnbook.train.plan import MEMBERS_PER_GROUP

NET = MLP((5,))
ARMS = (
    Arm({"kind": "slow"}, NET, 0.1, 16),
    Arm({"kind": "batch"}, MLP((5,), norm="batch"), 0.1, 16),
    Arm({"kind": "fast"}, NET, 0.2, 16),
    Arm({"kind": "adam"}, NET, 0.1, 16, Adam()),
    Arm({"kind": "small"}, NET, 0.1, 4),
)


def plan(**changes: object) -> Plan:
    settings = dict(
        data="mnist-5k",
        arms=ARMS,
        seeds=tuple(range(7)),
        steps=10,
        probes=(get("weight_norm")(),),
        probe_steps=(0, 10),
    )
    return Plan(**(settings | changes))  # type: ignore[arg-type]


def test_every_arm_and_seed_is_in_exactly_one_group() -> None:
    members = [(m.arm, m.seed) for group in plan().tasks() for m in group.members]
    assert sorted(members) == sorted((a.name, s) for a in ARMS for s in range(7))


def test_only_arms_that_differ_in_learning_rate_share_a_group() -> None:
    shared = [{m.arm for m in group.members} for group in plan().tasks()]
    assert {"slow", "fast"} in shared
    assert all(len(arms) == 1 or arms == {"slow", "fast"} for arms in shared)


def test_groups_are_small_enough_to_lose_little() -> None:
    assert max(len(group.members) for group in plan().tasks()) <= MEMBERS_PER_GROUP


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"arms": ()}, "at least one arm"),
        ({"seeds": ()}, "at least one arm"),
        ({"arms": (ARMS[0], ARMS[0])}, "must differ"),
        ({"seeds": (1, 1)}, "must not repeat"),
        ({"probe_steps": (0, 11)}, "outside"),
        ({"probe_steps": ()}, "probe steps"),
    ],
)
def test_an_impossible_plan_says_what_is_wrong(changes: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        plan(**changes)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_learning_rate_must_be_positive_and_finite(rate: float) -> None:
    with pytest.raises(PlanError, match="learning rate"):
        Arm({"kind": "a"}, NET, rate, 16)


def test_a_batch_holds_at_least_one_example() -> None:
    with pytest.raises(PlanError, match="batch size"):
        Arm({"kind": "a"}, NET, 0.1, 0)


@given(steps=st.integers(1, 100_000), count=st.integers(2, 60))
def test_log_spaced_steps_rise_from_none_to_all(steps: int, count: int) -> None:
    looks = log_spaced(steps, count)
    assert looks[0] == 0
    assert looks[-1] == steps
    assert list(looks) == sorted(set(looks))
    assert len(looks) <= count


TUNED = Tuned(rates=(0.01, 0.1), seeds=(100, 101), steps=5)


def test_a_tuned_arm_is_one_group_however_many_its_seeds() -> None:
    arms = (Arm({"kind": "tuned"}, NET, TUNED, 16), Arm({"arm_is": "twin"}, NET, TUNED, 16), *ARMS)
    groups = [g for g in plan(arms=arms, seeds=tuple(range(20))).tasks() if g.tuning]
    assert [{m.arm for m in g.members} for g in groups] == [{"tuned"}, {"twin"}]
    assert groups[0].work == 20 * 10 + 2 * 2 * 5


def test_tuning_on_the_seeds_of_the_study_is_refused() -> None:
    with pytest.raises(PlanError, match="tuned on seeds of the study"):
        plan(arms=(Arm({"kind": "tuned"}, NET, replace(TUNED, seeds=(3,)), 16),))


@pytest.mark.parametrize("changes", [{"rates": (0.1,)}, {"seeds": ()}, {"steps": 0}])
def test_tuning_needs_rates_seeds_and_steps(changes: dict[str, object]) -> None:
    with pytest.raises(PlanError, match="two rates or more"):
        replace(TUNED, **changes)  # type: ignore[arg-type]


def test_an_arm_with_its_own_length_is_looked_at_until_its_end() -> None:
    arms = (Arm({"kind": "short"}, NET, 0.1, 16, steps=4), Arm({"arm_is": "long"}, NET, 0.1, 16))
    groups = {g.members[0].arm: g for g in plan(arms=arms, probe_steps=(0, 3, 7, 10)).tasks()}
    assert (groups["short"].steps, groups["short"].probe_steps) == (4, (0, 3, 4))
    assert (groups["long"].steps, groups["long"].probe_steps) == (10, (0, 3, 7, 10))


@pytest.mark.parametrize(("at", "by"), [((0.0,), 0.1), ((1.0,), 0.1), ((0.5,), 0.0)])
def test_a_decay_happens_within_the_run_and_keeps_the_rate_positive(
    at: tuple[float, ...], by: float
) -> None:
    with pytest.raises(PlanError, match="shares of the run"):
        StepDecay(at, by)
