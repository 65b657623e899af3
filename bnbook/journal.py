"""What a reader has done: exercises tried and solved, and guesses made. A small JSON file.

Pages keep the same in the browser, and write and read the same files: `export("mine.json")` here is
"Import" there, and the other way round.

    >>> import bnbook                                  # doctest: +SKIP
    >>> bnbook.journal.bring("bnbook-journal.json")    # doctest: +SKIP
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from bnbook import environment
from bnbook.store import write_atomically

VERSION = 1
KINDS = ("exercises", "predictions")
Journal = dict[str, dict[str, dict[str, Any]]]
"""By kind ("exercises", "predictions") and id: what is known of each."""


class JournalError(ValueError):
    """A file is no journal; says what it should be."""


def path() -> Path:
    """The file that it is kept in: `$BNBOOK_JOURNAL`, or one in the platform's data folder.

    Where the variable names what is no file, such as a device, nothing is kept.
    """
    return environment.folder("BNBOOK_JOURNAL") or user_data_path("bnbook") / "journal.json"


def read() -> Journal:
    """All that is kept; a file that is damaged counts for nothing, with a warning."""
    if _is_no_file(path()):
        return _empty()
    try:
        return _parsed(path().read_text(encoding="utf-8"))
    except FileNotFoundError:
        return _empty()
    except (OSError, JournalError) as error:
        warnings.warn(f"{path()} is not used: {error}", stacklevel=2)
        return _empty()


def note(kind: str, name: str, **known: Any) -> None:
    """Keep what is `known` of an exercise or a prediction, beside what was known before.

    Where nothing can be written, as on a read-only disk, nothing is kept.
    """
    journal = read()
    journal[kind][name] = {**journal[kind].get(name, {}), **known}
    try:
        _write(path(), journal)
    except OSError as error:
        warnings.warn(f"your progress is not kept: {error}", stacklevel=2)


def clear() -> None:
    """Forget all of it."""
    path().unlink(missing_ok=True)


def export(file: str | Path) -> Path:
    """Write all of it to `file`, for a page's "Import" or for another machine; returns its path."""
    _write(Path(file), read())
    return Path(file).resolve()


def bring(file: str | Path) -> Journal:
    """Add what `file` has, written by a page's "Export" or by `export`; returns all that is kept.

    What was solved in either is solved, attempts and hints are the larger number, and a guess that
    was made here stays. A file that is no journal is a `JournalError`, and changes nothing.
    """
    try:
        other = _parsed(Path(file).read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise JournalError(f"{file} is not a text file") from error
    merged = merge(read(), other)
    _write(path(), merged)
    return merged


def merge(mine: Journal, other: Journal) -> Journal:
    """Two journals as one; see `bring`."""
    exercises = {
        name: _together(mine["exercises"].get(name, {}), other["exercises"].get(name, {}))
        for name in {**mine["exercises"], **other["exercises"]}
    }
    return {"exercises": exercises, "predictions": {**other["predictions"], **mine["predictions"]}}


def _together(one: Mapping[str, Any], two: Mapping[str, Any]) -> dict[str, Any]:
    most = {
        count: max(one.get(count, 0), two.get(count, 0))
        for count in ("attempts", "hints")
        if count in one or count in two
    }
    better = one if one.get("passed") or not two.get("passed") else two
    return {**two, **one, **better, **most}


def _parsed(text: str) -> Journal:
    try:
        found = json.loads(text)
        if found["bnbook"] != VERSION:
            raise JournalError(f"its version is {found['bnbook']}; this package reads {VERSION}")
        parts = {kind: dict(found[kind]) for kind in KINDS}
        if not all(isinstance(each, dict) for part in parts.values() for each in part.values()):
            raise TypeError
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise JournalError(
            "this is no journal: export one from a page's progress, or by bnbook.journal.export"
        ) from error
    return parts


def _write(file: Path, journal: Journal) -> None:
    """Whole or not at all."""
    if _is_no_file(file):
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"bnbook": VERSION, **journal}, indent=1, ensure_ascii=False)
    write_atomically(file, text.encode())


def _is_no_file(file: Path) -> bool:
    return file.exists() and not file.is_file()


def _empty() -> Journal:
    return {kind: {} for kind in KINDS}
