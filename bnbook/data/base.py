"""What a data set is: standardised tensors with classes, and the source they come from."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Float32, Int64
from torch import Tensor

Raw = tuple[Tensor, Tensor]
"""Images (N, C, H, W) or rows (N, features) of any number type, and labels (N,)."""


class DataError(RuntimeError):
    """A data set is absent, damaged, or not of the shape it must have."""


@dataclass(frozen=True, eq=False)
class Split:
    """Standardised images or rows, and the index of each one's class."""

    x: Float32[Tensor, "example ..."]
    y: Int64[Tensor, " example"]

    def __len__(self) -> int:
        """Count the examples."""
        return len(self.y)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A training and a test split over the same classes.

    `fingerprint` hashes the four tensors: equal content has equal fingerprints under any name.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    fingerprint: str

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example: channel, height, width of an image, or a number of features."""
        return tuple(self.train.x.shape[1:])

    def to(self, device: str | torch.device) -> "Dataset":
        """Return the same data set on `device`."""
        train, test = (Split(s.x.to(device), s.y.to(device)) for s in (self.train, self.test))
        return replace(self, train=train, test=test)


@dataclass(frozen=True)
class Source:
    """What a named data set holds, where it comes from, and how it is read.

    `train` and `test` count examples; `shape` is channel, height, width, or the number of
    features. `files` are what `read` needs and `archives` what `download` may start from, all
    relative to the data folder; `download(folder)` leaves the `files` under `folder`.
    """

    train: int
    test: int
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    origin: str
    read: Callable[[Path], tuple[Raw, Raw]]
    files: tuple[str, ...] = ()
    archives: tuple[str, ...] = ()
    download: Callable[[Path], object] = lambda folder: None

    def present(self, where: Path) -> bool:
        """Tell whether every file is under `where`."""
        return all((where / file).is_file() for file in self.files)


def from_tensors(name: str, train: Raw, test: Raw, classes: tuple[str, ...]) -> Dataset:
    """Build a data set from raw values and labels, standardised by the training split.

    Channel or feature c becomes (x_c − μ_c)/σ_c in both splits, with the mean μ_c and the biased
    standard deviation σ_c over all training examples and, of images, all their pixels. Raises
    `DataError` unless the tensors are images (N, C, H, W) or rows (N, features) of one shape,
    finite and varying, labelled with two classes or more.
    """
    if len(classes) < 2:
        raise DataError(f"{name} has {len(classes)} class; expected at least two")
    for split, (x, y) in {"train": train, "test": test}.items():
        _check(f"the {split} split of {name}", x, y, len(classes))
    shapes = [tuple(x.shape[1:]) for x, _ in (train, test)]
    if shapes[0] != shapes[1]:
        raise DataError(f"{name} has training examples {shapes[0]} but test examples {shapes[1]}")
    values = [torch.empty(x.shape, dtype=torch.float32).copy_(x) for x, _ in (train, test)]
    over = (0, *range(2, values[0].ndim))
    std, mean = torch.std_mean(values[0], dim=over, correction=0, keepdim=True)
    if constant := (std == 0).flatten().nonzero().flatten().tolist():
        what = "channel" if values[0].ndim == 4 else "feature"
        raise DataError(f"{name}: {what}(s) {constant} never vary over the training examples")
    train_split, test_split = (
        Split(x.sub_(mean).div_(std), y.long().contiguous())
        for x, (_, y) in zip(values, (train, test), strict=True)
    )
    digest = hashlib.sha256()
    for tensor in (train_split.x, train_split.y, test_split.x, test_split.y):
        digest.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.numpy().data)
    return Dataset(name, train_split, test_split, classes, digest.hexdigest()[:16])


def damaged(path: Path, why: str, name: str) -> DataError:
    """The error for a file of data set `name` that does not hold what it should."""
    return DataError(f"{path} is damaged: {why}. Delete it and run `bnbook data fetch {name}`.")


def _check(what: str, x: Tensor, y: Tensor, classes: int) -> None:
    if x.ndim not in (2, 4) or x.numel() == 0 or y.shape != x.shape[:1]:
        raise DataError(
            f"{what} has values {tuple(x.shape)} and labels {tuple(y.shape)}; expected images "
            "(N, C, H, W) or rows (N, features), at least one, and one label for each"
        )
    if y.is_floating_point() or y.min() < 0 or y.max() >= classes:
        raise DataError(
            f"{what} has {y.dtype} labels from {y.min()} to {y.max()}; "
            f"expected whole numbers from 0 to {classes - 1}"
        )
    if x.is_floating_point() and not (finite := x.float().isfinite()).all():
        first = int((~finite).flatten(1).any(dim=1).nonzero()[0])
        raise DataError(f"{what} has NaN or infinite values, first in example {first}")
