"""How the learning rate changes during a run: a factor, by the share of the run that is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from bnbook.train.errors import PlanError


@runtime_checkable
class Schedule(Protocol):
    """A frozen dataclass that gives the factor on the learning rate."""

    def __call__(self, done: float) -> float:
        """Factor for the step before which the share `done`, in [0, 1), of the run is behind."""


@dataclass(frozen=True)
class Constant:
    """The learning rate as it is."""

    def __call__(self, done: float) -> float:
        return 1.0


@dataclass(frozen=True)
class StepDecay:
    """The learning rate times `by` from each share of the run in `at` on."""

    at: tuple[float, ...] = (0.5, 0.75)
    by: float = 0.1

    def __post_init__(self) -> None:
        if not all(0 < share < 1 for share in self.at) or not self.by > 0:
            raise PlanError(f"{self}: `at` are shares of the run between 0 and 1, and `by` is > 0")

    def __call__(self, done: float) -> float:
        return self.by ** sum(done >= share for share in self.at)
