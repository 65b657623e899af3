"""A folder of images as a data set."""

import hashlib
import os
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps
from tqdm import tqdm

from bnbook.data.base import DataError, Dataset, Raw, from_tensors
from bnbook.data.vision import raw_images

FOLDER = "folder:"
PICTURES = (
    *(".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm"),
    *(".tga", ".tif", ".tiff", ".webp"),
)
"""How the names of files end that are read as pictures."""
DECODING = 2
"""Changes when the same file would be decoded to other pixels."""
T = TypeVar("T")


def read_folder(name: str, where: Path, here: Path) -> Dataset:
    """The data set `folder:PATH`, with PATH looked for in `here`, then in `where`.

    A folder comes class by class. Each split is put in one order, drawn once and for all, so that
    its first examples, which is what probes look at, are a fair sample of it.
    """
    path = _find_folder(name, where, here)
    train, test = (_list_images(path / split) for split in ("train", "test"))
    if train.keys() != test.keys():
        odd = sorted(train.keys() ^ test.keys())
        raise DataError(f"{path}: class(es) {', '.join(odd)} are not in both train/ and test/")
    files = [file for split in (train, test) for found in split.values() for file in found]
    labels = [[i for i, found in enumerate(s.values()) for _ in found] for s in (train, test)]
    pixels = _decoded(files, where / "decoded" / path.name)
    raw_train = _mixed(pixels[: len(labels[0])], labels[0])
    raw_test = _mixed(pixels[len(labels[0]) :], labels[1])
    return from_tensors(name, raw_train, raw_test, tuple(train), pooled=True)


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


def _list_images(path: Path) -> dict[str, list[str]]:
    """The pictures of one split by class, in alphabetical order.

    Names that begin with a dot are not looked at, at any depth. What is no picture is left out
    with a warning.
    """
    expected = f"expected {path}/<class>/ with at least one image in each"
    if not path.is_dir():
        raise DataError(f"{path} is no folder; {expected}")
    folders = sorted(entry for entry in path.iterdir() if entry.is_dir() and _is_shown(entry))
    found: dict[str, list[str]] = {}
    others: list[Path] = []
    for folder in folders:
        files = list(_files_under(folder, {path.resolve()}))
        found[folder.name] = [str(file) for file in files if file.suffix.lower() in PICTURES]
        others += [file for file in files if file.suffix.lower() not in PICTURES]
        if not found[folder.name]:
            raise DataError(f"{folder} holds no image; {expected}")
    if not found:
        raise DataError(f"{path} holds no folder; {expected}")
    if others:
        some = f"{others[0]} and {len(others) - 1} more are" if others[1:] else f"{others[0]} is"
        warnings.warn(f"{some} no picture of {', '.join(PICTURES)}, and left out", stacklevel=2)
    return found


def _is_shown(path: Path) -> bool:
    return not path.name.startswith(".")


def _files_under(folder: Path, seen: set[Path]) -> Iterator[Path]:
    """Files at any depth, each once: a link to where the search has been leads nowhere new."""
    if folder.resolve() in seen:
        return
    seen.add(folder.resolve())
    for entry in sorted(filter(_is_shown, folder.iterdir())):
        if entry.is_dir():
            yield from _files_under(entry, seen)
        elif not entry.exists():
            raise DataError(f"{entry} is a link to what is not there; replace or remove it")
        elif entry.resolve() not in seen:
            seen.add(entry.resolve())
            yield entry


def _decoded(files: list[str], folder: Path) -> NDArray[np.uint8]:
    """Decode `files`, or read what an earlier call decoded and left in `folder`.

    The cache's name covers each file's path, size and time of change, so that an edit is seen. It
    is written whole or not at all, and a `folder` that cannot be written is no error.
    """
    listing = [(file, os.path.getsize(file), os.path.getmtime(file)) for file in files]
    key = repr((DECODING, listing)).encode()
    cache = folder / f"{hashlib.sha256(key).hexdigest()[:16]}.npy"
    if cache.is_file():
        try:
            return np.asarray(np.load(cache))
        except (OSError, ValueError) as error:
            warnings.warn(f"{cache} is damaged ({error}); decoding the images again", stacklevel=2)
    images = _decode(files)
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".decoded-", dir=folder) as temporary:
            np.save(Path(temporary) / cache.name, images)
            os.replace(Path(temporary) / cache.name, cache)
    return images


def _decode(files: list[str]) -> NDArray[np.uint8]:
    """RGB pixels (N, H, W, 3) of images that must all have the size that most of them have."""
    sizes = [_looked_at(file, _upright_size) for file in files]
    width, height = common = Counter(sizes).most_common(1)[0][0]
    images = np.empty((len(files), height, width, 3), np.uint8)
    for i, file in enumerate(tqdm(files, "decoding", unit="image", leave=False, disable=None)):
        if sizes[i] != common:
            raise DataError(
                f"{file} has (height, width) {sizes[i][::-1]}, but most, such as "
                f"{files[sizes.index(common)]}, have {common[::-1]}; expected images of one size: "
                "resize or remove it"
            )
        images[i] = _looked_at(file, _pixels)
    return images


def _looked_at(file: str, look: Callable[[Image.Image], T]) -> T:
    """What `look` finds in a picture; what is wrong with it is a `DataError` with its name."""
    giant = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(file) as image:
                return look(image)
    except giant as error:
        raise DataError(f"{file} is too large a picture ({error}); resize or remove it") from error
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{file} cannot be decoded ({error}); replace or remove it") from error


def _upright_size(image: Image.Image) -> tuple[int, int]:
    """Width and height after the rotation that the camera noted."""
    width, height = image.size
    on_its_side = image.getexif().get(ExifTags.Base.Orientation, 1) in (5, 6, 7, 8)
    return (height, width) if on_its_side else (width, height)


def _pixels(image: Image.Image) -> NDArray[np.uint8]:
    """RGB (H, W, 3), upright; 16 bits are scaled to 8."""
    if (frames := getattr(image, "n_frames", 1)) > 1:
        raise ValueError(f"it holds {frames} pictures, and a file should hold one")
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I;16"):
        levels = np.asarray(upright).astype(np.uint16)
        eight_bits = np.rint(levels / 257).astype(np.uint8)  # 65,535 is 257 times 255
        return np.repeat(eight_bits[:, :, None], 3, axis=2)
    if upright.mode in ("I", "F"):
        raise ValueError(
            f"its pixels are 32-bit numbers, mode {upright.mode!r}, of an unknown range; save it "
            "with 8 or 16 bits"
        )
    return np.asarray(upright.convert("RGB"))
