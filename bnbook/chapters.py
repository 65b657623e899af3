"""What the book's chapters declare, one file a chapter, found by itself.

A package such as `bnbook.claims` holds a module for each chapter, named after its page with
underscores for hyphens, which lists its members in one constant. Modules whose names begin with
an underscore are no chapters. A module may also set `TITLE`, the chapter's title where it is not
its name, `POSITION`, its number in the book, by which chapters are ordered, and `QUESTION`, what
it asks, for the cover.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Generic, TypeVar

from bnbook.text import unknown


class ChapterError(ValueError):
    """A chapter's file does not declare what it should, or two files declare the same id."""


@dataclass(frozen=True)
class Member:
    """Anything that a chapter declares: it has an id such as shift-1, unique among its kind."""

    id: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.id):
            raise ChapterError(f"id {self.id!r}: use lower-case words and hyphens, as in shift-1")


M = TypeVar("M", bound=Member)


@dataclass(frozen=True)
class Chapter(Generic[M]):
    """One chapter: its page's hyphenated `name`, title, file, members in order, and question."""

    name: str
    title: str
    file: str
    members: tuple[M, ...]
    question: str = ""


def read(package: ModuleType, constant: str, kind: type[M]) -> list[Chapter[M]]:
    """The chapters of `package`, in the order of the book, each with the `kind`s in `constant`.

    Raises `ChapterError` for a file without the constant, for a member that is no `kind`, and
    for an id that is declared twice.
    """
    modules = [
        importlib.import_module(f"{package.__name__}.{found.name}")
        for found in pkgutil.iter_modules(package.__path__)
        if not found.name.startswith("_")
    ]
    modules.sort(
        key=lambda module: (getattr(module, "POSITION", len(modules) + 1), module.__name__)
    )
    chapters = [_chapter(module, constant, kind) for module in modules]
    owners: dict[str, str] = {}
    for chapter in chapters:
        for member in chapter.members:
            if member.id in owners:
                raise ChapterError(
                    f"'{member.id}' is declared twice: in {owners[member.id]} and in {chapter.file}"
                )
            owners[member.id] = chapter.file
    return chapters


def members(chapters: Iterable[Chapter[M]], chapter: str | None = None) -> dict[str, M]:
    """The members of all `chapters`, or of the named one, by id; unknown is a `ChapterError`."""
    by_name = {each.name: each for each in chapters}
    if chapter is not None and chapter not in by_name:
        raise ChapterError(unknown("chapter", chapter, by_name))
    chosen = by_name.values() if chapter is None else [by_name[chapter]]
    return {member.id: member for each in chosen for member in each.members}


def _chapter(module: ModuleType, constant: str, kind: type[M]) -> Chapter[M]:
    file = str(module.__file__)
    declared = getattr(module, constant, None)
    if not isinstance(declared, tuple):
        raise ChapterError(f"{file} must set {constant} to a tuple of {kind.__name__}")
    for member in declared:
        if not isinstance(member, kind):
            raise ChapterError(
                f"{file}: {constant} holds a {type(member).__name__}, not a {kind.__name__}"
            )
    name = module.__name__.rpartition(".")[2].replace("_", "-")
    title = getattr(module, "TITLE", name.replace("-", " ").capitalize())
    return Chapter(name, title, file, declared, getattr(module, "QUESTION", ""))
