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
from bnbook.data.base import DataError, Dataset, Raw, Source, Split, from_tensors
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
    """Return one row a name, for a table or JSON; `present` means that no download is needed."""
    fields = ("train", "test", "shape", "classes", "origin")
    return [
        {"name": name, "present": source.present(root())}
        | {field: getattr(source, field) for field in fields}
        for name, source in SOURCES.items()
    ]


def load(name: str) -> Dataset:
    """Return the data set called `name`: one of `names()`, or `folder:PATH`.

    Its `split(seed)` deals the examples anew for each seed; with `official:` before the name
    there is one split for all.
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
    return from_tensors(name, *source.read(where), source.classes, pooled=True)


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
