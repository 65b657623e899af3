"""Plans refuse what cannot be carried out, and cover each arm and seed exactly once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bnbook.nets import MLP
from bnbook.probes import get
from bnbook.train import Adam, Arm, Plan, PlanError, log_spaced
from bnbook.train.plan import MEMBERS_PER_GROUP

NET = MLP((5,))
ARMS = (
    Arm("slow", NET, 0.1, 16),
    Arm("batch", MLP((5,), norm="batch"), 0.1, 16),
    Arm("fast", NET, 0.2, 16),
    Arm("adam", NET, 0.1, 16, Adam()),
    Arm("small", NET, 0.1, 4),
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
        ({"arms": (ARMS[0], ARMS[0])}, "must not repeat"),
        ({"seeds": (1, 1)}, "must not repeat"),
        ({"probe_steps": (0, 11)}, "outside"),
        ({"probe_steps": ()}, "probe steps"),
    ],
)
def test_an_impossible_plan_says_what_is_wrong(changes: dict[str, object], says: str) -> None:
    with pytest.raises(PlanError, match=says):
        plan(**changes)


@pytest.mark.parametrize("rate", [0.0, -1.0, float("nan"), float("inf")])
def test_a_learning_rate_must_be_positive_and_finite(rate: float) -> None:
    with pytest.raises(PlanError, match="learning rate"):
        Arm("a", NET, rate, 16)


def test_a_batch_holds_at_least_one_example() -> None:
    with pytest.raises(PlanError, match="batch size"):
        Arm("a", NET, 0.1, 0)


@given(steps=st.integers(1, 100_000), count=st.integers(2, 60))
def test_log_spaced_steps_rise_from_none_to_all(steps: int, count: int) -> None:
    looks = log_spaced(steps, count)
    assert looks[0] == 0
    assert looks[-1] == steps
    assert list(looks) == sorted(set(looks))
    assert len(looks) <= count
