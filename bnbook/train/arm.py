"""What one network of a study is: its arm, its learning rate, its seed."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from bnbook.factors import Factors, name_of
from bnbook.nets import Spec
from bnbook.train.batches import Augmentation, Sampler, Shuffled
from bnbook.train.errors import PlanError
from bnbook.train.optimizers import SGD, Optimizer
from bnbook.train.schedules import Constant, Schedule


@dataclass(frozen=True)
class Tuned:
    """A learning rate found by trying: `Tuned((0.03, 0.1, 0.3), seeds=(100, 101), steps=300)`.

    Every rate is tried with every one of `seeds`, which must not be seeds of the study, for
    `steps` updates. What it trains on and what judges it are examples that the study does not
    touch: a fifth of the data set is put aside for this, in all arms of a plan that tunes one
    (`Dataset.apart`). The arm then takes the rate whose networks, by population statistics, are
    right most often on the test examples of their seed, on average over the seeds; of equal ones
    the smallest.
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
    """One network: an arm with a seed, which fixes its weights, its data, and their order."""

    arm: str
    seed: int
    learning_rate: float | Tuned
