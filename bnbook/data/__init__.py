"""Data sets by name: a training and a test split, standardised, in memory.

    digits = load("mnist-5k")
    digits.train.x, digits.train.y   # (4000, 1, 28, 28) float32 and (4000,) int64
    digits.split(7).train.x          # as many others: those of seed 7

Every seed of an experiment is dealt its own training and test examples, of all that a data set
has, stratified and standardised by its training examples alone; see `Dataset.split`. The split
that a data set is published with is there under `official:NAME`, the same for all seeds.

Files lie under `root()`, images as torchvision lays them out. A new data set is one more `Source`
in the `SOURCES` of a file in this folder, which is found by itself.
"""

import importlib
import os
import pkgutil
import shutil
import socket
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bnbook import environment
from bnbook.data.base import DataError, Dataset, Raw, Source, Split, from_tensors, md5_of
from bnbook.data.batches import Batched, from_batches
from bnbook.data.dealt import Dealt, Portion
from bnbook.data.folders import FOLDER, read_folder
from bnbook.data.pool import Pool
from bnbook.text import unknown

__all__ = [
    "FOLDER",
    "OFFICIAL",
    "Batched",
    "DataError",
    "Dataset",
    "Dealt",
    "Pool",
    "Portion",
    "Raw",
    "Source",
    "Split",
    "describe",
    "fetch",
    "from_batches",
    "from_tensors",
    "load",
    "names",
    "root",
]


OFFICIAL = "official:"
"""Before a name: the split that the data set is published with, for every seed."""


def root() -> Path:
    """Return the data folder: `$BNBOOK_DATA`, or `data` in the platform's cache folder."""
    return environment.data()


def names() -> list[str]:
    """List the names `load` knows, besides `folder:PATH`."""
    return list(SOURCES)


def describe() -> list[dict[str, Any]]:
    """Return one row a name, for a table or JSON.

    `present` means that no download is needed; `fault` says what is wrong with files that are
    there, and is empty where they are what is declared, as far as checksums tell.
    """
    fields = ("train", "test", "shape", "classes", "origin")
    return [
        {"name": name, "present": source.present(root()), "fault": _fault(name, source, root())}
        | {field: getattr(source, field) for field in fields}
        for name, source in SOURCES.items()
    ]


def _fault(name: str, source: Source, where: Path) -> str:
    """What is wrong with the files of a source, in words; empty where nothing is."""
    if altered := source.altered(where):
        return f"{altered} is not the file of {name!r}: its MD5 is not {_declared(source, altered)}"
    for other, theirs in SOURCES.items():
        for file, md5 in zip(source.files, theirs.md5.values(), strict=False):
            if file not in theirs.md5 and (where / file).is_file() and md5_of(where / file) == md5:
                return f"{where / file} is a file of {other!r}, and not of {name!r}"
    return ""


def _declared(source: Source, path: Path) -> str:
    return next(md5 for file, md5 in source.md5.items() if path.match(file))


def load(name: str | Path) -> Dataset:
    """Return the data set called `name`: one of `names()`, or `folder:PATH`.

    Its `split(seed)` deals the examples anew for each seed; with `official:` before the name
    there is one split for all.
    A `pathlib.Path` is short for `folder:PATH`.
    `PATH` holds `train/<class>/` and `test/<class>/` with images of one size, read as RGB; a
    relative one is looked for here, then under `root()`. What is absent is downloaded. The result
    is kept for the life of the process and shared: do not write into its tensors. Raises
    `ValueError` for an unknown name and `DataError` for data that cannot be had or are bad.
    """
    if isinstance(name, Path):
        name = f"{FOLDER}{name}"
    if not isinstance(name, str):
        raise DataError(
            f"a data set was asked for by {name!r}, a {type(name).__name__}; give a name, "
            f"{FOLDER}PATH, or a pathlib.Path to a folder of images"
        )
    return _load(name, root(), Path.cwd())


def fetch(name: str | Path) -> Dataset:
    """Do what `load` does, but read and check the files again if they have been read before."""
    _load.cache_clear()
    return load(name)


@lru_cache(maxsize=4)
def _load(name: str, where: Path, here: Path) -> Dataset:
    if name.startswith(OFFICIAL):
        whole = _load(name.removeprefix(OFFICIAL), where, here)
        return replace(whole, name=name, pool=None)
    if name.startswith(FOLDER):
        return read_folder(name, where, here)
    if name not in SOURCES:
        raise ValueError(unknown("data set", name, [*SOURCES, f"{FOLDER}PATH"]))
    source = SOURCES[name]
    if not source.present(where):
        _download(name, source, where)
    if fault := _fault(name, source, where):
        raise DataError(f"{fault}. Move it away and run `bnbook data fetch {name}`")
    raw = source.read(where)
    source.check(name, *raw)
    return from_tensors(name, *raw, source.classes, pooled=True)


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


def _sources() -> dict[str, Source]:
    modules = [
        importlib.import_module(f"{__name__}.{m.name}") for m in pkgutil.iter_modules(__path__)
    ]
    return {name: s for module in modules for name, s in getattr(module, "SOURCES", {}).items()}


SOURCES = _sources()
