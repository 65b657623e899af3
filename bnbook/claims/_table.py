"""Many claims tabled: the scoreboard, and in brief for the cover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from bnbook.claims._judgement import Judgement
from bnbook.claims._page import brief, tally
from bnbook.claims._scoreboard import scoreboard
from bnbook.stats import Verdict, false_discoveries


@dataclass(frozen=True, repr=False)
class Table:
    """Judgements by chapter, in the order of the book: the scoreboard.

    `chapters` maps the hyphenated name of a page to its judgements, `titles` to its title,
    `questions` to what it asks.
    """

    chapters: Mapping[str, tuple[Judgement, ...]]
    titles: Mapping[str, str]
    questions: Mapping[str, str] = field(default_factory=dict)

    @property
    def judgements(self) -> tuple[Judgement, ...]:
        """All of them, in order."""
        return tuple(each for chapter in self.chapters.values() for each in chapter)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One dictionary a claim, `Judgement.as_dict` with its "chapter" in front."""
        return [
            {
                "chapter": chapter,
                **judgement.as_dict(),
                "stands_false_discovery": judgement.claim.id not in self.fallen,
            }
            for chapter, judgements in self.chapters.items()
            for judgement in judgements
        ]

    @cached_property
    def fallen(self) -> dict[str, Verdict]:
        """The claims whose verdict would be another one, and which, by Benjamini–Hochberg.

        The family is every decision that a verdict of this table rests on, identities apart.
        """
        decisions = [
            (each, name, decision.p)
            for each in self.judgements
            for name, decision in each.rests_on.items()
            if decision.evidence
        ]
        stands = false_discoveries([p for *_, p in decisions])
        gone: dict[str, set[str]] = {}
        for (each, name, _), standing in zip(decisions, stands, strict=True):
            if not standing:
                gone.setdefault(each.claim.id, set()).add(name)
        left = {
            each.claim.id: each.without(frozenset(gone[each.claim.id]))
            for each in self.judgements
            if each.claim.id in gone
        }
        verdicts = {each.claim.id: each.verdict for each in self.judgements}
        return {name: verdict for name, verdict in left.items() if verdict != verdicts[name]}

    @property
    def summary(self) -> str:
        """`7 claims: 3 supported, 2 reversed, 2 inconclusive`, most frequent first."""
        total, shares = len(self.judgements), tally(self.judgements)
        return f"{total} claim{'' if total == 1 else 's'}" + (f": {shares}" if shares else "")

    @property
    def brief(self) -> Brief:
        """A line a chapter, for the cover."""
        return Brief(self)

    def __str__(self) -> str:
        """The scoreboard in plain text."""
        lines = [self.summary]
        for chapter, judgements in self.chapters.items():
            lines += ["", self.titles[chapter], *map(str, judgements)]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return scoreboard(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}


@dataclass(frozen=True, repr=False)
class Brief:
    """The scoreboard in brief: what each chapter asks, how its claims fare, and a mark for each."""

    table: Table

    def __str__(self) -> str:
        """A line a chapter in plain text."""
        lines = [
            f"{self.table.titles[name]}: {tally(judgements)}"
            for name, judgements in self.table.chapters.items()
        ]
        return "\n".join([self.table.summary, *lines])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return brief(self.table)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}
