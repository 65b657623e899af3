"""What a run leaves: a labelled xarray Dataset with its provenance, and the key it is found by.

The key is a hash of the plan, the data and the source of what computed the record.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import io
import itertools
import json
import platform
import sys
import tokenize
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Lock
from typing import Any

import xarray as xr

_PARSING = Lock()

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

    Imports are followed as they are written (`import bnbook.x`, `from bnbook.x import y`), and
    through a package that only hands a name on, to where it is defined: a file that nothing names,
    such as a new normaliser beside the one in use, does not count. Nor do comments and docstrings.
    """
    found: dict[str, str] = {}
    waiting = list(modules)
    outside = sorted(m for m in waiting if not _ours(m))
    while waiting:
        name = waiting.pop()
        if _ours(name) and name not in found and (source := _source(name)) is not None:
            found[name] = code_digest(source)
            waiting += {_home(module, item) for module, item in imports(source)}
    return digest(sorted(found.items()), [_outside(m) for m in outside])


@cache
def parsed(source: str) -> ast.Module:
    """The syntax tree of a source; one thread at a time, as Python 3.11 needs it."""
    with _PARSING:
        return ast.parse(source)


@cache
def imports(source: str) -> frozenset[tuple[str, str]]:
    """Modules that a source names, with what it takes from each; "" for the module itself."""
    found: set[tuple[str, str]] = set()
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.Import):
            found.update((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update((node.module, alias.name) for alias in node.names)
    return frozenset(found)


@cache
def handed_on(source: str) -> dict[str, tuple[str, str]]:
    """What a source imports for others: by the name it gives it, from where and as what."""
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in parsed(source).body
        if isinstance(node, ast.ImportFrom) and node.module and _ours(node.module)
        for alias in node.names
    }


def _home(module: str, name: str) -> str:
    """The module that defines what `from module import name` gives."""
    if name and _source(f"{module}.{name}") is not None:
        return f"{module}.{name}"
    origin = handed_on(_source(module) or "").get(name)
    return _home(*origin) if origin else module


@cache
def code_digest(source: str) -> str:
    """Digest of a source file's code: without comments, docstrings and empty lines."""
    return hashlib.sha256(code_of(source)).hexdigest()


def code_of(source: str) -> bytes:
    """A source file without comments, docstrings and empty lines."""
    lines = source.splitlines(keepends=True)
    tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    begins, cut = True, []
    for token, after in itertools.pairwise(tokens):
        docstring = begins and token.type == tokenize.STRING and after.type == tokenize.NEWLINE
        if token.type == tokenize.COMMENT or docstring:
            cut.append((token.start, token.end))
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            begins = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    for (row, column), (last, end) in reversed(cut):
        lines[row - 1 : last] = [lines[row - 1][:column] + lines[last - 1][end:]]
    return "\n".join(line.rstrip() for line in "".join(lines).splitlines() if line.strip()).encode()


def _ours(module: str) -> bool:
    return module.startswith(__name__.partition(".")[0] + ".")


def _source(module: str) -> str | None:
    """Text of a module of this package, its line ends those of one system; None where none is."""
    try:
        spec = importlib.util.find_spec(module) if _ours(module) else None
    except ModuleNotFoundError:
        return None
    return Path(spec.origin).read_text("utf-8") if spec and spec.origin else None


def _outside(module: str) -> str:
    """Digest of a module that is not of this package: an experiment somebody wrote elsewhere."""
    path = getattr(sys.modules.get(module), "__file__", None)
    if not path:
        return module
    return code_digest(Path(path).read_text("utf-8"))


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
