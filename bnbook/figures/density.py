"""Densities: how the values of many things are distributed, arm over arm, with a place marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from bnbook.figures import scales
from bnbook.figures.canvas import Canvas, Entry, lay_out, nothing, render
from bnbook.figures.figure import Figure
from bnbook.figures.pick import EVERYTHING, Course, Select, courses, pick, seeds, split
from bnbook.figures.style import Limits, Look, Real, points
from bnbook.figures.words import coordinate, member, quantity, tick

_BAND, _FILL = 0.35, 0.12


@dataclass(frozen=True)
class _Words:
    """What the axes say, how they are scaled, and the place that is marked."""

    xlabel: str
    ylabel: str
    note: str
    log: bool
    ylim: Limits | None
    mark: Real | None


def density(
    record: xr.Dataset,
    variable: str,
    *,
    over: str,
    by: str = "arm",
    panels: str | None = None,
    select: Select = EVERYTHING,
    ylabel: str | None = None,
    log: bool = True,
    ylim: Limits | None = None,
    mark: Real | None = None,
) -> Figure:
    """What is counted in bins along `over`, a filled line with its 95 % band for each of `by`.

    `over` holds the middles of the bins, evenly spaced in the logarithm with `log` and else
    evenly; `mark` is a place to draw a line at, and the words say how much lies above it.
    `panels` and errors as for `curves`.
    """
    dims = [dim for dim in (over, by, panels) if dim]
    picked = pick(record, variable, select, dims, ("seed",))
    rows = [
        ("" if panels is None else member(panels, at), courses(each, over, by))
        for at, each in split(picked, panels)
    ]
    words = _Words(
        coordinate(picked.values, over),
        ylabel or quantity(picked.values),
        seeds(picked, "mean and 95 % band"),
        log,
        ylim,
        mark,
    )
    return render(lambda canvas: _paint(canvas, rows, words), _alt(rows, words), picked.values)


Row = tuple[str, Sequence[Course]]


def _paint(canvas: Canvas, rows: Sequence[Row], words: _Words) -> None:
    """The panels, the names of the lines above them."""
    looks = canvas.looks([course.kind for course in rows[0][1]])
    entries = [Entry(c.label, look) for c, look in zip(rows[0][1], looks, strict=True)]
    made = lay_out(
        canvas,
        [title for title, _ in rows],
        xlabel=words.xlabel,
        ylabel=words.ylabel,
        note=words.note,
        key=entries if len(entries) > 1 else (),
    )
    for ax, (_, lines) in zip(made, rows, strict=True):
        for course, look in zip(lines, looks, strict=True):
            _draw(ax, course, look)
        if words.mark is not None:
            ax.axvline(words.mark, color=canvas.theme.muted, linewidth=points(1.2))
        if all(course.n == 0 for course in lines):
            nothing(canvas, ax)
    places = np.concatenate([course.x for _, lines in rows for course in lines])
    if places.size:
        scales.along(made[0], places, words.log)
        scales.up(made[0], False, words.ylim)
        if words.ylim is None:
            made[0].set_ylim(bottom=0)


def _draw(ax: Axes, course: Course, look: Look) -> None:
    """One line, filled to zero, with its band."""
    low, high = course.band
    ax.fill_between(course.x, 0, course.mean, color=look.line, alpha=_FILL, linewidth=0)
    ax.fill_between(course.x, low, high, color=look.line, alpha=_BAND, linewidth=0)
    ax.plot(course.x, course.mean, color=look.line, linestyle=look.dash)


def _alt(rows: Sequence[Row], words: _Words) -> str:
    """For each line where and how high it is highest, and how much lies above the mark."""
    scale = " on a logarithmic scale" if words.log else ""
    parts = [f"Density of {words.xlabel}{scale}, {words.ylabel}; {words.note}."]
    if words.mark is not None:
        parts.append(f"A line marks {tick(words.mark)}.")
    for title, lines in rows:
        head = f"{title}: " if title else ""
        parts.append(head + "; ".join(_told(course, words.mark) for course in lines) + ".")
    return " ".join(parts)


def _told(course: Course, mark: Real | None) -> str:
    """One line in words."""
    if not course.n:
        return f"{course.label}: no line, {course.loss or 'nothing measured'}"
    at = np.argmax(course.mean)
    height, low, high = (f"{each[at]:.2g}" for each in (course.mean, *course.band))
    peak = f"{course.label} is highest at {course.x[at]:.2g} ({height} [{low}, {high}])"
    total = course.mean.sum()
    if mark is None or not total:
        return peak
    above = course.mean[course.x > mark].sum() / total
    return f"{peak}, with {100 * above:.0f} % of what is drawn above {tick(mark)}"
