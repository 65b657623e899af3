"""What a run leaves: a labelled xarray Dataset with its provenance, and the key it is found by.

The key is a hash of the plan, the data and the source of what computed the record.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import xarray as xr

PACKAGES = ("bnbook", "torch", "torchvision", "numpy", "scipy", "xarray", "mlxtend")


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
            found[name] = _text(Path(spec.origin))
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
    return hashlib.sha256(_text(Path(path))).hexdigest() if path else module


def _text(path: Path) -> bytes:
    """A source file with the line ends of one system, so that its digest is the same on all."""
    return path.read_bytes().replace(b"\r\n", b"\n")


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
