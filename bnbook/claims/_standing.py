"""What of each of the five sources stands, in a paragraph that the ledger writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape

from bnbook.claims._judgement import Judgement
from bnbook.claims._page import anchor, extent
from bnbook.claims._sources import LETTERS, author_year
from bnbook.claims._table import Table
from bnbook.stats import Verdict

_SAYS = {
    "holds": ("holds", "hold"),
    "in part": ("holds in some settings only", "hold in some settings only"),
    "reversed": ("is contradicted", "are contradicted"),
    "negligible": ("is too small to matter", "are too small to matter"),
    "open": ("is left open", "are left open"),
}
_FATES: dict[Verdict, str] = {
    "supported": "holds",
    "proved": "holds",
    "depends": "holds",
    "reversed": "reversed",
    "disproved": "reversed",
    "negligible": "negligible",
    "inconclusive": "open",
}


@dataclass(frozen=True, repr=False)
class Standing:
    """Sources by letter, each with its claims and the chapters they are judged in."""

    table: Table

    def of(self, key: str) -> list[tuple[str, Judgement]]:
        """The claims that name the source `key`, each with its chapter."""
        return [
            (chapter, each)
            for chapter, judged in self.table.chapters.items()
            for each in judged
            if key in each.claim.sources
        ]

    def paragraph(self, letter: str, name: Callable[[str, Judgement], str]) -> str:
        """What of source `letter` stands; `name` writes a claim of a chapter."""
        claims = self.of(LETTERS[letter])
        named = author_year(LETTERS[letter]).removeprefix(f"Source {letter}").strip()
        who = f"Source {letter} ({named})" if named else f"Source {letter}"
        if not claims:
            return f"{who} makes no claim that is judged here."
        count = len(claims)
        told = [
            f"{len(found)} {one if len(found) == 1 else many} ({_listed(found, name)})"
            for fate, (one, many) in _SAYS.items()
            if (found := [each for each in claims if _fate(each[1]) == fate])
        ]
        start = f"{who}: of its {count} claims " if count > 1 else f"{who}: of its one claim "
        return start + "; ".join(told) + "."

    def __str__(self) -> str:
        """The paragraphs in plain text."""
        return "\n\n".join(self.paragraph(letter, _plain) for letter in LETTERS)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The paragraphs, each claim linked to the place where it is judged."""
        inner = "".join(f"<p>{self.paragraph(letter, _linked)}</p>" for letter in LETTERS)
        return f'<div class="bn-standing">{inner}</div>'

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}


def _fate(judgement: Judgement) -> str:
    """Whether a claim holds, holds in part, is contradicted, negligible, or open."""
    return "in part" if extent(judgement) else _FATES[judgement.verdict]


def _listed(found: Iterable[tuple[str, Judgement]], name: Callable[[str, Judgement], str]) -> str:
    return "; ".join(
        name(chapter, each) + (f", fails{extent(each)}" if extent(each) else "")
        for chapter, each in found
    )


def _plain(chapter: str, each: Judgement) -> str:
    return each.claim.id


def _linked(chapter: str, each: Judgement) -> str:
    page, says = f"{escape(chapter)}.html", escape(each.claim.says)
    return f'<a href="{page}#{anchor(each.claim.id)}" title="{says}">{escape(each.claim.id)}</a>'
