"""What is decided before training: arms, seeds, steps, probes, and how members are grouped."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import groupby

import xarray as xr

from bnbook.factors import Factors, name_of, names_of
from bnbook.nets import Spec
from bnbook.probes import Probe
from bnbook.progress import Progress
from bnbook.train.batches import Augmentation, Sampler, Shuffled
from bnbook.train.errors import PlanError
from bnbook.train.optimizers import SGD, Optimizer
from bnbook.train.schedules import Constant, Schedule

MEMBERS_PER_GROUP = 8
"""Networks that train as one task: enough for stacking to pay, few enough to lose little."""


@dataclass(frozen=True)
class Tuned:
    """A learning rate found by trying: `Tuned((0.03, 0.1, 0.3), seeds=(100, 101), steps=300)`.

    Every rate is tried with every one of `seeds`, which must not be seeds of the study, for
    `steps` updates on four fifths of the training examples. The arm then takes the rate whose
    networks, by population statistics, are right most often on the last fifth, on average over
    the seeds; of equal ones the smallest.
    """

    rates: tuple[float, ...]
    seeds: tuple[int, ...]
    steps: int

    def __post_init__(self) -> None:
        if len(set(self.rates)) < 2 or not self.seeds or self.steps < 1:
            raise PlanError(f"{self}: give two rates or more, a seed or more, and a step or more")
        for rate in self.rates:
            _must_be_a_rate(rate)

    @property
    def work(self) -> int:
        """Steps of all that is tried."""
        return len(self.rates) * len(self.seeds) * self.steps


def _must_be_a_rate(rate: float, of: str = "") -> None:
    if not (rate > 0 and math.isfinite(rate)):
        raise PlanError(f"{of}learning rate {rate} is not > 0")


@dataclass(frozen=True)
class Arm:
    """One setting compared in a figure; two arms differ in exactly what their factors say.

    factors         the level of each factor that the arm sets, {"norm": "batch", "m": 4}: they are
                    coordinates of its record, and its name follows from them
    steps           updates, when not those of the plan; looks beyond them are NaN
    schedule        how the learning rate changes during the run
    sampler         which examples make a batch
    augmentation    what is done to the examples of a batch, or None
    """

    factors: Factors
    net: Spec
    learning_rate: float | Tuned
    batch_size: int
    optimizer: Optimizer = SGD()
    steps: int | None = None
    schedule: Schedule = Constant()
    sampler: Sampler = Shuffled()
    augmentation: Augmentation | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.learning_rate, Tuned):
            _must_be_a_rate(self.learning_rate, f"arm {self.name!r}: ")
        if self.batch_size < 1:
            raise PlanError(f"arm {self.name!r}: batch size {self.batch_size} is not ≥ 1")
        if self.steps is not None and self.steps < 1:
            raise PlanError(f"arm {self.name!r}: {self.steps} steps; give 1 or more, or None")

    @property
    def name(self) -> str:
        """The factors in words, see `bnbook.factors.name_of`."""
        return name_of(self.factors)

    @property
    def tuning(self) -> Tuned | None:
        """How the learning rate is found, when it is not given."""
        return self.learning_rate if isinstance(self.learning_rate, Tuned) else None

    @property
    def stacking(self) -> tuple[object, ...]:
        """Arms that agree in this can train in one population; a tuned arm trains by itself."""
        alone = (self.name, self.learning_rate) if self.tuning else None
        shared = (getattr(self, f.name) for f in fields(self) if f.name not in _EACH_ITS_OWN)
        return (alone, *shared)


_EACH_ITS_OWN = ("factors", "learning_rate")
"""What members of one population may differ in."""


@dataclass(frozen=True)
class Member:
    """One network: an arm with a seed, which fixes initial weights and the order of the data."""

    arm: str
    seed: int
    learning_rate: float | Tuned


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
    schedule: Schedule = Constant()
    sampler: Sampler = Shuffled()
    augmentation: Augmentation | None = None

    @property
    def tuning(self) -> Tuned | None:
        """How the learning rate of its one arm is found, when it is not given."""
        rate = self.members[0].learning_rate
        return rate if isinstance(rate, Tuned) else None

    @property
    def work(self) -> int:
        """Steps of all members together, and of what is tried before, for progress bars."""
        return self.steps * len(self.members) + (self.tuning.work if self.tuning else 0)

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

    def tasks(self) -> list[Group]:
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

    def _group(self, arm: Arm, members: tuple[Member, ...]) -> Group:
        steps = arm.steps or self.steps
        return Group(
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
        )


def _stack_order(arm: Arm) -> str:
    return repr(arm.stacking)


def log_spaced(steps: int, count: int) -> tuple[int, ...]:
    """At most `count` whole numbers from 0 to `steps`, evenly spaced in log(1 + step)."""
    exponents = (i * math.log1p(steps) / (count - 1) for i in range(count))
    return tuple(sorted({round(math.expm1(e)) for e in exponents}))
