"""Which examples make a batch: the order of the data, and what is done to them on the way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from bnbook.streams import stream
from bnbook.train.errors import PlanError


@runtime_checkable
class Sampler(Protocol):
    """A frozen dataclass that orders the examples of one epoch."""

    def __call__(
        self, labels: Int64[Tensor, " n"], batch_size: int, generator: torch.Generator
    ) -> Int64[Tensor, " ordered"]:
        """Indices of examples, (batches·m,): every m in a row are a batch."""


@dataclass(frozen=True)
class Shuffled:
    """All examples in random order; the few that do not fill a batch are left out."""

    def __call__(
        self, labels: Int64[Tensor, " n"], batch_size: int, generator: torch.Generator
    ) -> Int64[Tensor, " ordered"]:
        full = len(labels) // batch_size * batch_size
        return torch.randperm(len(labels), generator=generator)[:full]


@dataclass(frozen=True)
class FewClasses:
    """Batches of `classes` classes each, with equally many examples of every one.

    Classes are drawn in rounds, so that all come up equally often as long as they have examples
    left; a batch lists its classes in turn (a, b, c, a, b, c, …). What does not fill a batch is
    left out. With all classes a batch is merely balanced; with fewer it is no fair sample of the
    data, as when a batch comes from one camera or one shelf. Source: ioffe2017batch.
    """

    classes: int

    def __post_init__(self) -> None:
        if self.classes < 1:
            raise PlanError(f"{self}: a batch holds 1 class or more")

    def __call__(
        self, labels: Int64[Tensor, " n"], batch_size: int, generator: torch.Generator
    ) -> Int64[Tensor, " ordered"]:
        known = labels.unique().tolist()
        if self.classes > len(known):
            raise PlanError(f"{self}: the training set has only {len(known)} classes")
        each, rest = divmod(batch_size, self.classes)
        if rest:
            raise PlanError(
                f"{self}: a batch of {batch_size} does not hold equally many examples of "
                f"{self.classes} classes; take a multiple of {self.classes}"
            )
        blocks = {kind: _blocks(labels == kind, each, generator) for kind in known}
        batches = []
        while len(left := [kind for kind in known if blocks[kind]]) >= self.classes:
            turns = torch.randperm(len(left), generator=generator).tolist()
            for start in range(0, len(left) - self.classes + 1, self.classes):
                chosen = [left[turn] for turn in turns[start : start + self.classes]]
                rows = torch.stack([blocks[kind].pop() for kind in chosen], dim=1)
                batches.append(rows.flatten())
        if not batches:
            raise PlanError(
                f"{self}: fewer than {self.classes} classes have the {each} examples that a batch "
                f"of {batch_size} needs of each; take a smaller batch"
            )
        return torch.cat(batches)


def _blocks(of_kind: Tensor, size: int, generator: torch.Generator) -> list[Tensor]:
    """The examples of one class in random order, cut into full blocks of `size`."""
    rows = of_kind.nonzero().flatten()
    rows = rows[torch.randperm(len(rows), generator=generator)]
    return list(rows[: len(rows) // size * size].split(size)) if len(rows) >= size else []


@dataclass(frozen=True)
class Sequences:
    """Batches of whole sequences: examples 0 … length−1 are one, the next `length` another.

    Sequences come in random order and are never cut, so that a batch of m holds m/length of them
    and its rows are as correlated as those of a sequence. What does not fill a batch is left out.
    """

    length: int

    def __call__(
        self, labels: Int64[Tensor, " n"], batch_size: int, generator: torch.Generator
    ) -> Int64[Tensor, " ordered"]:
        if self.length < 1 or batch_size % self.length or len(labels) % self.length:
            raise PlanError(
                f"{self}: a batch of {batch_size} and a training set of {len(labels)} do not both "
                "consist of whole sequences; the length must divide both"
            )
        starts = torch.randperm(len(labels) // self.length, generator=generator) * self.length
        rows = (starts[:, None] + torch.arange(self.length)).flatten()
        return rows[: len(rows) // batch_size * batch_size]


@runtime_checkable
class Augmentation(Protocol):
    """A frozen dataclass that changes the examples of a batch, afresh at every step."""

    def __call__(
        self, x: Float[Tensor, "member m *image"], seeds: Sequence[int], step: int
    ) -> Float[Tensor, "member m *image"]:
        """x (member, m, C, H, W), changed by random numbers that seed and step decide."""


class Batches:
    """The order of the data: for each member its own epochs of full batches.

    Member i sees the order of `seeds[i]`, whatever its arm. The indices of any step can be had
    at once, without those before it. `labels` are those of the training examples, (n,), or
    (member, n) where members have different ones; all members of a seed have the same.
    """

    def __init__(
        self,
        labels: Int64[Tensor, "*member n"],
        batch_size: int,
        seeds: Sequence[int],
        sampler: Sampler | None = None,
    ) -> None:
        if batch_size > labels.shape[-1]:
            raise PlanError(
                f"batch size {batch_size}, but the training set holds {labels.shape[-1]}"
            )
        self.batch_size, self.seeds = batch_size, tuple(seeds)
        self.labels = dict(zip(seeds, labels.cpu().expand(len(seeds), -1), strict=True))
        self.sampler = sampler or Shuffled()
        self._epoch = 0
        self._order = self._ordered(0)
        self.per_epoch = self._order.shape[1] // batch_size

    def __getitem__(self, step: int) -> Int64[Tensor, "member m"]:
        """Indices (member, m) of the batches of `step`, counted from 0."""
        epoch, within = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._epoch, self._order = epoch, self._ordered(epoch)
        start = within * self.batch_size
        return self._order[:, start : start + self.batch_size]

    def _ordered(self, epoch: int) -> Tensor:
        orders = {
            seed: self.sampler(
                self.labels[seed],
                self.batch_size,
                stream("order", seed, epoch),
            )
            for seed in set(self.seeds)
        }
        return torch.stack([orders[seed] for seed in self.seeds])
