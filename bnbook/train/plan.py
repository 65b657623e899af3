"""What is decided before training: arms, seeds, steps, probes, and how members are grouped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from bnbook.factors import Factors, names_of
from bnbook.probes import Probe
from bnbook.train.arm import Arm, Member, Tuned
from bnbook.train.errors import PlanError
from bnbook.train.loop import Training

MEMBERS_PER_GROUP = 16
"""Networks that train as one task: enough for stacking to pay, few enough to lose little."""


@dataclass(frozen=True)
class Plan:
    """An experiment that trains networks: every arm with every seed, watched by the probes.

    `probe_steps` are the numbers of updates after which the probes look; 0 is initialisation.
    """

    data: str
    arms: tuple[Arm, ...]
    seeds: tuple[int, ...]
    steps: int
    probes: tuple[Probe, ...]
    probe_steps: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.arms or not self.seeds:
            raise PlanError("a plan needs at least one arm and one seed")
        names_of(self.factors)
        if len(set(self.seeds)) < len(self.seeds):
            raise PlanError(f"seeds must not repeat: {list(self.seeds)}")
        longest = max(arm.steps or self.steps for arm in self.arms)
        outside = [s for s in self.probe_steps if not 0 <= s <= longest]
        if outside or not self.probe_steps:
            raise PlanError(f"probe steps must lie in 0…{longest}; outside: {outside}")
        for arm in self.arms:
            if isinstance(arm.learning_rate, Tuned) and set(arm.learning_rate.seeds) & {
                *self.seeds
            }:
                raise PlanError(
                    f"arm {arm.name!r}: it is tuned on seeds of the study; give it others"
                )

    @property
    def factors(self) -> tuple[Factors, ...]:
        """What each arm sets, in the order of the plan."""
        return tuple(arm.factors for arm in self.arms)

    def with_seeds(self, seeds: Sequence[int]) -> Plan:
        """The same plan for other seeds."""
        return replace(self, seeds=tuple(seeds))

    def cost(self) -> str:
        """Size of the work in words."""
        networks = len(self.arms) * len(self.seeds)
        lengths = sorted({arm.steps or self.steps for arm in self.arms})
        steps = f"{lengths[0]:,}" if len(lengths) == 1 else f"{lengths[0]:,}–{lengths[-1]:,}"
        tried = sum(
            arm.learning_rate.work for arm in self.arms if isinstance(arm.learning_rate, Tuned)
        )
        tuning = f", {tried:,} steps of tuning" if tried else ""
        return f"{networks} networks × {steps} steps{tuning}"

    def tasks(self) -> list[Training]:
        """Members that can stack, in groups of at most `MEMBERS_PER_GROUP`, evenly filled."""
        stacks = groupby(sorted(self.arms, key=_stack_order), key=_stack_order)
        groups = []
        for _, stacked in stacks:
            arms = list(stacked)
            members = [Member(a.name, s, a.learning_rate) for s in self.seeds for a in arms]
            count = 1 if arms[0].tuning else math.ceil(len(members) / MEMBERS_PER_GROUP)
            size = math.ceil(len(members) / count)
            for start in range(0, len(members), size):
                groups.append(self._group(arms[0], tuple(members[start : start + size])))
        return groups

    def _group(self, arm: Arm, members: tuple[Member, ...]) -> Training:
        steps = arm.steps or self.steps
        return Training(
            data=self.data,
            net=arm.net,
            optimizer=arm.optimizer,
            batch_size=arm.batch_size,
            members=members,
            steps=steps,
            probes=self.probes,
            probe_steps=tuple(sorted({min(look, steps) for look in self.probe_steps})),
            schedule=arm.schedule,
            sampler=arm.sampler,
            augmentation=arm.augmentation,
            apart=any(each.tuning for each in self.arms),
        )


def _stack_order(arm: Arm) -> str:
    return repr(arm.stacking)


def log_spaced(steps: int, count: int) -> tuple[int, ...]:
    """At most `count` whole numbers from 0 to `steps`, evenly spaced in log(1 + step)."""
    exponents = (i * math.log1p(steps) / (count - 1) for i in range(count))
    return tuple(sorted({round(math.expm1(e)) for e in exponents}))
