"""Histograms: shares of measured values in bins, with what a law says of the same bins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from bnbook.figures import scales
from bnbook.figures.canvas import Canvas, Entry, lay_out, render
from bnbook.figures.figure import Figure
from bnbook.figures.pick import EVERYTHING, Course, Select, courses, kinds, pick, seeds, split
from bnbook.figures.style import Limits, Look, points
from bnbook.figures.words import coordinate, member, quantity
from bnbook.stats import number


@dataclass(frozen=True)
class _Panel:
    """One panel: its title, the heights of its bars, and those of the law."""

    title: str
    bars: Course
    law: Course


def histogram(
    record: xr.Dataset,
    variable: str,
    law: str,
    *,
    over: str,
    panels: str = "arm",
    select: Select = EVERYTHING,
    ylabel: str | None = None,
    ylim: Limits | None = None,
) -> Figure:
    """Bars of `variable` at the equally wide bins along `over`, and `law` as a line of steps.

    Bars are means over seeds with their 95 % intervals; `panels` names a dimension to set side by
    side. `ValueError` as for `curves`, and for fewer than two bins.
    """
    measured, exact = (
        pick(record, each, select, (over, panels), ("seed",)) for each in (variable, law)
    )
    if measured.values.sizes[over] < 2:
        raise ValueError(f"a histogram needs two bins or more along '{over}'")
    both = zip(split(measured, panels), split(exact, panels), strict=True)
    rows = [
        _Panel(member(panels, at), courses(bars, over, None)[0], courses(steps, over, None)[0])
        for (at, bars), (_, steps) in both
    ]
    xlabel, words = coordinate(measured.values, over), ylabel or quantity(measured.values)
    note = seeds(measured, "mean and 95 % interval")
    looked = list(kinds(measured.values, panels).values())

    def paint(canvas: Canvas) -> None:
        looks = canvas.looks(looked)
        ink = Look(canvas.theme.text, canvas.theme.text, (0, ()), "o")
        made = lay_out(
            canvas,
            [row.title for row in rows],
            xlabel=xlabel,
            ylabel=words,
            note=note,
            key=[Entry("law", ink)],
            colours=[look.text for look in looks],
        )
        for ax, row, look in zip(made, rows, looks, strict=True):
            _draw(ax, row, look, ink)
        scales.up(made[0], False, ylim)
        made[0].xaxis.set_major_locator(MaxNLocator(4, prune="both"))
        made[0].xaxis.set_major_formatter(scales.Plain())
        width = _width(rows[0])
        made[0].set_xlim(rows[0].bars.x[0] - width / 2, rows[0].bars.x[-1] + width / 2)

    return render(paint, _alt(rows, words, xlabel, note), measured.values, exact.values)


def _width(row: _Panel) -> float:
    return float(row.bars.x[1] - row.bars.x[0])


def _draw(ax: Axes, row: _Panel, look: Look, ink: Look) -> None:
    """Bars with the ends of their intervals, and the law over them."""
    width = _width(row)
    low, high = row.bars.band
    ax.bar(row.bars.x, row.bars.mean, width, color=look.line, alpha=0.45, linewidth=0)
    ax.vlines(row.bars.x, low, high, color=look.line, linewidth=points(1.2))
    edges = np.append(row.law.x - width / 2, row.law.x[-1] + width / 2)
    ax.stairs(row.law.mean, edges, color=ink.line, linewidth=points(1.6), baseline=None)


def _alt(rows: Sequence[_Panel], words: str, xlabel: str, note: str) -> str:
    """For each panel the highest and the lowest bar, and the largest gap from the law."""
    parts = [f"Histograms of {words} against {xlabel}, with the law as a line of steps; {note}."]
    for row in rows:
        heights, gap = row.bars.mean, np.abs(row.bars.mean - row.law.mean)
        high, low, off = (
            int(place) for place in (heights.argmax(), heights.argmin(), gap.argmax())
        )
        parts.append(
            f"{row.title}: highest {number(heights[high])} at {number(row.bars.x[high])}, lowest "
            f"{number(heights[low])} at {number(row.bars.x[low])}; furthest from the law at "
            f"{number(row.bars.x[off])}, {number(heights[off])} against "
            f"{number(row.law.mean[off])} (n = {row.bars.n})."
        )
    return " ".join(parts)
