"""What a run leaves: a labelled xarray Dataset with its provenance, and the store that keeps it.

A record is found by its key, a hash of the plan, the data and the source of what computed it.
A file's name ends in the digest of its content, so one rename makes it whole, and a damaged or
half-written file is known by looking.
"""

from __future__ import annotations

import ast
import errno
import hashlib
import importlib.util
import json
import os
import platform
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import xarray as xr
from filelock import FileLock
from platformdirs import user_cache_dir

PACKAGES = ("bnbook", "torch", "torchvision", "numpy", "scipy", "xarray", "mlxtend")


class StoreError(RuntimeError):
    """The store could not keep a record; `record` is what it was given, so nothing is lost."""

    def __init__(self, message: str, record: xr.Dataset) -> None:
        super().__init__(message)
        self.record = record


class DamagedRecord(UserWarning):
    """A stored file does not hold what its name says; it was set aside and is computed anew."""


def describe(thing: Any) -> Any:
    """A plan as plain JSON: dataclasses by class name and fields, functions by their name."""
    if is_dataclass(thing) and not isinstance(thing, type):
        entries = {f.name: describe(getattr(thing, f.name)) for f in fields(thing)}
        return {"is": type(thing).__name__, **entries}
    if isinstance(thing, tuple | list):
        return [describe(item) for item in thing]
    if isinstance(thing, dict):
        return {str(k): describe(v) for k, v in thing.items()}
    if callable(thing):
        return f"{thing.__module__}.{thing.__qualname__}"
    return thing


def digest(*parts: Any, length: int = 16) -> str:
    """Hexadecimal SHA-256 of the JSON of `parts`, cut to `length` characters."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def source_digest(modules: Iterable[str]) -> str:
    """Digest of the source of `modules` and of every module of this package they import.

    Imports are followed as they are written (`import bnbook.x`, `from bnbook.x import y`), so a
    file that nothing names, such as a new normaliser beside the one in use, does not count.
    """
    found: dict[str, bytes] = {}
    waiting = list(modules)
    outside = sorted(m for m in waiting if not _ours(m))
    while waiting:
        name = waiting.pop()
        spec = importlib.util.find_spec(name) if _ours(name) and name not in found else None
        if spec is not None and spec.origin is not None:
            found[name] = Path(spec.origin).read_bytes()
            waiting += [m for m in _imports(found[name]) if _ours(m) and _is_module(m)]
    hashes = [[name, hashlib.sha256(found[name]).hexdigest()] for name in sorted(found)]
    return digest(hashes, [_outside(m) for m in outside])


def _ours(module: str) -> bool:
    return module.startswith(__name__.partition(".")[0] + ".")


def _imports(source: bytes) -> Iterable[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _outside(module: str) -> str:
    """Digest of a module that is not of this package: an experiment somebody wrote elsewhere."""
    path = getattr(sys.modules.get(module), "__file__", None)
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else module


def assemble(parts: Sequence[xr.Dataset], arms: Sequence[str], seeds: Sequence[int]) -> xr.Dataset:
    """One record from the parts of its tasks, arms and seeds in the order of the plan."""
    whole = xr.merge(parts, join="outer", compat="no_conflicts", combine_attrs="override")
    whole = whole.reindex(arm=list(arms), seed=list(seeds))
    return whole.drop_attrs(deep=False)


def provenance() -> dict[str, str]:
    """Versions, platform and time, as attributes of a record."""
    versions = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "versions": json.dumps(versions),
        "platform": platform.platform(),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }


@dataclass(frozen=True)
class Store:
    """A folder of records, each a NetCDF file named `TITLE--KEY--DIGEST.nc`."""

    root: Path

    @classmethod
    def default(cls) -> Store:
        """`$BNBOOK_STORE`, or else a folder `records` in the platform's cache folder."""
        named = os.environ.get("BNBOOK_STORE")
        return cls(Path(named) if named else Path(user_cache_dir("bnbook")) / "records")

    def load(self, key: str) -> xr.Dataset | None:
        """The record of `key`, or None. A damaged file is set aside, with a `DamagedRecord`."""
        for path in sorted(self.root.glob(f"*--{key}--*.nc")):
            content = path.read_bytes()
            if hashlib.sha256(content).hexdigest()[:16] == path.stem.rpartition("--")[2]:
                with xr.open_dataset(path, engine="netcdf4") as stored:
                    # its encoding would cut the longer names of a part merged with it
                    return stored.load().drop_encoding()
            aside = path.with_suffix(".damaged")
            path.replace(aside)
            warnings.warn(
                f"{path} is damaged: its content does not match its name. "
                f"It is kept as {aside.name}; what it held is computed anew.",
                DamagedRecord,
                stacklevel=2,
            )
        return None

    def save(self, record: xr.Dataset, title: str, key: str) -> Path:
        """Write a record whole or not at all; a failure is a `StoreError` that carries it."""
        content = bytes(record.to_netcdf(engine="netcdf4", encoding=_compressed(record)))
        path = self.root / f"{title}--{key}--{hashlib.sha256(content).hexdigest()[:16]}.nc"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)
        except OSError as error:
            raise StoreError(_why(error, self.root), record) from error
        for older in self.root.glob(f"*--{key}--*.nc"):
            if older != path:
                older.unlink(missing_ok=True)
        return path

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """While this holds, nobody else on this machine does: whoever comes later waits."""
        name = digest(str(self.root.resolve()), key)
        with FileLock(Path(tempfile.gettempdir()) / f"bnbook-{name}.lock"):
            yield

    def drop(self, key: str) -> None:
        """Remove what is stored under `key`."""
        for path in self.root.glob(f"*--{key}--*.nc"):
            path.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: nothing half-written is left under any name."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".writing")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _compressed(record: xr.Dataset) -> dict[Any, dict[str, Any]]:
    numeric = [name for name, v in record.data_vars.items() if v.dtype.kind == "f" and v.ndim]
    return {name: {"zlib": True, "complevel": 4} for name in numeric}


def _why(error: OSError, root: Path) -> str:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left" in str(error)
    cause = "the disk is full" if full else str(error)
    return (
        f"cannot keep a record in {root}: {cause}. Earlier records are untouched. Free some space "
        "or set BNBOOK_STORE to another folder, and run again: what was stored is not recomputed"
    )
