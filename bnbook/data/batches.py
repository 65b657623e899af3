"""A data set from the batches that a training loop of one's own is given."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Int64
from torch import Tensor

from bnbook.data.base import DataError, Dataset, Split

Batches = Iterable[Sequence[Tensor]] | tuple[Tensor, Tensor]
"""What yields (x, y), such as a `DataLoader`; or two tensors, which are one batch."""


@dataclass(frozen=True, eq=False)
class Batched(Dataset):
    """A data set that knows in which batches its training examples came.

    `batches` holds the rows of `train` that each batch is made of, in the order of one epoch.
    """

    batches: tuple[Int64[Tensor, " _"], ...] = field(default=())

    @property
    def batch_size(self) -> int:
        """The number of examples that most batches have, the larger of two that are as common."""
        sizes = [len(rows) for rows in self.batches]
        return max(set(sizes), key=lambda size: (sizes.count(size), size))


def from_batches(
    train: Batches,
    test: Batches,
    classes: int | Sequence[str] | None = None,
    *,
    name: str = "batches",
    examples: int | None = None,
) -> Batched:
    """Build a data set from what `train` and `test` yield in one epoch, values as they come.

    x (N, …) are floating-point numbers of any shape, y (N,) class numbers. Nothing is
    standardised: the network was trained on what its loader gives. The training examples are put
    in one order, drawn once and for all, so that the first of them are a fair sample, and
    `batches` remembers how they came. With `examples`, no more than so many of each split are
    read. `classes` are the names, or how many there are; without it, as many as the largest label
    says. Raises `DataError` for what is not of this kind.
    """
    x, y, sizes = _read("training", train, examples)
    test_x, test_y, _ = _read("test", test, examples)
    if x.shape[1:] != test_x.shape[1:]:
        raise DataError(
            f"training examples are {tuple(x.shape[1:])}, but test examples "
            f"{tuple(test_x.shape[1:])}"
        )
    names = _names(classes, int(max(y.max(), test_y.max())) + 1)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    place = order.argsort()  # where each example has gone
    splits = Split(x[order], y[order]), Split(test_x, test_y)
    digest = hashlib.sha256()
    for tensor in (x, y, test_x, test_y):
        digest.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.contiguous().numpy().data)
    return Batched(name, *splits, names, digest.hexdigest()[:16], batches=place.split(sizes))


def _read(what: str, batches: Batches, limit: int | None) -> tuple[Tensor, Tensor, list[int]]:
    """All values and labels of a split, and the sizes of its batches."""
    pair = isinstance(batches, tuple) and len(batches) == 2 and isinstance(batches[0], Tensor)
    xs: list[Tensor] = []
    ys: list[Tensor] = []
    count = 0
    for batch in [batches] if pair else batches:
        x, y = _checked(what, batch)
        if limit is not None and count + len(y) > limit and xs:
            break
        xs.append(x)
        ys.append(y)
        count += len(y)
    if not count:
        raise DataError(f"the {what} batches are empty")
    if len(shapes := sorted({tuple(x.shape[1:]) for x in xs})) > 1:
        raise DataError(f"the {what} examples differ in shape: {shapes[0]} and {shapes[1]}")
    return torch.cat(xs), torch.cat(ys), [len(y) for y in ys]


def _checked(what: str, batch: object) -> tuple[Tensor, Tensor]:
    if not isinstance(batch, tuple | list) or len(batch) != 2:
        raise DataError(
            f"a {what} batch is a {type(batch).__name__}, and no pair; expected a pair (x, y)"
        )
    x, y = (torch.as_tensor(part).detach().cpu() for part in batch)
    if not x.is_floating_point() or x.dim() < 2 or y.shape != x.shape[:1]:
        raise DataError(
            f"a {what} batch has values {tuple(x.shape)} of {x.dtype} and labels "
            f"{tuple(y.shape)}; expected floating-point numbers (N, …) and one label for each"
        )
    if y.is_floating_point() or y.is_complex() or (len(y) and y.min() < 0):
        raise DataError(f"a {what} batch has {y.dtype} labels; expected class numbers from 0 on")
    if not x.isfinite().all():
        raise DataError(f"a {what} batch has NaN or infinite values")
    return x.float(), y.long()


def _names(classes: int | Sequence[str] | None, seen: int) -> tuple[str, ...]:
    if classes is None or isinstance(classes, int):
        names = tuple(str(k) for k in range(seen if classes is None else classes))
    else:
        names = tuple(classes)
    if len(names) < max(2, seen):
        raise DataError(f"there are {len(names)} classes, but labels go up to {seen - 1}")
    return names
