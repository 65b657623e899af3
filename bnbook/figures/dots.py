"""Dots: one number a seed, arm by arm, with the mean and its interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from bnbook.figures.canvas import LINE, SMALL, Canvas, header, nothing, render
from bnbook.figures.figure import Figure
from bnbook.figures.pick import EVERYTHING, Select, kinds, pick, seed, seeds, split, summary
from bnbook.figures.scales import plain
from bnbook.figures.style import Limits, Look, Real, points
from bnbook.figures.words import diverged, listed, member, quantity, stated
from bnbook.stats import Interval, number

_ROW = 62
_GAP = 14


@dataclass(frozen=True)
class _Row:
    """One arm: its value for each seed (NaN for a run that diverged), mean and interval."""

    kind: Any
    label: str
    values: np.ndarray
    effect: Interval
    loss: str


def dots(
    record: xr.Dataset,
    variable: str,
    *,
    by: str = "arm",
    select: Select = EVERYTHING,
    label: str | None = None,
    paired: bool = True,
    log: bool = False,
    xlim: Limits | None = None,
) -> Figure:
    """The value of each seed as a dot, an arm a row, with the mean and its 95 % interval.

    `paired` joins the dots of one seed from arm to arm. `ValueError` as for `curves`.
    """
    picked = pick(record, variable, select, (by,), ("seed",))
    look_of = kinds(picked.values, by)
    rows = [
        _Row(
            look_of[name],
            member(by, name),
            np.atleast_1d(each.values.values.astype(float)),
            summary(each.values),
            diverged(int(each.lost.sum()), each.lost.size),
        )
        for name, each in split(picked, by)
    ]
    words = label or quantity(picked.values)
    note = seeds(picked, f"a dot a {seed(picked)}, mean and 95 % interval")

    def paint(canvas: Canvas) -> None:
        ax = _paint(canvas, rows, header(canvas, words, note), paired and len(rows) > 1)
        if xlim is not None:
            ax.set_xlim(*xlim)
        if any(row.effect.n for row in rows):
            plain(ax, "x", log, 4 if canvas.narrow else 5)
        else:
            nothing(canvas, ax)
            ax.set_xticks([])

    return render(paint, _alt(rows, words, note, paired), picked.values)


def _paint(canvas: Canvas, rows: Sequence[_Row], top: Real, joined: bool) -> Axes:
    """Rows from `top` down: name at the left, or above on a phone; mean at the right."""
    shown = [stated(row.effect) if row.effect.n else "" for row in rows]
    right = max(canvas.measure(text, SMALL) for text in shown) + 14
    left = _left(canvas, rows)
    tall = _ROW * len(rows)
    canvas.resize(top + tall + 34)
    ax = canvas.axes(left, top, canvas.width - left - right, tall)
    ax.set(ylim=(len(rows) - 0.5, -0.5), yticks=[])
    ax.grid(True, axis="x")
    looks = canvas.looks([row.kind for row in rows])
    if joined:
        every = np.array([row.values for row in rows])
        thin: dict[str, Any] = {"linewidth": points(0.8), "alpha": 0.6}
        ax.plot(every, np.arange(len(rows)), color=canvas.theme.muted, **thin)
    for place, (row, look, text) in enumerate(zip(rows, looks, shown, strict=True)):
        _draw(ax, place, row, look)
        _name(canvas, row, look, top + _ROW * place, left)
        style = {"ha": "right", "va": "center", "fontsize": points(SMALL)}
        canvas.write(canvas.width, top + _ROW * (place + 0.5), text, **style)
    return ax


def _left(canvas: Canvas, rows: Sequence[_Row]) -> Real:
    """Width of the column of names; on a phone names stand inside, above their dots."""
    if canvas.narrow:
        return 8
    names = (canvas.measure(row.label, weight="bold") for row in rows)
    losses = (canvas.measure(row.loss, SMALL) for row in rows)
    return max(*names, *losses) + _GAP


def _name(canvas: Canvas, row: _Row, look: Look, top: Real, left: Real) -> None:
    """The name of an arm and what it lost."""
    muted = {"color": canvas.theme.muted, "fontsize": points(SMALL)}
    if canvas.narrow:
        canvas.write(0, top, row.label, weight="bold", color=look.text)
        canvas.write(canvas.measure(row.label, weight="bold") + 8, top + 1, row.loss, **muted)
        return
    centre = top + _ROW / 2 - (LINE if row.loss else LINE / 2)
    canvas.write(left - _GAP, centre, row.label, weight="bold", color=look.text, ha="right")
    canvas.write(left - _GAP, centre + LINE, row.loss, ha="right", **muted)


def _draw(ax: Axes, place: int, row: _Row, look: Look) -> None:
    """The dots of an arm, and under them its mean with the interval."""
    ax.plot(
        row.values,
        np.full(row.values.shape, place),
        linestyle="none",
        marker=look.marker,
        markersize=points(7),
        color=look.line,
        alpha=0.75,
        markeredgewidth=points(1),
    )
    if row.effect.n > 1:
        level = [place + 0.22] * 2
        ax.plot([row.effect.low, row.effect.high], level, color=look.line, linewidth=points(3))
        ax.plot(
            row.effect.estimate,
            level[0],
            marker="|",
            color=look.line,
            markersize=points(14),
            markeredgewidth=points(3),
        )


def _alt(rows: Sequence[_Row], words: str, note: str, paired: bool) -> str:
    """Mean, interval and range of each arm."""
    pairs = ", dots of one seed joined" if paired and len(rows) > 1 else ""
    parts = [f"Dots of {words} for {listed([row.label for row in rows])}; {note}{pairs}."]
    for row in rows:
        if not row.effect.n:
            parts.append(f"{row.label}: no dots, {row.loss or 'nothing measured'}.")
            continue
        loss = f", {row.loss}" if row.loss else ""
        low, high = np.nanmin(row.values), np.nanmax(row.values)
        span = f", from {number(low)} to {number(high)}" if row.effect.n > 1 else ""
        parts.append(f"{row.label}: {stated(row.effect)}{span} (n = {row.effect.n}{loss}).")
    return " ".join(parts)
