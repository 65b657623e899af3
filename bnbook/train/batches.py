"""Which examples make a batch: the order of the data, and what is done to them on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from bnbook.train.errors import PlanError


@runtime_checkable
class Sampler(Protocol):
    """A frozen dataclass that orders the examples of one epoch."""

    def __call__(self, labels: Tensor, batch_size: int, generator: torch.Generator) -> Tensor:
        """Indices of examples, (batches·m,): every m in a row are a batch."""


@dataclass(frozen=True)
class Shuffled:
    """All examples in random order; the few that do not fill a batch are left out."""

    def __call__(self, labels: Tensor, batch_size: int, generator: torch.Generator) -> Tensor:
        full = len(labels) // batch_size * batch_size
        return torch.randperm(len(labels), generator=generator)[:full]


@runtime_checkable
class Augmentation(Protocol):
    """A frozen dataclass that changes the examples of a batch, afresh at every step."""

    def __call__(self, x: Tensor, seeds: Sequence[int], step: int) -> Tensor:
        """x (member, m, C, H, W), changed by random numbers that seed and step decide."""


class Batches:
    """The order of the data: for each member its own epochs of full batches.

    Member i sees the order of `seeds[i]`, whatever its arm. The indices of any step can be had
    at once, without those before it.
    """

    def __init__(
        self,
        labels: Tensor,
        batch_size: int,
        seeds: Sequence[int],
        sampler: Sampler | None = None,
    ) -> None:
        if batch_size > len(labels):
            raise PlanError(f"batch size {batch_size}, but the training set holds {len(labels)}")
        self.labels, self.batch_size, self.seeds = labels.cpu(), batch_size, tuple(seeds)
        self.sampler = sampler or Shuffled()
        self._epoch = 0
        self._order = self._ordered(0)
        self.per_epoch = self._order.shape[1] // batch_size

    def __getitem__(self, step: int) -> Tensor:
        """Indices (member, m) of the batches of `step`, counted from 0."""
        epoch, within = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._ordered(epoch)
        start = within * self.batch_size
        return self._order[:, start : start + self.batch_size]

    def _ordered(self, epoch: int) -> Tensor:
        orders = {
            seed: self.sampler(
                self.labels,
                self.batch_size,
                torch.Generator().manual_seed(seed * 1_000_003 + epoch),
            )
            for seed in set(self.seeds)
        }
        return torch.stack([orders[seed] for seed in self.seeds])
