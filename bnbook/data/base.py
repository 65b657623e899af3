"""What a data set is: standardised tensors with classes, and the source they come from."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from jaxtyping import Float32, Int64, Shaped
from torch import Tensor

from bnbook.data.pool import Deal, Pool, moments

Raw = tuple[Shaped[Tensor, " ..."], Shaped[Tensor, " ..."]]
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
    """A training and a test split over the same classes, and the pool that seeds are dealt from.

    `train` and `test` are the split that goes with the name. With a `pool` every seed has another
    one, `split(seed)`; without, the split is fixed and all seeds share it. `fingerprint` hashes
    the examples as they came: equal content has equal fingerprints under any name, and on any
    machine.
    """

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]
    fingerprint: str
    pool: Pool | None = None

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one example: channel, height, width of an image, or a number of features."""
        return tuple(self.train.x.shape[1:])

    def to(self, device: str | torch.device) -> "Dataset":
        """Return the same data set on `device`."""
        train, test = (Split(s.x.to(device), s.y.to(device)) for s in (self.train, self.test))
        return replace(self, train=train, test=test, pool=self.pool and self.pool.to(device))

    def split(self, seed: int) -> "Dataset":
        """The training and test examples of `seed`, standardised by its training ones: fixed.

        Every arm of a seed has the same; itself where the split is fixed. It is made anew at each
        call: keep it.
        """
        return self if self.pool is None else replace(self._of(self.pool, seed), pool=None)

    def apart(self) -> tuple["Dataset", "Dataset"]:
        """What trains and tests where learning rates are tuned, and what tunes them.

        A fifth of the pool, the same for every seed, is put aside and dealt by itself to the
        seeds of the tuning, so that no rate is chosen by an example that trains or tests. Of a
        fixed split it is a fifth of the training examples.
        """
        if self.pool is not None:
            kept, aside = self.pool.divided()
            return self._of(kept), self._of(aside)
        share = len(self.test) / (len(self.train) + len(self.test))
        tests = max(1, round(len(self.train) * share))
        kept, aside = Pool(self.train.x, self.train.y, tests).divided()
        return replace(self, train=Split(kept.x, kept.y)), self._of(aside)

    def _of(self, pool: Pool, seed: int = 0) -> "Dataset":
        """The data set of a pool, whose own split is that of a seed."""
        deal = pool.deal(seed)
        train, test = (
            Split(_standardised(pool.x[rows], deal), pool.y[rows])
            for rows in (deal.train, deal.test)
        )
        return replace(self, train=train, test=test, pool=pool)


@dataclass(frozen=True)
class Source:
    """What a named data set holds, where it comes from, and how it is read.

    `train` and `test` count examples; `shape` is channel, height, width, or the number of
    features. `files` are what `read` needs and `archives` what `download` may start from, all
    relative to the data folder; `download(folder)` leaves the `files` under `folder`. `md5` are
    checksums of files, where they are known.
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
    md5: Mapping[str, str] = field(default_factory=dict)

    def present(self, where: Path) -> bool:
        """Tell whether every file is under `where`."""
        return all((where / file).is_file() for file in self.files)

    def altered(self, where: Path) -> Path | None:
        """Return the first file under `where` whose checksum is not the one declared."""
        for file, declared in self.md5.items():
            if (where / file).is_file() and md5_of(where / file) != declared:
                return where / file
        return None

    def check(self, name: str, train: Raw, test: Raw) -> None:
        """Raise `DataError` unless what was read has the sizes and the shape declared."""
        declared = {"training": (self.train, train), "test": (self.test, test)}
        for split, (count, (x, y)) in declared.items():
            if (len(x), *x.shape[1:]) != (count, *self.shape) or len(y) != count:
                raise DataError(
                    f"{name} has {count:,} {split} examples of shape {self.shape}, but what is "
                    f"there has values {tuple(x.shape)} and {len(y):,} labels: these are other "
                    f"files. Move them away and run `bnbook data fetch {name}`"
                )


def from_tensors(
    name: str, train: Raw, test: Raw, classes: tuple[str, ...], *, pooled: bool = False
) -> Dataset:
    """Build a data set from raw values and labels, standardised by the training split.

    Channel or feature c becomes (x_c − μ_c)/σ_c in both splits, with the mean μ_c and the biased
    standard deviation σ_c over all training examples and, of images, all their pixels. With
    `pooled` every seed is dealt its own split of both together, else the one given is fixed.
    Raises `DataError` unless the tensors are images (N, C, H, W) or rows (N, features) of one
    shape, finite and varying, labelled with two classes or more.
    """
    if len(classes) < 2:
        raise DataError(f"{name} has {len(classes)} class; expected at least two")
    for split, (x, y) in {"train": train, "test": test}.items():
        _check(f"the {split} split of {name}", x, y, len(classes))
    shapes = [tuple(x.shape[1:]) for x, _ in (train, test)]
    if shapes[0] != shapes[1]:
        raise DataError(f"{name} has training examples {shapes[0]} but test examples {shapes[1]}")
    rows = torch.arange(len(train[1]))
    deal = Deal(rows, rows[:0], *moments(train[0], rows))
    if constant := (deal.std == 0).flatten().nonzero().flatten().tolist():
        what = "channel" if train[0].ndim == 4 else "feature"
        raise DataError(f"{name}: {what}(s) {constant} never vary over the training examples")
    one, other = (Split(_standardised(x, deal), y.long().contiguous()) for x, y in (train, test))
    pool = None
    if pooled:
        x, y = (torch.cat(each) for each in zip(train, test, strict=True))
        pool = Pool(x, y.long(), len(test[1]))
    return Dataset(name, one, other, classes, _fingerprint(train, test), pool)


def _standardised(x: Tensor, deal: Deal) -> Tensor:
    """A copy of x (example, …) in float32, with the mean and the deviation of a deal taken out."""
    values = torch.empty(x.shape, dtype=torch.float32, device=x.device).copy_(x)
    return values.sub_(deal.mean).div_(deal.std)


def _fingerprint(train: Raw, test: Raw) -> str:
    """Hash of the examples as they came: no rounding enters."""
    digest = hashlib.sha256()
    for x, y in (train, test):
        for values in (x.cpu().contiguous().numpy(), y.cpu().long().numpy()):
            plain = values.astype(values.dtype.newbyteorder("<"), copy=False)
            digest.update(f"{plain.shape} {plain.dtype.str}".encode())
            digest.update(plain.data)
    return digest.hexdigest()[:16]


def md5_of(path: Path) -> str:
    """Return the MD5 of a file, for comparison with what its publisher tells."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


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
