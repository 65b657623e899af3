"""The same claims on other data and networks: by every record that ships."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape

from bnbook.claims._judgement import Judgement
from bnbook.claims._page import CELL, called, extent, verdict_word
from bnbook.claims._table import Table
from bnbook.stats import Verdict
from bnbook.stats.quantifiers import FAILS

Place = tuple[str, str]
"""A scale and the name of a data set."""


@dataclass(frozen=True, repr=False)
class Across:
    """Claims on several data sets; it shows itself as a table with the agreement counted.

    `rows` maps a claim's id to its judgements by scale and data set. A claim whose experiment
    makes its own data is the same everywhere, and is left out.
    """

    rows: Mapping[str, Mapping[Place, Judgement]]

    @classmethod
    def of(cls, table: Table) -> Across:
        """The claims of a table, and each again elsewhere."""
        rows = {}
        for each in table.judgements:
            found = {(one.scale, one.data): one for one in (each, *each.elsewhere)}
            if len(found) > 1:
                rows[each.claim.id] = found
        return cls(rows)

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """Every scale and data set, those with most claims first, of equal ones the table's own."""
        count: dict[Place, int] = {}
        for row in self.rows.values():
            for place in row:
                count[place] = count.get(place, 0) + 1
        return tuple(sorted(count, key=lambda place: -count[place]))

    def agreement(self, one: Place, other: Place) -> tuple[int, int]:
        """How many verdicts are the same in two places, and how many claims both have."""
        pairs = [(row[one], row[other]) for row in self.rows.values() if {one, other} <= set(row)]
        return sum(a.verdict == b.verdict for a, b in pairs), len(pairs)

    @property
    def disagreements(self) -> dict[str, dict[Place, Verdict]]:
        """The claims that are not called the same everywhere, and what they are called where."""
        found = {
            name: {place: each.verdict for place, each in row.items()}
            for name, row in self.rows.items()
        }
        return {name: row for name, row in found.items() if len(set(row.values())) > 1}

    @property
    def summary(self) -> str:
        """In how many claims each other place agrees with the first."""
        if len(self.places) < 2:
            return "No record on other data comes with this copy"
        first, *others = self.places
        counted = [(called(*place), *self.agreement(first, place)) for place in others]
        parts = [f"{name} agree in {same} of {both}" for name, same, both in counted]
        return f"With {called(*first)}, " + "; ".join(parts)

    def __str__(self) -> str:
        """A line a claim in plain text."""
        lines = [self.summary]
        for name, row in self.rows.items():
            lines.append(f"{name}: " + " · ".join(f"{called(*p)} {row[p].verdict}" for p in row))
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = "".join(
            f'<th scope="col" style="{CELL}">{escape(text)}</th>'
            for text in ("Claim", *(called(*place) for place in self.places))
        )
        body = "".join(self._row(name) for name in self.rows)
        return (
            f'<p>{escape(self.summary)}.</p><div class="bn-across bn-scrolls" '
            f'style="overflow-x:auto"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        )

    def _row(self, name: str) -> str:
        row = self.rows[name]
        cells = "".join(
            f'<td class="bn-verdict-{row[place].verdict}" style="{CELL}">{_cell(row[place])}</td>'
            if place in row
            else f'<td style="{CELL}">–</td>'
            for place in self.places
        )
        link = f'<a href="#scoreboard-{escape(name)}"><code>{escape(name)}</code></a>'
        return f'<tr><th scope="row" style="{CELL}">{link}</th>{cells}</tr>'

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}


def surprising(table: Table) -> Judgement:
    """See `bnbook.claims.surprise`."""

    def rank(each: Judgement) -> tuple[bool, int, float]:
        everywhere = (each, *each.elsewhere)
        fails = all(
            one.verdict in FAILS and one.verdict != "disproved" and not extent(one)
            for one in everywhere
        )
        sizes = [0.0 if math.isnan(one.in_bounds) else abs(one.in_bounds) for one in everywhere]
        return fails, len(everywhere) if fails else 0, min(sizes)

    return max(table.judgements, key=rank)


def _cell(each: Judgement) -> str:
    mark = " (older code)" if each.outdated else ""
    return f"{verdict_word(each.verdict)}<br>{escape(each.effect_text + mark)}"
