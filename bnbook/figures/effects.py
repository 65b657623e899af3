"""Effects: claims in rows, each with its interval against the smallest effect that matters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator

from bnbook.claims import Judgement
from bnbook.claims._units import RATIO, measured_in, unit
from bnbook.figures.canvas import LINE, SMALL, Canvas, header, render
from bnbook.figures.figure import Figure
from bnbook.figures.scales import Plain
from bnbook.figures.style import Limits, Real, points
from bnbook.figures.words import stated
from bnbook.stats import Interval, Verdict, number

_FAR = 12
"""Effects beyond so many times what matters put the axis on a logarithmic scale."""

_NOTE = "mean and 95 % interval over seeds; shaded: too small to matter"
_PLACE = (232.0, 0.0, 222.0)
"""Left, top and width of the strips where words stand beside them."""

_STRIP = 20.0
_FOOT = 46.0
_SAYS = 12.5

_MARKERS: dict[Verdict, dict[str, Any]] = {
    "supported": {"marker": "o"},
    "reversed": {"marker": "X"},
    "negligible": {"marker": "s"},
    "inconclusive": {"marker": "o"},
    "depends": {"marker": "o", "fillstyle": "left"},
    "proved": {"marker": "D"},
    "disproved": {"marker": "X"},
}


@dataclass(frozen=True)
class _Row:
    """One effect: its name, what it says, and what was found; `scale` is one unit of the axis."""

    name: str
    says: str
    effect: Interval
    verdict: Verdict
    unit: str
    scale: Real

    @property
    def found(self) -> str:
        """The effect in its own unit with its interval, and under it the seeds it rests on."""
        if not self.effect.n:
            return stated(self.effect)
        return f"{unit(self.unit).interval(self.effect)}\nn = {self.effect.n}"


def effects(judgements: Iterable[Judgement]) -> Figure:
    """One row for each judgement, and for each stratum of one: effect, 95 % interval, verdict.

    The shaded zone holds effects too small to matter. Claims in different units share an axis
    that counts smallest effects that matter (for an identity, tolerances). `ValueError` for no
    judgement, and for claims that cannot share an axis because any effect matters to one.
    """
    judged = list(judgements)
    if not judged:
        raise ValueError("effects draws at least one judgement; it was given none")
    bounds = {(j.claim.unit, _bound(j)) for j in judged}
    alone = len(bounds) == 1
    if not alone and any(_bound(j) == 0 for j in judged):
        raise ValueError(
            "any effect at all matters to one of these claims, so it has no unit in common with "
            "the rest; draw it alone"
        )
    rows = [row for each in judged for row in _rows(each, 1.0 if alone else _bound(each))]
    zone = _bound(judged[0]) if alone else 1.0
    common = judged[0].claim.unit if alone else None
    return render(
        lambda canvas: _paint(canvas, rows, zone, common), _alt(rows, judged), _columns(rows)
    )


def _columns(rows: Sequence[_Row]) -> dict[str, list[Any]]:
    """The rows as a table, each effect in its own unit."""
    return {
        "effect of": [row.name for row in rows],
        "says": [row.says for row in rows],
        "estimate": [row.effect.estimate for row in rows],
        "low": [row.effect.low for row in rows],
        "high": [row.effect.high for row in rows],
        "n": [row.effect.n for row in rows],
        "unit": [row.unit for row in rows],
        "smallest that matters": [row.scale for row in rows],
        "verdict": [row.verdict for row in rows],
    }


def _named(common: str | None) -> str:
    """What an axis counts: of a logarithm of ratios the ratio, in which its ticks are."""
    if common is None:
        return "effect ÷ smallest effect that matters"
    return f"ratio of {measured_in(common)}, log scale" if common.startswith(RATIO) else common


def _bound(judged: Judgement) -> Real:
    """Half the width of the zone of effects that do not matter, in the claim's own unit."""
    return judged.claim.bound


def _rows(judged: Judgement, scale: Real) -> list[_Row]:
    """The row of a judgement, then those of its strata."""
    claim = judged.claim
    main = _Row(claim.id, claim.says, judged.effect, judged.verdict, claim.unit, scale)
    return [main] + [
        _Row(f"{claim.stratified_by} {name}", "", each.effect, each.verdict, claim.unit, scale)
        for name, each in judged.strata.items()
    ]


def _paint(canvas: Canvas, rows: Sequence[_Row], zone: Real, common: str | None) -> None:
    """Words, strip and finding of each row: side by side, or one under the other on a phone.

    `common` is the unit that all rows have, None where each counts what matters to it.
    """
    top = header(canvas, "", _NOTE)
    texts = [_text(canvas, row) for row in rows]
    heights = [
        text.height + (16 if row.says else 10) for row, text in zip(rows, texts, strict=True)
    ]
    canvas.resize(top + sum(heights) + _FOOT)
    left, down, width = (8, 0, canvas.width - 16) if canvas.narrow else _PLACE
    end = texts[-1].height if canvas.narrow else heights[-1]
    deep = sum(heights[:-1]) + end
    ax = canvas.axes(left, top + down, width, deep)  # one for all: axes that share are slow
    ax.set(ylim=(deep, 0), yticks=[])
    ax.grid(False)
    at: Real = 0
    for row, text, height in zip(rows, texts, heights, strict=True):
        strip = (
            (at + text.height - _STRIP, at + text.height) if canvas.narrow else (at, at + height)
        )
        _strip(canvas, ax, row, zone, strip)
        _write(canvas, row, text, top + at)
        at += height
    _axis(ax, rows, common)


@dataclass(frozen=True)
class _Text:
    """What stands beside a row's strip, broken into lines, and the height of the row."""

    says: str
    found: str
    height: Real


def _text(canvas: Canvas, row: _Row) -> _Text:
    """The words of a row, broken to the width that the layout has for them."""
    left, _, width = _PLACE
    if canvas.narrow:
        says = canvas.wrap(row.says, canvas.width, _SAYS)
        found = canvas.wrap(row.found.replace("\n", ", "), canvas.width, SMALL)
        return _Text(says, found, LINE * (1 + _lines(says) + _lines(found)) + _STRIP + 4)
    says = canvas.wrap(row.says, left - 20, _SAYS)
    room = canvas.width - left - width - 20
    found = "\n".join(canvas.wrap(part, room, SMALL) for part in row.found.split("\n"))
    return _Text(says, found, LINE * (1 + max(_lines(says), _lines(found))))


def _write(canvas: Canvas, row: _Row, text: _Text, top: Real) -> None:
    """The name, what is said, the verdict and what was found."""
    weight = "bold" if row.says else "normal"
    indent = 0 if row.says else 14
    canvas.write(indent, top, row.name, weight=weight)
    canvas.write(0, top + LINE, text.says, fontsize=points(_SAYS))
    muted = {"fontsize": points(SMALL), "color": canvas.theme.muted}
    if canvas.narrow:
        canvas.write(canvas.width, top, row.verdict, weight=weight, ha="right")
        canvas.write(indent, top + LINE * (1 + _lines(text.says)), text.found, **muted)
    else:
        right = _PLACE[0] + _PLACE[2] + 20
        canvas.write(right, top, row.verdict, weight=weight)
        canvas.write(right, top + LINE, text.found, **muted)


def _lines(text: str) -> int:
    return 1 + text.count("\n") if text else 0


def _strip(canvas: Canvas, ax: Axes, row: _Row, zone: Real, strip: Limits) -> None:
    """The zone of effects that do not matter, zero, and the interval, level with the name."""
    ax.fill_betweenx(strip, -zone, zone, color=canvas.theme.grid, linewidth=0)
    rule: dict[str, Any] = {"linewidth": points(1), "solid_capstyle": "butt"}
    ax.plot([0, 0], strip, color=canvas.theme.muted, **rule)
    effect, level = row.effect, strip[0] + LINE / 2
    ink: dict[str, Any] = {"color": canvas.theme.text, "clip_on": False}
    if effect.n > 1 and math.isfinite(effect.high - effect.low):
        limits = [effect.low / row.scale, effect.high / row.scale]
        ax.plot(limits, [level] * 2, linewidth=points(2.4), solid_capstyle="butt", **ink)
    if effect.n and math.isfinite(effect.estimate):
        page = canvas.theme.background
        hollow = {"markerfacecolor": page} if row.verdict == "inconclusive" else {}
        mark: dict[str, Any] = _MARKERS[row.verdict] | hollow | ink
        mark |= {"markerfacecoloralt": page, "markersize": points(9)}
        ax.plot([effect.estimate / row.scale], [level], **mark)


def _axis(ax: Axes, rows: Sequence[_Row], common: str | None) -> None:
    """One axis for all strips, under the last; logarithmic away from zero when effects are far."""
    ends = [e / r.scale for r in rows if r.effect.n for e in (r.effect.low, r.effect.high)]
    ends = [end for end in ends if math.isfinite(end)]
    far = max((abs(end) for end in ends), default=1.0)
    if common is None and far > _FAR:
        ax.set_xscale("symlog", linthresh=1, linscale=0.7)
        powers = [10.0**k for k in range(8) if 10.0**k <= 1.5 * far]
        low = [-p for p in powers if min(ends) < -p / 3]
        ax.xaxis.set_major_locator(FixedLocator([*low, 0.0, *powers]))
    else:
        ax.xaxis.set_major_locator(MaxNLocator(4))
    ratios = common is not None and common.startswith(RATIO)
    shown = FuncFormatter(lambda value, _: f"{number(math.exp(value))}×")
    ax.xaxis.set_major_formatter(shown if ratios else Plain())
    ax.set_xlabel(_named(common), labelpad=points(3))


def _alt(rows: Sequence[_Row], judged: Sequence[Judgement]) -> str:
    """Every row in words."""
    told = [
        f"{row.name}{' (' + row.says.rstrip('.') + ')' if row.says else ''}: "
        f"{row.found}, {row.verdict}.".replace("\n", ", ")
        for row in rows
    ]
    bounds = {f"{number(_bound(j))} {j.claim.unit}".rstrip() for j in judged}
    zone = f"±{bounds.pop()}" if len(bounds) == 1 else "the smallest effect that matters to each"
    return (
        f"Effects with 95 % intervals; a shaded zone, {zone}, holds what is too small to matter. "
        + " ".join(told)
    )
