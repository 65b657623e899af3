"""What a release said of each claim, and how this copy differs and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

from bnbook.claims._judgement import Judgement
from bnbook.claims._page import verdict_word
from bnbook.claims._table import Table
from bnbook.stats import MIN_SEEDS, number
from bnbook.stats.quantifiers import FAILS

Past = Mapping[str, Any]
"""One claim of an earlier release: its verdict, effect, low and high, by name."""

RENAMED = {"refuted": FAILS, "proved": frozenset({"proved"})}
"""Words of earlier releases that the present ones only split."""


@cache
def releases() -> dict[str, Past]:
    """The ledgers of earlier releases by version, oldest first, as they were published."""
    folder = files("bnbook.claims") / "history"
    found = [json.loads(each.read_text("utf-8")) for each in folder.iterdir()]
    return {each["version"]: each for each in sorted(found, key=lambda each: each["version"])}


@dataclass(frozen=True)
class Change:
    """One claim then and now, and why it is called otherwise; either is None where it was not."""

    id: str
    then: Past | None
    now: Judgement | None
    why: str


@dataclass(frozen=True, repr=False)
class Changes:
    """What changed since the release `since`; it shows itself as a table."""

    since: Past
    rows: tuple[Change, ...]
    same: int

    @classmethod
    def of(cls, table: Table, since: Past) -> Changes:
        """The claims of `table` whose verdict is not what the release `since` called it."""
        then, now = since["claims"], {each.claim.id: each for each in table.judgements}
        rows = [
            Change(name, then.get(name), now.get(name), why(then.get(name), now.get(name)))
            for name in [*now, *(name for name in then if name not in now)]
            if name not in then or name not in now or then[name]["verdict"] != now[name].verdict
        ]
        return cls(since, tuple(rows), len(now) - sum(row.now is not None for row in rows))

    def __str__(self) -> str:
        """A line a change in plain text."""
        lines = [f"Since {self.since['version']}: {len(self.rows)} changed, {self.same} did not"]
        for row in self.rows:
            then = row.then["verdict"] if row.then else "–"
            now = row.now.verdict if row.now else "–"
            lines.append(f"{row.id}: {then} → {now}. {row.why}")
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        body = "".join(map(_row, self.rows))
        return (
            f'<div class="bn-changes" style="overflow-x:auto"><p>{self.same} verdicts are as they '
            f"were in release {escape(self.since['version'])}, {len(self.rows)} are not.</p>"
            "<table><thead><tr><th>Claim</th><th>Then</th><th>Now</th><th>Why</th></tr></thead>"
            f"<tbody>{body}</tbody></table></div>"
        )

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}


def why(then: Past | None, now: Judgement | None) -> str:
    """What accounts for the difference: the words, the rule, the measurement, or the seeds."""
    if then is None:
        return "A new claim."
    if now is None:
        return "Withdrawn."
    reasons = [now.claim.changed] if now.claim.changed else []
    if now.verdict in RENAMED.get(then["verdict"], frozenset()):
        reasons.append("The same finding, by a word that says which: " + now.reason + ".")
    elif then["verdict"] == "depends":
        reasons.append(f"The claim now {now.speaks_of or 'speaks of one effect'}: {now.reason}.")
    elif now.effect.n < MIN_SEEDS:
        reasons.append(f"It rests on {now.effect.n} seeds, and {MIN_SEEDS} are asked for now.")
    elif not then["low"] <= now.effect.estimate <= then["high"]:
        moved = f"{number(then['effect'])} then, {number(now.effect.estimate)} now"
        reasons.append(f"Measured anew, the effect is another one: {moved} ({now.claim.unit}).")
    elif now.uncorrected != now.verdict:
        reasons.append(
            "The evidence does not stand the correction for looking at so many settings."
        )
    else:
        reasons.append("The effect is as it was, and its interval is wider: " + now.reason + ".")
    return " ".join(reasons)


def _row(row: Change) -> str:
    now = "–"
    name = f"<code>{escape(row.id)}</code>"
    if row.now is not None:
        now = verdict_word(row.now.verdict)
        name = f'<a href="#scoreboard-{escape(row.id)}">{name}</a>'
    then = escape(row.then["verdict"]) if row.then else "–"
    kind = f' class="bn-verdict-{row.now.verdict}"' if row.now is not None else ""
    cells = "".join(f"<td>{cell}</td>" for cell in (name, then, now, escape(row.why)))
    return f"<tr{kind}>{cells}</tr>"
