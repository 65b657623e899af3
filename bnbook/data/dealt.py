"""The examples of several members side by side: each member has those of its own seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float32, Int64, Shaped
from torch import Tensor

from bnbook.data.base import Dataset, Split


@dataclass(frozen=True, eq=False)
class Portion:
    """One split of every member, as rows of a tensor that all of them share.

    rows        (member, n), indices into x (example, …) and y (example,)
    mean, std   (member, …) for an example of each member, or None where x is standardised
    """

    x: Shaped[Tensor, "example ..."]
    y: Int64[Tensor, " example"]
    rows: Int64[Tensor, "member n"]
    mean: Float32[Tensor, "member ..."] | None = None
    std: Float32[Tensor, "member ..."] | None = None

    def __len__(self) -> int:
        """Count the examples of one member."""
        return self.rows.shape[1]

    @property
    def labels(self) -> Int64[Tensor, "member n"]:
        """The class of every example."""
        return self.y[self.rows]

    def of_member(self, i: int) -> Split:
        """All examples of member i."""
        alone = replace(self, rows=self.rows[i : i + 1])
        if self.mean is not None and self.std is not None:
            alone = replace(alone, mean=self.mean[i : i + 1], std=self.std[i : i + 1])
        x, y = alone[slice(None)]
        return Split(x[0], y[0])

    def __getitem__(
        self, chosen: slice | Int64[Tensor, "member m"]
    ) -> tuple[Float32[Tensor, "member m ..."], Int64[Tensor, "member m"]]:
        """Standardised examples and their labels: a slice of every member's, or its own choice."""
        rows = self.rows[:, chosen] if isinstance(chosen, slice) else self.rows.gather(1, chosen)
        x = self.x.index_select(0, rows.flatten())  # four times faster than x[rows]
        x = x.unflatten(0, rows.shape).to(torch.float32)
        if self.mean is not None and self.std is not None:
            x = x.sub_(self.mean).div_(self.std)
        return x, self.y[rows]


@dataclass(frozen=True, eq=False)
class Dealt:
    """The training and the test examples of the members of a population."""

    train: Portion
    test: Portion
    classes: tuple[str, ...]

    @classmethod
    def of(cls, data: Dataset | Mapping[int, Dataset], seeds: Sequence[int]) -> Dealt:
        """Member i gets the split of `seeds[i]`.

        Of a data set with a pool only rows and moments are kept. A mapping gives each seed a data
        set of its own, whose splits have one size.
        """
        if not isinstance(data, Dataset):
            return cls._of_each([data[seed] for seed in seeds])
        if data.pool is None:
            return cls._of_each([data] * len(seeds))
        deals = {seed: data.pool.deal(seed) for seed in dict.fromkeys(seeds)}
        each = [deals[seed] for seed in seeds]
        mean, std = (torch.stack([getattr(d, name) for d in each]) for name in ("mean", "std"))
        train, test = (
            Portion(
                data.pool.x,
                data.pool.y,
                torch.stack([getattr(d, name) for d in each]),
                mean,
                std,
            )
            for name in ("train", "test")
        )
        return cls(train, test, data.classes)

    @classmethod
    def _of_each(cls, each: Sequence[Dataset]) -> Dealt:
        train, test = (_joined([getattr(d, name) for d in each]) for name in ("train", "test"))
        return cls(train, test, each[0].classes)


def _joined(splits: Sequence[Split]) -> Portion:
    """The splits of all members; one that several share is kept once."""
    own = list({id(split): split for split in splits}.values())
    size = len(own[0])
    if len(own) == 1:
        rows = torch.arange(size, device=own[0].y.device).expand(len(splits), -1)
        return Portion(own[0].x, own[0].y, rows)
    places = {id(split): i for i, split in enumerate(own)}
    start = torch.tensor([places[id(split)] * size for split in splits], device=own[0].y.device)
    rows = start[:, None] + torch.arange(size, device=own[0].y.device)
    return Portion(torch.cat([s.x for s in own]), torch.cat([s.y for s in own]), rows)
