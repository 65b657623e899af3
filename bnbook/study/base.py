"""What an experiment is: a question, and a plan for each scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import torch
import xarray as xr

from bnbook.factors import Factors, name_of, names_of
from bnbook.progress import Progress

SCALES = ("smoke", "book", "lab", "paper")
EVERYWHERE = ("smoke", "book", "paper")
"""Scales of an experiment that names none: the lab is for networks of convolutions alone."""


USUAL = "mnist-5k"
"""The data set of most experiments, which another of its shape may replace."""
NATURAL = "cifar10"
"""The data set of the lab, which another of its shape may replace, such as a folder of images."""


class ExperimentError(ValueError):
    """An experiment was asked for something it does not have; the message says what exists."""


def draws(seed: int) -> torch.Generator:
    """Random numbers of an experiment's own, apart from those that a network of `seed` starts from.

    A generator with the seed itself would draw noise in the likeness of the first layer's weights.
    """
    return torch.Generator().manual_seed(1_000_000_007 + seed)


@runtime_checkable
class Task(Protocol):
    """A part of an experiment that runs by itself: the unit of interruption and of resuming."""

    @property
    def label(self) -> str: ...

    @property
    def work(self) -> int:
        """Size, in the units its progress is counted in."""

    def __call__(self, *, device: str, progress: Progress | None) -> xr.Dataset:
        """The measurements, labelled by arm and seed."""


@runtime_checkable
class Plan(Protocol):
    """Everything that decides a record: arms, seeds, sizes. A frozen dataclass."""

    @property
    def factors(self) -> tuple[Factors, ...]:
        """What each arm sets; the names of arms follow."""

    @property
    def seeds(self) -> tuple[int, ...]: ...

    @property
    def data(self) -> str:
        """Name of the data set, or "" for an experiment that makes its own."""

    def with_seeds(self, seeds: Sequence[int]) -> Plan: ...

    def cost(self) -> str: ...

    def tasks(self) -> Sequence[Task]: ...


@dataclass(frozen=True)
class Experiment:
    """A question, and the plan that answers it at each of its `scales`."""

    name: str
    question: str
    plan: Callable[[str], Plan]
    scales: tuple[str, ...] = EVERYWHERE


@dataclass(frozen=True)
class Measured:
    """A task of `Measurement`: some seeds of it."""

    measure: Callable[[Any, int], xr.Dataset]
    settings: Any
    seeds: tuple[int, ...]

    @property
    def label(self) -> str:
        return f"seeds {self.seeds[0]}–{self.seeds[-1]}"

    @property
    def work(self) -> int:
        return len(self.seeds)

    def __call__(self, *, device: str, progress: Progress | None) -> xr.Dataset:
        found = []
        for seed in self.seeds:
            found.append(self.measure(self.settings, seed).expand_dims(seed=[seed]))
            if progress:
                progress(1)
        return xr.concat(found, "seed")


@dataclass(frozen=True)
class Measurement:
    """A plan that is not a population: `measure(settings, seed)` gives all arms of one seed.

    The result is labelled by the names of the arms, see `bnbook.factors.names_of`; settings are a
    frozen dataclass. `data` names a data set the measurement reads, if it reads one.
    """

    factors: tuple[Factors, ...]
    seeds: tuple[int, ...]
    measure: Callable[[Any, int], xr.Dataset]
    settings: Any
    data: str = ""
    seeds_per_task: int = 5

    def __post_init__(self) -> None:
        names_of(self.factors)

    def with_seeds(self, seeds: Sequence[int]) -> Measurement:
        """The same measurement for other seeds."""
        return replace(self, seeds=tuple(seeds))

    def cost(self) -> str:
        """Size of the work in words."""
        return f"{len(self.factors)} arms × {len(self.seeds)} seeds"

    def tasks(self) -> list[Measured]:
        """A few seeds a task."""
        size = self.seeds_per_task
        chunks = [self.seeds[i : i + size] for i in range(0, len(self.seeds), size)]
        return [Measured(self.measure, self.settings, chunk) for chunk in chunks]


@dataclass(frozen=True)
class Trial:
    """A task of `Comparison`: one arm with some seeds."""

    measure: Callable[[Any, Factors, tuple[int, ...], str], xr.Dataset]
    settings: Any
    arm: Factors
    seeds: tuple[int, ...]

    @property
    def label(self) -> str:
        return f"{name_of(self.arm)} · seeds {self.seeds[0]}–{self.seeds[-1]}"

    @property
    def work(self) -> int:
        return len(self.seeds)

    def __call__(self, *, device: str, progress: Progress | None) -> xr.Dataset:
        found = self.measure(self.settings, self.arm, self.seeds, device)
        if progress:
            progress(self.work)
        return found.assign_coords(seed=list(self.seeds)).expand_dims(arm=[name_of(self.arm)])


@dataclass(frozen=True)
class Comparison:
    """A plan measured arm by arm: `measure(settings, arm, seeds, device)` gives an arm's seeds.

    It is for networks that train as one population and are then put to a use that no probe
    knows. The result has a dimension "seed"; settings are a frozen dataclass.
    """

    factors: tuple[Factors, ...]
    seeds: tuple[int, ...]
    measure: Callable[[Any, Factors, tuple[int, ...], str], xr.Dataset]
    settings: Any
    data: str = ""

    def __post_init__(self) -> None:
        names_of(self.factors)

    def with_seeds(self, seeds: Sequence[int]) -> Comparison:
        """The same comparison for other seeds."""
        return replace(self, seeds=tuple(seeds))

    def cost(self) -> str:
        """Size of the work in words."""
        return f"{len(self.factors)} arms × {len(self.seeds)} seeds"

    def tasks(self) -> list[Trial]:
        """A task an arm."""
        return [Trial(self.measure, self.settings, arm, self.seeds) for arm in self.factors]
