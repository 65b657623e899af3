"""Verdicts as HTML that needs no stylesheet: the box of one claim, and the ledger in brief.

Everything takes the colour of the text around it, so that light and dark both work, and the
verdict stands there as a word and a sign. A stylesheet may colour a verdict by setting the
variable `--bn-verdict` on `.bn-verdict-supported` and its like.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

from bnbook.claims._claim import Claim
from bnbook.claims._sources import author_year
from bnbook.claims._units import measured_in, unit
from bnbook.stats import LEVEL, Verdict
from bnbook.stats.quantifiers import FAILS, HOLDS

if TYPE_CHECKING:  # what is drawn imports how it is drawn, and not the other way round
    from bnbook.claims._advice import DecisionTable
    from bnbook.claims._bearing import Bearing
    from bnbook.claims._judgement import Judgement
    from bnbook.claims._table import Table

SIGNS: dict[Verdict, str] = {
    "supported": "✓",
    "reversed": "✗",
    "negligible": "≈",
    "inconclusive": "?",
    "depends": "±",
    "proved": "∎",
    "disproved": "✗",
}

BOX = (
    "border:1px solid currentColor;border-left:0.4em solid var(--bn-verdict, currentColor);"
    "border-radius:0.2em;padding:0.6em 1em;margin:1em 0;line-height:1.5"
)
PARAGRAPH = "margin:0.2em 0"
TABLE = "border-collapse:collapse;margin:0.5em 0;font-size:0.95em"
CELL = "text-align:left;vertical-align:top;padding:0.2em 0.8em 0.2em 0;background:none"


def verdict_word(verdict: Verdict, extent: str = "") -> str:
    """The verdict with its sign, which screen readers skip, and how far it goes."""
    style = "white-space:nowrap;color:var(--bn-verdict, currentColor)"
    return (
        f'<strong class="bn-verdict-word" style="{style}">'
        f'<span aria-hidden="true">{SIGNS[verdict]}</span> {verdict.capitalize()}</strong>'
        f"{escape(extent)}"
    )


def verdict_box(judgement: Judgement) -> str:
    """An `aside` that says what was claimed, by whom, what was measured, and the verdict."""
    claim = judgement.claim
    head = verdict_word(judgement.verdict, extent(judgement))
    paragraphs = [
        f"{head} · <code>{escape(claim.id)}</code> · {cited(claim)} · {_HELP}",
        f"<em>{escape(claim.says)}</em>",
        measured(judgement),
        escape(f"{_sentence(judgement.bound)}: {judgement.reason}.{_correction(judgement)}"),
    ]
    if claim.note:
        paragraphs.append(escape(claim.note))
    if judgement.elsewhere:
        paragraphs.append(_elsewhere(judgement))
    if judgement.made:
        older = "; the code that computes it has changed since" if judgement.outdated else ""
        paragraphs.append(f"<small>Measured {escape(judgement.made)}{older}.</small>")
    body = "".join(f'<p style="{PARAGRAPH}">{paragraph}</p>' for paragraph in paragraphs)
    return (
        f'<aside class="bn-verdict bn-verdict-{judgement.verdict}" role="note" '
        f'id="{anchor(claim.id)}" aria-label="Verdict on {escape(claim.id)}: {judgement.verdict}" '
        f'data-effect="{judgement.shown:.6g}" style="{BOX}">{body}{strata_table(judgement)}</aside>'
    )


_HELP = '<a href="scoreboard.html#how-a-verdict-is-reached">how to read this</a>'


def _elsewhere(judgement: Judgement) -> str:
    """The verdicts on other data, with their effects for a pointer."""
    found = "; ".join(
        f'{escape(called(each.scale, each.data))}: <span class="bn-verdict-{each.verdict}" '
        f'title="{escape(each.effect_text)}">{verdict_word(each.verdict)}</span>'
        for each in judgement.elsewhere
    )
    return f"The same on {found}."


NAMES = {
    "mnist-5k": "digits",
    "fashion-5k": "clothes",
    "cifar10": "CIFAR-10",
    "folder:cifar10-jpeg": "CIFAR-10, JPEG copy",
}
"""Data sets in the words of the pages."""


def called(scale: str, data: str) -> str:
    """A scale and a data set in words: `clothes`, `CIFAR-10, JPEG copy (lab)`."""
    name = NAMES.get(data, data or "made by the experiment")
    return name if scale == "book" else f"{name} ({scale})"


def extent(judgement: Judgement) -> str:
    """Where a claim about every stratum fails in some and holds in others: in how many it fails."""
    if judgement.verdict not in FAILS or judgement.claim.quantifier not in ("all", "best"):
        return ""
    decided = [each.verdict for each in judgement.rests_on.values()]
    fails = sum(verdict in FAILS for verdict in decided)
    return f" in {fails} of {len(decided)}" if any(v in HOLDS for v in decided) else ""


_AT = {
    "all": "at its weakest",
    "best": "at its weakest",
    "any": "at its strongest",
    "by": "at most",
}


def measured(judgement: Judgement) -> str:
    """What was measured, where, and on how many seeds."""
    claim = judgement.claim
    where = f", {_AT[str(claim.quantifier)]} ({judgement.at})" if judgement.at else ""
    of = measured_in(claim.unit)
    what = f" of {of}" if of and judgement.effect.n else ""
    return (
        f"Measured{escape(where)}: <strong>{escape(judgement.effect_text)}</strong>{escape(what)} "
        f"({LEVEL:.0%} interval; {escape(judgement.basis)})."
    )


def _correction(judgement: Judgement) -> str:
    """What the verdict would be without the correction for having looked at several strata."""
    alone = judgement.uncorrected
    if alone in (None, judgement.verdict):
        return ""
    return f" Without the correction for looking at {len(judgement.rests_on)}: {alone}."


def brief(table: Table) -> str:
    """A row a chapter: title and question, a mark for each claim, and how many of each verdict.

    A title leads to the chapter, a mark to the place where its claim is judged.
    """
    rows = "".join(_line(table, name) for name in table.chapters)
    return (
        f'<div class="bn-brief" style="overflow-x:auto"><p>{escape(table.summary)}.</p>'
        f'<table style="{TABLE}">{_head(("Chapter", "Claims", "Verdicts"))}'
        f"<tbody>{rows}</tbody></table></div>"
    )


def tally(judgements: Iterable[Judgement]) -> str:
    """`3 supported, 2 reversed`, most frequent first."""
    counts = Counter(each.verdict for each in judgements)
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())


def _line(table: Table, name: str) -> str:
    """The row of one chapter."""
    judged, page = table.chapters[name], f"{escape(name)}.html"
    asked = table.questions.get(name, "")
    question = f'<br><span class="bn-question">{escape(asked)}</span>' if asked else ""
    chapter = f'<a href="{page}">{escape(table.titles[name])}</a>{question}'
    marks = " ".join(_mark(each, page) for each in judged)
    cells = (chapter, marks, escape(tally(judged)))
    return _cells(cells)


def _mark(judgement: Judgement, page: str) -> str:
    """The sign of one verdict, linked to its box; its words are for a pointer and a reader."""
    claim, verdict = judgement.claim, judgement.verdict
    words = escape(f"{claim.id}: {verdict}. {claim.says}")
    return (
        f'<a class="bn-mark bn-verdict-{verdict}" href="{page}#{anchor(claim.id)}" '
        f'title="{words}" aria-label="{words}" '
        f'style="color:var(--bn-verdict, currentColor)">{SIGNS[verdict]}</a>'
    )


def decision_table(table: DecisionTable) -> str:
    """Situations, advice, and the claim with its effect and verdict behind each."""
    columns = ("When", "Then", "Because of", f"Effect [{LEVEL:.0%} interval]", "Verdict")
    rows = "".join(
        _row(
            each.verdict,
            (
                escape(each.advice.when),
                f"<strong>{escape(each.text)}</strong>",
                f'<a href="#{anchor(each.advice.claim)}">{escape(each.basis)}</a>',
                escape(each.found),
                verdict_word(each.verdict),
            ),
        )
        for each in table.rows
    )
    return (
        '<div class="bn-decisions" style="overflow-x:auto">'
        f'<table style="{TABLE}">{_head(columns)}<tbody>{rows}</tbody></table></div>'
    )


def bearing_table(bearing: Bearing) -> str:
    """What supports the answer and what contradicts it: claims, verdicts, and what would turn us.

    A claim leads to the place where it is judged.
    """
    columns = ("The answer", "Claim", "Verdict", "What would change our mind")
    rows = "".join(
        _row(
            row.judgement.verdict,
            (
                f"<strong>{escape(row.stands)}</strong>",
                f'<a href="{escape(row.chapter)}.html#{anchor(row.bears.claim)}">'
                f"{escape(row.bears.claim)}</a>: <em>{escape(row.judgement.claim.says)}</em><br>"
                f"{escape(row.bears.why)}",
                f"{verdict_word(row.judgement.verdict, extent(row.judgement))}<br>"
                f"{escape(row.judgement.effect_text)}",
                escape(row.bears.turns),
            ),
        )
        for row in bearing.rows
    )
    return (
        f'<p>{escape(bearing.summary)}.</p><div class="bn-decisions" style="overflow-x:auto">'
        f'<table style="{TABLE}">{_head(columns)}<tbody>{rows}</tbody></table></div>'
    )


def anchor(claim_id: str) -> str:
    """The `id` of a claim's box on its page."""
    return f"claim-{escape(claim_id)}"


def cited(claim: Claim) -> str:
    """The claim's sources by author and year, each a link to its entry in the bibliography."""
    return ", ".join(
        f'<a href="bibliography.html#cite-{escape(key)}">{escape(author_year(key))}</a>'
        for key in claim.sources
    )


def strata_table(judgement: Judgement) -> str:
    """The effects by stratum as a table; nothing for a claim without strata."""
    if not judgement.strata:
        return ""
    claim, shown = judgement.claim, unit(judgement.claim.unit)
    head = _head(("setting", "effect", "verdict"))
    rows = "".join(
        _row(
            each.verdict,
            (
                escape(name) + (" (control)" if name in claim.controls else ""),
                escape(shown.interval(each.effect)),
                verdict_word(each.verdict),
            ),
        )
        for name, each in judgement.strata.items()
    )
    return (
        '<div class="bn-strata" style="overflow-x:auto">'
        f'<table style="{TABLE}">{head}<tbody>{rows}</tbody></table></div>'
    )


def _head(columns: tuple[str, ...]) -> str:
    cells = "".join(f'<th scope="col" style="{CELL}">{escape(name)}</th>' for name in columns)
    return f"<thead><tr>{cells}</tr></thead>"


def _row(verdict: Verdict, cells: tuple[str, ...]) -> str:
    return _cells(cells, f' class="bn-verdict-{verdict}"')


def _cells(cells: tuple[str, ...], attributes: str = "") -> str:
    inner = "".join(f'<td style="{CELL}">{cell}</td>' for cell in cells)
    return f"<tr{attributes}>{inner}</tr>"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
