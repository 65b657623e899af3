"""The store of records: a folder of NetCDF files that several people and processes may share.

A file's name ends in the digest of its content, so one rename makes it whole, and a damaged or
half-written file is known by looking. What was verified is opened from memory: reading needs
neither the right to write nor a file system that can lock.
"""

from __future__ import annotations

import errno
import hashlib
import os
import socket
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr
from filelock import FileLock, Timeout

from bnbook import environment

NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP}
"""What a file system answers that cannot lock."""


class StoreError(RuntimeError):
    """The store cannot keep a record; `record` is the one it was given, so nothing is lost.

    It is None where the store was tried before there was a record.
    """

    def __init__(self, message: str, record: xr.Dataset | None) -> None:
        super().__init__(message)
        self.record = record


class DamagedRecord(UserWarning):
    """A stored file does not hold what its name says; what it held is computed anew."""


@dataclass(frozen=True)
class Store:
    """A folder of records, each a file named `TITLE--KEY--DIGEST.nc`.

    `root` is the one folder that is written to. A record that is not there is looked for in
    `others`, in their order; those are only read.
    """

    root: Path
    others: tuple[Path, ...] = ()

    @classmethod
    def default(cls) -> Store:
        """The store of whoever names none: at `environment.records()`, then what is published."""
        return cls(environment.records(), (environment.published(),))

    def load(self, key: str) -> xr.Dataset | None:
        """The record of `key`, or None. What is damaged is not used, with a `DamagedRecord`.

        Others may save and drop meanwhile: a file that goes while it is read is not missed, for
        whoever saves puts the new one there first.
        """
        found = (self._load_from(folder, key) for folder in (self.root, *self.others))
        return next((record for record in found if record is not None), None)

    def _load_from(self, folder: Path, key: str) -> xr.Dataset | None:
        for path in _newest_first(folder, key):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                return self._load_from(folder, key)
            if _digest(content) == path.stem.rpartition("--")[2]:
                return _opened(content)
            self._put_aside(path)
        return None

    def _put_aside(self, path: Path) -> None:
        """A damaged file makes way for a new one, unless it lies where nothing is written."""
        aside = path.with_suffix(".damaged")
        kept = "It is left where it is"
        if path.parent == self.root:
            with suppress(OSError):  # others may do the same, or it is not ours to move
                path.replace(aside)
                kept = f"It is kept as {aside.name}"
        warnings.warn(
            f"{path} is damaged: its content does not match its name. "
            f"{kept}; what it held is computed anew.",
            DamagedRecord,
            stacklevel=3,
        )

    def save(self, record: xr.Dataset, title: str, key: str) -> Path:
        """Write a record whole or not at all; a failure is a `StoreError` that carries it.

        It replaces what was stored under `key` before, but nothing that another process stores
        at the same time, so that two that save at once cannot remove each other's.
        """
        content = bytes(record.to_netcdf(engine="netcdf4", encoding=_compressed(record)))
        path = self.root / f"{title}--{key}--{_digest(content)}.nc"
        older = _newest_first(self.root, key)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content)
        except OSError as error:
            raise StoreError(_why(error, self.root), record) from error
        for each in older:
            if each != path:
                _remove(each)
        return path

    def prepare(self) -> None:
        """Make the folder and write and remove a file there; `StoreError` if that fails.

        For whoever is about to compute for hours what is then to be stored.
        """
        trial = self.root / f".trial-{uuid.uuid4().hex}"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            write_atomically(trial, b"can this folder be written to?")
            trial.unlink()
        except OSError as error:
            raise StoreError(_why(error, self.root), None) from error

    @contextmanager
    def alone(self, key: str, say: Callable[[str], object] = lambda _: None) -> Iterator[None]:
        """While this holds, nobody else does: whoever comes later waits, and is told for whom.

        The lock is a file in the store, open to whoever may write there, and goes when it is
        released. On a file system that cannot lock, nobody waits: two that want the same record
        both compute it, which costs time and changes nothing.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        path = self.root / f".{key}.lock"
        lock = FileLock(path, mode=self.root.stat().st_mode & 0o666 | 0o600, fallback_to_soft=False)
        locked = _acquire(lock, path, say)
        try:
            yield
        finally:
            if locked:
                with suppress(OSError):  # whoever waits for it starts over with a new one
                    path.unlink()
                lock.release()

    def drop(self, key: str) -> None:
        """Remove what is stored under `key`."""
        for path in _newest_first(self.root, key):
            _remove(path)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: nothing half-written is left under any name.

    Its mode follows the umask, as that of any file that a person makes.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex}.writing")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _acquire(lock: FileLock, path: Path, say: Callable[[str], object]) -> bool:
    """Wait for the lock, leave word in it of who has it; False where nothing can be locked."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        holder = ""
        with suppress(OSError, UnicodeDecodeError):
            holder = path.read_text(encoding="utf-8").strip()
        say(f"waiting for {holder or 'another process'}, which is making the same record")
        lock.acquire()
    except OSError as error:
        if error.errno in NO_LOCKS:
            return False
        raise
    with suppress(OSError):
        path.write_text(f"process {os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
    return True


def _newest_first(folder: Path, key: str) -> list[Path]:
    """Files of a key; of two that were stored at once the later comes first."""
    found = []
    for path in folder.glob(f"*--{key}--*.nc"):
        with suppress(FileNotFoundError):
            found.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(found, reverse=True)]


def _remove(path: Path) -> None:
    """Remove a file; one that is gone already, or is another's to remove, stays as it is."""
    with suppress(FileNotFoundError, PermissionError):
        path.unlink()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def _opened(content: bytes) -> xr.Dataset:
    """The record in a file's content; its encoding would cut the longer names of a later merge."""
    with xr.open_dataset(content, engine="netcdf4") as stored:
        return stored.load().drop_encoding()


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
