"""A folder of images as a data set."""

import hashlib
import os
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from bnbook.data.base import DataError, Dataset, Raw, from_tensors
from bnbook.data.vision import raw_images, torchvision_datasets

FOLDER = "folder:"


def read_folder(name: str, where: Path, here: Path) -> Dataset:
    """The data set `folder:PATH`, with PATH looked for in `here`, then in `where`.

    A folder comes class by class. Each split is put in one order, drawn once and for all, so that
    its first examples, which is what probes look at, are a fair sample of it.
    """
    path = _find_folder(name, where, here)
    train, test = (_list_images(path / split) for split in ("train", "test"))
    if train.classes != test.classes:
        odd = sorted(set(train.classes) ^ set(test.classes))
        raise DataError(f"{path}: class(es) {', '.join(odd)} are not in both train/ and test/")
    files = [file for file, _ in train.samples + test.samples]
    pixels = _decoded(files, train.loader, where / "decoded" / path.name)
    raw_train = _mixed(pixels[: len(train)], train.targets)
    raw_test = _mixed(pixels[len(train) :], test.targets)
    return from_tensors(name, raw_train, raw_test, tuple(train.classes), pooled=True)


def _mixed(pixels: NDArray[np.uint8], labels: list[int]) -> Raw:
    order = np.random.default_rng(0).permutation(len(labels))
    return raw_images(pixels[order], [labels[i] for i in order])


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
