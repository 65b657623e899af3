"""What the book's chapters declare, one file a chapter, found by itself.

A package such as `bnbook.claims` holds a module for each chapter, named after its page with
underscores for hyphens, which lists its members in one constant. Modules whose names begin with
an underscore are no chapters. `PAGES` is the one list of the chapters, in the order of the book.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Generic, TypeVar

from bnbook.text import unknown

PAGES: dict[str, tuple[str, str]] = {
    "covariate-shift": (
        "Covariate shift",
        "Does BN work by keeping the inputs of each layer still?",
    ),
    "bn-math": (
        "The mathematics of batch normalization",
        "What follows from the formula alone, and what does not?",
    ),
    "does-it-help": (
        "Does it help, and what decides?",
        "Where does BN help, where does it not, and what decides?",
    ),
    "regularization-noise": (
        "Regularization noise",
        "Is it the noise of batch statistics that helps, as dropout would?",
    ),
    "jacobian-isometry": (
        "Jacobian isometry and gradient flow",
        "Does BN keep signals and gradients alive through the layers?",
    ),
    "smoothness": (
        "Smoothness of the loss",
        "Does BN make the loss smoother, and is that why it trains faster?",
    ),
    "learning-rate": (
        "The rate that BN sets",
        "What does a learning rate mean before a normalizer, and who sets it?",
    ),
    "small-batches": (
        "Small-batch failure and its cures",
        "What fails when batches are small or unfair, and what cures it?",
    ),
    "after-bn": (
        "What came after, and what BN costs",
        "Which of its successors match BN, and what is the price of it?",
    ),
    "clinic": (
        "The clinic: your network, measured and diagnosed",
        "Your network misbehaves. Is it the normalization, and what do you do?",
    ),
    "the-answer": (
        "The answer: a dissection",
        "Which part of batch normalization does the work?",
    ),
}
"""Title and question of each chapter by the name of its page; the table of contents follows it."""


class ChapterError(ValueError):
    """A chapter's file does not declare what it should, or two files declare the same id."""


@dataclass(frozen=True)
class Declared:
    """Anything that a chapter declares: it has an id such as shift-1, unique among its kind."""

    id: str

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.id):
            raise ChapterError(f"id {self.id!r}: use lower-case words and hyphens, as in shift-1")


M = TypeVar("M", bound=Declared)


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
    chapters = [_chapter(module, constant, kind) for module in modules]
    places = {name: place for place, name in enumerate(PAGES)}
    chapters.sort(key=lambda chapter: (places.get(chapter.name, len(places)), chapter.name))
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
    if chapter in PAGES and chapter not in by_name:
        file, others = chapter.replace("-", "_") + ".py", list(by_name.values())
        place = f" in {Path(others[0].file).parent}" if others else ""
        raise ChapterError(f"chapter {chapter!r} has no file {file}{place}")
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
    title, question = PAGES.get(name, (name.replace("-", " ").capitalize(), ""))
    return Chapter(name, title, file, declared, question)
