"""What is set from outside: environment variables, and the folders that follow from them.

Every variable is read here and in one way: an empty one counts as not set, and a folder may begin
with `~`.
"""

import os
import tomllib
from pathlib import Path

from platformdirs import user_cache_path


def setting(name: str) -> str | None:
    """Return an environment variable's value, or None where it is not set or blank."""
    return os.environ.get(name, "").strip() or None


def switched_on(name: str) -> bool:
    """Tell whether an environment variable is set, and not to 0."""
    return setting(name) not in (None, "0")


def folder(name: str) -> Path | None:
    """Return the folder that an environment variable names, with `~` and `~user` put in full.

    Raises `ValueError` for the home of a user that there is not.
    """
    value = setting(name)
    if value is None:
        return None
    try:
        return Path(value).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{name}={value}: no such home folder; give the folder in full") from error


def scale() -> str:
    """Return `$BNBOOK_SCALE`, or else "book"."""
    return setting("BNBOOK_SCALE") or "book"


def data() -> Path:
    """Return the folder of data sets: `$BNBOOK_DATA`, or else `data` in the platform's cache."""
    return folder("BNBOOK_DATA") or _cache() / "data"


def records() -> Path:
    """Return the folder to which records are written.

    It is `$BNBOOK_STORE`; or else, where the package is imported from a checkout of the
    repository, `_build/records` there, so that a checkout has one store whoever asks; or else
    `records` in the platform's cache.
    """
    here = checkout()
    return folder("BNBOOK_STORE") or (here / "_build" if here else _cache()) / "records"


def published() -> Path:
    """Return the folder of the records that ship with the package: `$BNBOOK_PUBLISHED`, or its own.

    It is only read from; an empty folder makes whoever names it measure everything.
    """
    return folder("BNBOOK_PUBLISHED") or Path(__file__).resolve().parent / "published"


def checkout() -> Path | None:
    """Return the checkout of the repository that this package lies in, or None if installed."""
    root = Path(__file__).resolve().parents[1]
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    except (OSError, ValueError, KeyError):
        return None
    return root if project.get("name") == "bnbook" else None


def _cache() -> Path:
    return user_cache_path("bnbook")
