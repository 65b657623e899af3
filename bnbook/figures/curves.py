"""Curves: how a measured quantity runs along steps, layers or a setting, arm by arm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from bnbook.figures import scales
from bnbook.figures.canvas import Canvas, Entry, lay_out, nothing, render
from bnbook.figures.figure import Figure
from bnbook.figures.labels import Label, beside, room
from bnbook.figures.pick import EVERYTHING, Course, Select, courses, pick, seeds, split
from bnbook.figures.style import Limits, Look
from bnbook.figures.words import coordinate, member, quantity, stated, tick

_BAND = 0.2
_BESIDE = 6
"""More lines than this are named in a key and not beside their ends."""


@dataclass(frozen=True)
class _Words:
    """What the axes of a figure of curves say, and how they are scaled."""

    xlabel: str
    ylabel: str
    note: str
    logx: bool
    logy: bool
    ylim: Limits | None


@dataclass(frozen=True)
class _Panel:
    """One panel: its title and its lines."""

    title: str
    courses: Sequence[Course]


def curves(
    record: xr.Dataset,
    variable: str,
    *,
    over: str = "step",
    by: str | None = "arm",
    panels: str | None = None,
    select: Select = EVERYTHING,
    ylabel: str | None = None,
    logx: bool = True,
    logy: bool = False,
    ylim: Limits | None = None,
) -> Figure:
    """Mean over seeds along `over`, one line with its 95 % band for each member of `by`.

    `panels` names a dimension to set side by side. Runs that diverged are left out, and the
    label says how many. `ValueError` for a name that the record does not have, or a dimension
    that neither is drawn nor chosen by `select`.
    """
    dims = [dim for dim in (over, by, panels) if dim]
    picked = pick(record, variable, select, dims, ("seed",))
    rows = [
        _Panel(_title(panels, at), courses(each, over, by)) for at, each in split(picked, panels)
    ]
    words = _Words(
        coordinate(picked.values, over),
        ylabel or quantity(picked.values),
        seeds(picked, "mean and 95 % band"),
        logx,
        logy,
        ylim,
    )
    return render(lambda canvas: _paint(canvas, rows, words), _alt(rows, words), picked.values)


def _title(dim: str | None, at: Any) -> str:
    """The title of a panel; a name says of what, so that it is not taken for an arm's."""
    if dim is None:
        return ""
    return f"{dim}: {at}" if isinstance(at, str) else member(dim, at)


def _paint(canvas: Canvas, rows: Sequence[_Panel], words: _Words) -> None:
    """Draw the panels with names beside the lines, or above them where there is no room."""
    looks = canvas.looks([course.kind for course in rows[0].courses])
    named = len(looks) > 1 or any(course.loss for course in rows[0].courses)
    beside_lines = named and not canvas.narrow and len(rows) == 1 and len(looks) <= _BESIDE
    texts = [(course.label, course.loss) for course in rows[0].courses]
    made = lay_out(
        canvas,
        [row.title for row in rows],
        xlabel=words.xlabel,
        ylabel=words.ylabel,
        note=words.note,
        key=_key(rows, looks) if named and not beside_lines else (),
        right=room(canvas, texts) if beside_lines else 14,
    )
    places = np.concatenate([course.x for row in rows for course in row.courses])
    for ax, row in zip(made, rows, strict=True):
        for course, look in zip(row.courses, looks, strict=True):
            _draw(ax, course, look)
        if all(course.n == 0 for course in row.courses):
            nothing(canvas, ax)
    if places.size:
        scales.along(made[0], places, words.logx, ticks=6 if len(made) == 1 else 5)
        scales.up(made[0], words.logy, words.ylim)
    else:
        made[0].set(xticks=[], yticks=[])
    if beside_lines:
        beside(
            canvas,
            made[0],
            [_label(*each) for each in zip(rows[0].courses, looks, strict=True) if each[0].n],
        )


def _draw(ax: Axes, course: Course, look: Look) -> None:
    """One line with its band; a line of one place is a marker with a bar."""
    low, high = course.band
    ax.fill_between(course.x, low, high, color=look.line, alpha=_BAND, linewidth=0)
    ax.plot(
        course.x,
        course.mean,
        color=look.line,
        linestyle=look.dash,
        marker=look.marker if course.x.size == 1 else "",
    )


def _key(rows: Sequence[_Panel], looks: Sequence[Look]) -> list[Entry]:
    """The names of the lines, each with what it lost in all panels together."""
    entries = []
    for place, look in enumerate(looks):
        losses = {row.courses[place].loss for row in rows} - {""}
        remark = f" ({'; '.join(sorted(losses))})" if losses else ""
        entries.append(Entry(rows[0].courses[place].label + remark, look))
    return entries


def _label(course: Course, look: Look) -> Label:
    """The name of a line at its end."""
    return Label(course.x[-1], course.mean[-1], course.label, course.loss, look)


def _alt(rows: Sequence[_Panel], words: _Words) -> str:
    """Axes, then where each line starts and ends, with its interval and its seeds."""
    places = np.concatenate([course.x for row in rows for course in row.courses])
    span = f" from {tick(places.min())} to {tick(places.max())}" if places.size else ""
    scale = " on a logarithmic scale" if words.logx and span else ""
    parts = [f"Line chart of {words.ylabel} against {words.xlabel}{span}{scale}; {words.note}."]
    for row in rows:
        title = f"{row.title}: " if row.title else ""
        parts.append(title + "; ".join(_told(course, words.xlabel) for course in row.courses) + ".")
    return " ".join(parts)


def _told(course: Course, along: str) -> str:
    """One line in words."""
    along = along.partition(" (")[0]
    if not course.n:
        return f"{course.label}: no line, {course.loss or 'nothing measured'}"
    seeds = f"n = {course.n}" + (f", {course.loss}" if course.loss else "")
    first, last = (
        f"{stated(course.intervals[place])} at {along} {tick(course.x[place])}" for place in (0, -1)
    )
    path = first if course.x.size == 1 else f"from {first} to {last}"
    return f"{course.label} {path} ({seeds})"
