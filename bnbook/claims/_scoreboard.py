"""The scoreboard as HTML: all claims in a table that can be searched, filtered and sorted.

The table is whole without a script. Where one may run, a few plain lines add search, filters and
an order; nothing comes from a network, so the page works from a file. A table library (itables
with all of its script on the page, 0.7 MB) was looked at: its table needs the script to be seen at
all, and has no cards for a phone.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import math
from collections.abc import Callable, Iterable
from html import escape
from typing import TYPE_CHECKING

import bnbook
from bnbook.claims._page import (
    anchor,
    cited,
    extent,
    measured,
    strata_table,
    verdict_word,
)
from bnbook.claims._sources import LETTERS, author_year
from bnbook.stats import number

if TYPE_CHECKING:
    from bnbook.claims._judgement import Judgement
    from bnbook.claims._table import Table

WIDTH, HEIGHT, FAR = 180, 26, 300.0
"""Pixels of a forest plot, and the effect, in units of what matters, at which its axis ends."""

NO_STRATA = "one effect"


def scoreboard(table: Table) -> str:
    """Filters, a row a claim with its effect drawn and told, and the whole to download."""
    rows = "".join(
        _row(table, name, each, place)
        for place, (name, each) in enumerate(
            (name, each) for name, judged in table.chapters.items() for each in judged
        )
    )
    return (
        f'<div class="bn-scoreboard"><style>{_STYLE}</style>'
        f"<p>{escape(table.summary)}.</p>{_filters(table)}"
        f"<table><thead><tr><th>Claim</th><th>Effect ÷ what matters{_axis()}</th>"
        f"<th>Measured</th><th>Verdict</th></tr></thead><tbody>{rows}</tbody></table>"
        f"{_downloads(table)}<script>{_SCRIPT}</script></div>"
    )


def _row(table: Table, chapter: str, each: Judgement, place: int) -> str:
    claim, page = each.claim, f"{escape(chapter)}.html"
    facts = {
        "chapter": chapter,
        "verdict": each.verdict,
        "source": " ".join(claim.sources),
        "quantifier": claim.quantifier or NO_STRATA,
        "scale": each.scale,
        "data": each.data or "made by the experiment",
        "effect": "" if math.isnan(_drawn(each)) else f"{_drawn(each):.6g}",
        "place": str(place),
    }
    attributes = "".join(f' data-{key}="{escape(value)}"' for key, value in facts.items())
    what = (
        f'<a href="{page}#{anchor(claim.id)}"><code>{escape(claim.id)}</code></a> '
        f"{escape(claim.says)}"
        f'<span class="bn-muted">{cited(claim)} · '
        f'<a href="{page}">{escape(table.titles[chapter])}</a></span>'
    )
    cells = (
        what,
        _forest(each),
        _told(table, each),
        verdict_word(each.verdict, extent(each)) + _mark(table, each),
    )
    inner = "".join(f"<td>{cell}</td>" for cell in cells)
    return (
        f'<tr class="bn-verdict-{each.verdict}" id="scoreboard-{escape(claim.id)}"{attributes}>'
        f"{inner}</tr>"
    )


def _told(table: Table, each: Judgement) -> str:
    """The effect in words, and behind a fold what it rests on and how to measure it anew."""
    seeds = f"{each.effect.n} seeds, {escape(each.scale)}"
    parts = [
        f"<p>{measured(each)}</p>",
        f"<p>{escape(each.bound[:1].upper() + each.bound[1:])}: {escape(each.reason)}.</p>",
        strata_table(each),
        f"<p>{escape(claim_note)}</p>" if (claim_note := each.claim.note) else "",
        f"<p>Measure it: <code>{escape(each.reproduce)}</code></p>",
    ]
    return (
        f"<strong>{escape(each.effect_text)}</strong>"
        f"<details><summary>{seeds}</summary>{''.join(parts)}</details>"
    )


def _mark(table: Table, each: Judgement) -> str:
    """What the verdict would be after a correction for having judged the whole ledger."""
    left = table.fallen.get(each.claim.id)
    if left is None:
        return ""
    words = f"{left} if the whole ledger is corrected for"
    return f'<span class="bn-muted" title="Benjamini and Hochberg">† {escape(words)}</span>'


def _drawn(each: Judgement) -> float:
    """The effect in units of what matters; NaN for an identity, whose residual is no effect."""
    return math.nan if each.claim.matters is None else each.in_bounds


def _forest(each: Judgement) -> str:
    """The interval on an axis of smallest effects that matter; shaded what does not matter."""
    if math.isnan(_drawn(each)):
        return ""
    bound, effect = each.claim.bound, each.effect
    low, high, middle = (_x(end / bound) for end in (effect.low, effect.high, effect.estimate))
    line = (
        f'<line x1="{low:.1f}" x2="{high:.1f}" y1="13" y2="13" stroke-width="3"/>'
        if effect.n > 1
        else ""
    )
    hollow = "var(--pst-color-background, Canvas)"
    fill = hollow if each.verdict == "inconclusive" else "currentColor"
    return (
        f'<svg class="bn-forest" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" aria-hidden="true"><rect x="{_x(-1.0):.1f}" '
        f'width="{_x(1.0) - _x(-1.0):.1f}" y="0" height="{HEIGHT}" opacity="0.14" stroke="none"/>'
        f'<line x1="{_x(0.0)}" x2="{_x(0.0)}" y1="0" y2="{HEIGHT}" opacity="0.5"/>{line}'
        f'<circle cx="{middle:.1f}" cy="13" r="4" fill="{fill}" stroke-width="2"/></svg>'
    )


def _axis() -> str:
    """The axis of the forest plots, for the head of the table."""
    marks = "".join(
        f'<text x="{_x(at):.1f}" y="12" text-anchor="middle">{number(at)}</text>'
        for at in (-100.0, -10.0, -1.0, 1.0, 10.0, 100.0)
    )
    return (
        f'<svg class="bn-forest" viewBox="0 0 {WIDTH} 14" width="{WIDTH}" height="14" '
        f'aria-hidden="true">{marks}</svg>'
    )


def _x(effect: float) -> float:
    """Where an effect lies: as asinh, which is linear about 0 and logarithmic far from it."""
    end = math.asinh(FAR)
    at = max(-end, min(end, math.asinh(effect))) if not math.isnan(effect) else 0.0
    return WIDTH / 2 * (1 + at / end)


def _filters(table: Table) -> str:
    """Search, a choice for each thing to filter by, the order; hidden where no script runs."""
    judged = table.judgements
    keys = dict.fromkeys(key for each in judged for key in each.claim.sources)
    letters = {key: f"{letter}: {author_year(key)}" for letter, key in LETTERS.items()}
    sources = {key: letters[key] for key in letters if key in keys}
    sources |= {key: author_year(key) for key in keys if key not in letters}
    choices = [
        ("Chapter", "chapter", {name: table.titles[name] for name in table.chapters}),
        ("Verdict", "verdict", _seen(judged, lambda each: each.verdict)),
        ("Source", "source", sources),
        ("Speaks of", "quantifier", _seen(judged, lambda e: e.claim.quantifier or NO_STRATA)),
        ("Scale", "scale", _seen(judged, lambda each: each.scale)),
        ("Data", "data", _seen(judged, lambda each: each.data or "made by the experiment")),
    ]
    order = {"largest": "effect, largest first", "smallest": "effect, smallest first"}
    selects = "".join(_select(*choice, "all") for choice in choices)
    return (
        '<form class="bn-filters" role="search" aria-label="Find claims" hidden>'
        '<label>Search<input type="search" name="words" autocomplete="off" '
        'placeholder="words of a claim"></label>'
        f"{selects}{_select('Order', 'order', order, 'as in the book')}"
        '<p><output aria-live="polite"></output> '
        '<button type="reset">Show all</button></p></form>'
    )


def _seen(judged: Iterable[Judgement], of: Callable[[Judgement], str]) -> dict[str, str]:
    return {name: name for name in dict.fromkeys(map(of, judged))}


def _select(label: str, name: str, options: dict[str, str], every: str) -> str:
    inner = f'<option value="">{every}</option>' + "".join(
        f'<option value="{escape(value)}">{escape(text)}</option>'
        for value, text in options.items()
    )
    return f'<label>{label}<select name="{name}" autocomplete="off">{inner}</select></label>'


def _downloads(table: Table) -> str:
    """The whole ledger as JSON and as CSV, on the page itself."""
    version = bnbook.__version__
    whole = json.dumps({"version": version, "claims": table.rows}, ensure_ascii=False, indent=1)
    links = " · ".join(
        f'<a download="ledger-{version}.{kind}" '
        f'href="data:{mime};base64,{base64.b64encode(text.encode()).decode()}">'
        f"ledger-{version}.{kind}</a>"
        for kind, mime, text in (
            ("json", "application/json", whole),
            ("csv", "text/csv", as_csv(table)),
        )
    )
    return f'<p class="bn-downloads">The whole ledger, with every stratum: {links}</p>'


COLUMNS = (
    *("chapter", "id", "says", "source", "scale", "data", "kind", "quantifier"),
    *("stratum", "control", "unit", "matters", "tolerance", "effect", "low", "high", "n"),
    "verdict",
)


def as_csv(table: Table) -> str:
    """A line for each claim, and one for each of its strata, in `COLUMNS`."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for row in table.rows:
        shared = row | {"source": "; ".join(row["source"]), "control": ""}
        writer.writerow(shared | {"stratum": ""})
        for part in row["strata"]:
            writer.writerow(shared | part)
    return out.getvalue()


# Every rule names .bn-scoreboard: nothing else on the page changes. The last one leaves rows that
# are out of sight without layout until they come near.
_STYLE = """
.bn-scoreboard{overflow-x:visible}
.bn-scoreboard .bn-filters:not([hidden]){display:grid;gap:.5rem .9rem;margin:1rem 0;\
grid-template-columns:repeat(auto-fill,minmax(9.5rem,1fr));align-items:end}
.bn-scoreboard .bn-filters p{grid-column:1/-1;margin:0;display:flex;gap:1rem;align-items:center}
.bn-scoreboard label{display:grid;font-size:.85em;margin:0}
.bn-scoreboard input,.bn-scoreboard select,.bn-scoreboard button{font:inherit;font-size:1rem;\
color:inherit;background:var(--pst-color-background,Canvas);border:1px solid currentColor;\
border-radius:.25rem;padding:.25rem .4rem;min-width:0;width:100%}
.bn-scoreboard button{width:auto;padding:.25rem .8rem}
.bn-scoreboard>table,.bn-scoreboard>table>tbody,.bn-scoreboard>table>thead{display:block;\
width:100%;font-size:1em}
.bn-scoreboard>table>*>tr:not([hidden]){display:grid;grid-template-columns:190px 1fr 8.5rem;\
gap:.2rem .8rem;padding:.7rem 0;border-top:1px solid var(--pst-color-border,#8886);\
scroll-margin-top:5rem;background:none}
.bn-scoreboard>table>*>tr>*{border:0;padding:0;min-width:0;text-align:left;background:none;\
vertical-align:top;font-size:.95em}
.bn-scoreboard>table>*>tr>:nth-child(1){grid-area:1/1/auto/-1;font-size:1em}
.bn-scoreboard>table>thead th:nth-child(1){display:none}
.bn-scoreboard>table>thead th{font-weight:600;align-self:end}
.bn-scoreboard .bn-muted{display:block;font-size:.9em;color:var(--pst-color-text-muted,inherit)}
.bn-scoreboard .bn-forest{display:block;color:var(--bn-verdict,currentColor);\
stroke:currentColor;fill:currentColor}
.bn-scoreboard th .bn-forest{color:inherit;stroke:none;font-size:11px;font-weight:400}
.bn-scoreboard summary{cursor:pointer;font-size:.9em;color:var(--pst-color-text-muted,inherit)}
.bn-scoreboard details p{margin:.3rem 0}
.bn-scoreboard details code{overflow-wrap:anywhere}
.bn-scoreboard [hidden]{display:none}
@media (max-width:40rem){
.bn-scoreboard>table>*>tr:not([hidden]){grid-template-columns:1fr auto}
.bn-scoreboard>table>tbody>tr>td:nth-child(3){grid-area:3/1/auto/-1}
.bn-scoreboard>table>tbody>tr>td:nth-child(4){grid-area:2/2;text-align:right}
.bn-scoreboard>table>thead th:nth-child(n+3){display:none}
}
@media screen{
.bn-scoreboard>table>tbody>tr:not([hidden]){content-visibility:auto;\
contain-intrinsic-size:auto 9rem}
}
"""

_SCRIPT = """(function () {
  document.querySelectorAll('.bn-scoreboard').forEach(function (root) {
    var form = root.querySelector('.bn-filters'), body = root.querySelector('tbody');
    var rows = Array.from(body.children), count = form.querySelector('output');
    function folded(text) { return text.toLowerCase().normalize('NFKD'); }
    rows.forEach(function (row) { row.words = folded(row.textContent); });
    function holds(row) {
      return Array.from(form.querySelectorAll('select')).every(function (select) {
        if (!select.value || select.name === 'order') return true;
        var told = row.dataset[select.name];
        return (select.name === 'source' ? told.split(' ') : [told]).includes(select.value);
      }) && folded(form.words.value).split(/\\s+/).every(function (word) {
        return row.words.includes(word);
      });
    }
    function key(row) {
      var turn = { largest: -1, smallest: 1 }[form.order.value];
      if (!turn) return Number(row.dataset.place);
      return row.dataset.effect === '' ? Infinity : turn * Number(row.dataset.effect);
    }
    function show() {
      var shown = 0;
      rows.forEach(function (row) { row.hidden = !holds(row); shown += !row.hidden; });
      rows.sort(function (a, b) {
        var x = key(a), y = key(b);
        return x === y ? a.dataset.place - b.dataset.place : x < y ? -1 : 1;
      });
      rows.forEach(function (row) { body.appendChild(row); });
      count.textContent = shown + ' of ' + rows.length + ' claims';
    }
    form.addEventListener('input', show);
    form.addEventListener('submit', function (event) { event.preventDefault(); });
    form.addEventListener('reset', function () { setTimeout(show); });
    form.hidden = false;
    show();
  });
})();"""
