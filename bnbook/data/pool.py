"""All examples of a data set: each seed is dealt its own training and test ones."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float32, Int64, Shaped
from torch import Tensor

from bnbook.streams import stream

ASIDE = 0.2
"""Share of a pool that neither trains nor tests where learning rates are tuned: it tunes them."""

CHUNK = 4096
"""Examples whose moments are summed at a time, so that no copy of all is made in float64."""


@dataclass(frozen=True, eq=False)
class Deal:
    """What one seed gets of a pool: rows that train, rows that test, and its standardisation.

    `mean` and `std` (1, C, 1, 1) or (1, features) are those of the training rows alone.
    """

    train: Int64[Tensor, " trained"]
    test: Int64[Tensor, " tested"]
    mean: Float32[Tensor, " 1 *shape"]
    std: Float32[Tensor, " 1 *shape"]


@dataclass(frozen=True, eq=False)
class Pool:
    """Examples as they came, x (example, …) of any number type and y; `test` of them test."""

    x: Shaped[Tensor, "example ..."]
    y: Int64[Tensor, " example"]
    test: int

    def __len__(self) -> int:
        """Count the examples."""
        return len(self.y)

    def to(self, device: str | torch.device) -> Pool:
        """The same pool on `device`."""
        return Pool(self.x.to(device), self.y.to(device), self.test)

    def deal(self, seed: int) -> Deal:
        """Test examples drawn for `seed`, as many of each class as its share; the others train.

        Both come in random order, so that the first of them are a fair sample.
        """
        test, train = chosen(self.y.cpu(), self.test, stream("split", seed))
        train, test = train.to(self.y.device), test.to(self.y.device)
        mean, std = moments(self.x, train)
        return Deal(train, test, mean, std)

    def divided(self) -> tuple[Pool, Pool]:
        """What is left, and the `ASIDE` put aside: the same for every seed, and stratified."""
        out, kept = chosen(self.y.cpu(), round(ASIDE * len(self)), stream("aside"))
        return self._part(kept.sort().values), self._part(out.sort().values)

    def _part(self, rows: Tensor) -> Pool:
        rows = rows.to(self.y.device)
        return Pool(self.x[rows], self.y[rows], round(self.test * len(rows) / len(self)))


def chosen(
    y: Int64[Tensor, " example"], count: int, generator: torch.Generator
) -> tuple[Int64[Tensor, " chosen"], Int64[Tensor, " rest"]]:
    """`count` rows in proportion to the classes of y (example,), and the rest, each shuffled.

    What proportion leaves over goes to the classes with the largest remainders.
    """
    order = torch.randperm(len(y), generator=generator)
    exact = y.bincount().double() * count / len(y)
    quota = exact.floor().long()
    left = count - int(quota.sum())
    quota[(exact - quota).argsort(descending=True, stable=True)[:left]] += 1
    taken, classes = torch.zeros(len(y), dtype=torch.bool), y[order]
    for kind, number in enumerate(quota.tolist()):
        taken[order[classes == kind][:number]] = True
    return order[taken[order]], order[~taken[order]]


def moments(
    x: Shaped[Tensor, "example ..."], rows: Int64[Tensor, " chosen"]
) -> tuple[Float32[Tensor, " 1 *shape"], Float32[Tensor, " 1 *shape"]]:
    """Mean and biased standard deviation of each channel or feature of `x[rows]`, in float32."""
    over = (0, *range(2, x.ndim))
    parts, count = rows.split(CHUNK), len(rows) * x[0, 0].numel()
    sums = [x[part].double().sum(over, keepdim=True) for part in parts]
    mean = torch.stack(sums).sum(0) / count
    squares = [(x[part].double() - mean).square().sum(over, keepdim=True) for part in parts]
    return mean.float(), (torch.stack(squares).sum(0) / count).sqrt().float()
