"""Stems: a few quantities of the same examples, one under the other, an example a column."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike

from bnbook.figures.canvas import LINE, Canvas, header, render
from bnbook.figures.figure import Figure
from bnbook.figures.scales import Plain
from bnbook.figures.style import Limits, points
from bnbook.figures.words import listed
from bnbook.stats import number

_ROW = 62
_GAP = 12
_LEFT = 46


def stems(
    rows: Mapping[str, ArrayLike],
    *,
    limits: Mapping[str, Limits] = {},
    faint: Collection[str] = (),
    marked: Collection[int] = (),
    xlabel: str = "example",
    note: str = "",
) -> Figure:
    """A row for each quantity, name -> values (m,) of examples 1 … m, drawn as stems from zero.

    `limits` holds the vertical axis of a row still between frames; otherwise it fits its values.
    Rows in `faint` are drawn in grey, examples in `marked` (counted from 1) with a full marker.
    `ValueError` for no row, rows of different length, or values that are not finite.
    """
    if not rows:
        raise ValueError("stems draws at least one row; it was given none")
    values = {name: np.asarray(given, dtype=float) for name, given in rows.items()}
    shapes = {each.shape for each in values.values()}
    if len(shapes) > 1 or any(len(shape) != 1 or not shape[0] for shape in shapes):
        raise ValueError(f"rows hold one value an example, (m,) each; they have {sorted(shapes)}")
    first, *_ = values.values()
    for name, each in values.items():
        if not np.isfinite(each).all():
            raise ValueError(f"row '{name}' has values that are not finite")

    def paint(canvas: Canvas) -> None:
        top = header(canvas, "", note)
        step = LINE + _ROW + _GAP
        canvas.resize(top + step * len(values) + 2 * LINE)
        for place, (name, each) in enumerate(values.items()):
            at = top + place * step
            colour = canvas.theme.muted if name in faint else canvas.looks(["batch"])[0].line
            canvas.write(0, at, name, weight="bold", color=canvas.theme.text)
            ax = canvas.axes(_LEFT, at + LINE + 3, canvas.width - _LEFT - 8, _ROW)
            _row(canvas, ax, each, colour, marked)
            _scale(ax, each, limits.get(name))
            last = place == len(values) - 1
            ax.tick_params(labelbottom=last, bottom=last)
            ax.spines["bottom"].set_visible(False)
            if last:
                ax.set_xlabel(xlabel, labelpad=points(3))

    return render(
        paint, _alt(values, xlabel, note), {xlabel: np.arange(1, len(first) + 1), **values}
    )


def _row(
    canvas: Canvas, ax: Axes, values: np.ndarray, colour: str, marked: Collection[int]
) -> None:
    """The stems of one row and the zero they stand on."""
    places = np.arange(1, values.size + 1)
    ax.axhline(0, color=canvas.theme.muted, linewidth=points(1))
    ax.vlines(places, 0, values, color=colour, linewidth=points(2.5))
    style: dict[str, Any] = {"linestyle": "none", "marker": "o", "markeredgecolor": colour}
    for chosen, fill in (
        (np.isin(places, list(marked)), colour),
        (~np.isin(places, list(marked)), canvas.theme.background),
    ):
        ax.plot(
            places[chosen],
            values[chosen],
            markerfacecolor=fill,
            markersize=points(8),
            markeredgewidth=points(1.6),
            clip_on=False,
            **style,
        )


def _scale(ax: Axes, values: np.ndarray, limits: Limits | None) -> None:
    """Whole examples across; upwards the limits, or what the values and zero need."""
    reach = max(float(np.abs(values).max()), 1e-12) * 1.15
    ax.set(xlim=(0.4, values.size + 0.6), ylim=limits or (-reach, reach))
    ax.xaxis.set_major_locator(MaxNLocator(9, integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(3))
    ax.xaxis.set_major_formatter(Plain())
    ax.yaxis.set_major_formatter(Plain())


def _alt(values: Mapping[str, np.ndarray], xlabel: str, note: str) -> str:
    """Each row's values, as long as there are few."""
    parts = [f"Stems over {xlabel} for {listed(list(values))}{'; ' + note if note else ''}."]
    for name, each in values.items():
        if each.size <= 8:
            parts.append(f"{name}: {', '.join(number(float(value)) for value in each)}.")
        else:
            low, high = number(float(each.min())), number(float(each.max()))
            parts.append(f"{name}: {each.size} values from {low} to {high}.")
    return " ".join(parts)
