"""What is decided before training: arms, seeds, steps, probes, and how members are grouped."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import xarray as xr

from bnbook.nets import Spec
from bnbook.probes import Probe
from bnbook.train.optimizers import SGD, Optimizer

MEMBERS_PER_GROUP = 8
"""Networks that train as one task: enough for stacking to pay, few enough to lose little."""


Progress = Callable[[int], object]
"""Called with the steps taken since the last call, those of all members together."""


class PlanError(ValueError):
    """A plan that cannot be carried out; the message says what to change."""


@dataclass(frozen=True)
class Arm:
    """One setting compared in a figure; two arms differ in exactly what their names say."""

    name: str
    net: Spec
    learning_rate: float
    batch_size: int
    optimizer: Optimizer = SGD()

    def __post_init__(self) -> None:
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise PlanError(f"arm {self.name!r}: learning rate {self.learning_rate} is not > 0")
        if self.batch_size < 1:
            raise PlanError(f"arm {self.name!r}: batch size {self.batch_size} is not ≥ 1")

    @property
    def stacking(self) -> tuple[object, ...]:
        """Arms that agree in this can train in one population."""
        return (self.net, self.optimizer, self.batch_size)


@dataclass(frozen=True)
class Member:
    """One network: an arm with a seed, which fixes initial weights and the order of the data."""

    arm: str
    seed: int
    learning_rate: float


@dataclass(frozen=True)
class Group:
    """Members of one shape, trained together; the unit of work, of interruption and of resuming."""

    data: str
    net: Spec
    optimizer: Optimizer
    batch_size: int
    members: tuple[Member, ...]
    steps: int
    probes: tuple[Probe, ...]
    probe_steps: tuple[int, ...]

    @property
    def work(self) -> int:
        """Steps of all members together, for progress bars."""
        return self.steps * len(self.members)

    @property
    def label(self) -> str:
        """For progress bars: the arms and the seeds."""
        arms = list(dict.fromkeys(m.arm for m in self.members))
        seeds = sorted({m.seed for m in self.members})
        return f"{', '.join(arms)} · seeds {seeds[0]}–{seeds[-1]}"

    def __call__(self, *, device: str, progress: Progress | None) -> xr.Dataset:
        """Train the members; see `bnbook.train.loop.train`."""
        from bnbook.train.loop import train

        return train(self, device=device, progress=progress)


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
        names = [arm.name for arm in self.arms]
        if not names or not self.seeds:
            raise PlanError("a plan needs at least one arm and one seed")
        if len(set(names)) < len(names) or len(set(self.seeds)) < len(self.seeds):
            raise PlanError(f"arms and seeds must not repeat: {names}, {list(self.seeds)}")
        outside = [s for s in self.probe_steps if not 0 <= s <= self.steps]
        if outside or not self.probe_steps:
            raise PlanError(f"probe steps must lie in 0…{self.steps}; outside: {outside}")

    @property
    def arm_names(self) -> tuple[str, ...]:
        """Names of the arms, in the order of the plan."""
        return tuple(arm.name for arm in self.arms)

    def with_seeds(self, seeds: Sequence[int]) -> Plan:
        """The same plan for other seeds."""
        return replace(self, seeds=tuple(seeds))

    def cost(self) -> str:
        """Size of the work in words."""
        networks = len(self.arms) * len(self.seeds)
        return f"{networks} networks × {self.steps:,} steps"

    def tasks(self) -> list[Group]:
        """Members that can stack, in groups of at most `MEMBERS_PER_GROUP`, evenly filled."""
        stacks = groupby(sorted(self.arms, key=_stack_order), key=_stack_order)
        groups = []
        for _, stacked in stacks:
            arms = list(stacked)
            members = [Member(a.name, s, a.learning_rate) for s in self.seeds for a in arms]
            count = math.ceil(len(members) / MEMBERS_PER_GROUP)
            size = math.ceil(len(members) / count)
            for start in range(0, len(members), size):
                groups.append(self._group(arms[0], tuple(members[start : start + size])))
        return groups

    def _group(self, arm: Arm, members: tuple[Member, ...]) -> Group:
        return Group(
            data=self.data,
            net=arm.net,
            optimizer=arm.optimizer,
            batch_size=arm.batch_size,
            members=members,
            steps=self.steps,
            probes=self.probes,
            probe_steps=self.probe_steps,
        )


def _stack_order(arm: Arm) -> str:
    return repr(arm.stacking)


def log_spaced(steps: int, count: int) -> tuple[int, ...]:
    """At most `count` whole numbers from 0 to `steps`, evenly spaced in log(1 + step)."""
    exponents = (i * math.log1p(steps) / (count - 1) for i in range(count))
    return tuple(sorted({round(math.expm1(e)) for e in exponents}))
