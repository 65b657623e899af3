"""Shares: how much of a whole each part keeps, with intervals, between nothing and all of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from bnbook.figures.canvas import LINE, SMALL, Canvas, header, render
from bnbook.figures.figure import Figure
from bnbook.figures.scales import plain
from bnbook.figures.style import Limits, Real, points
from bnbook.figures.words import stated
from bnbook.stats import Interval

_ROW = 22
_GAP = 14


@dataclass(frozen=True)
class _Panel:
    """One column: its title, and the interval of every row."""

    title: str
    found: Sequence[Interval]


def shares(
    found: xr.Dataset,
    *,
    rows: str = "part",
    columns: str = "outcome",
    whole: str = "batch",
    xlim: Limits = (-0.5, 1.5),
) -> Figure:
    """A row a part and a panel an outcome: the estimate with its interval, 0 nothing and 1 `whole`.

    `found` has the variables estimate, low, high and n with the dimensions `rows` and `columns`.
    What lies beyond `xlim` ends in an arrow; where the estimate is NaN there is no whole to have a
    share of, and the row says so. `ValueError` for a table without one of these.
    """
    missing = {"estimate", "low", "high", "n"} - set(found.data_vars)
    if missing or not {rows, columns} <= set(found["estimate"].dims):
        raise ValueError(
            f"shares takes estimate, low, high and n by {rows} and {columns}; this table has "
            f"{', '.join(map(str, found.data_vars))} by {', '.join(map(str, found.sizes))}"
        )
    names = [str(name) for name in found[rows].values]
    panels = [
        _Panel(str(title), [_interval(found.sel({columns: title, rows: name})) for name in names])
        for title in found[columns].values
    ]
    note = f"0: as without; 1: as with {whole}; 95 % intervals over seeds"

    def paint(canvas: Canvas) -> None:
        _paint(canvas, names, panels, header(canvas, "share of the gain kept", note), xlim)

    return render(paint, _alt(names, panels, whole), found)


def _interval(cell: xr.Dataset) -> Interval:
    estimate, low, high = (float(cell[name]) for name in ("estimate", "low", "high"))
    return Interval(estimate, low, high, int(cell["n"]))


def _paint(
    canvas: Canvas, names: Sequence[str], panels: Sequence[_Panel], top: Real, xlim: Limits
) -> None:
    """Panels beside each other, or one under the other on a phone, with the names at the left."""
    left = max(canvas.measure(name) for name in names) + _GAP
    tall = _ROW * len(names)
    across = 1 if canvas.narrow else len(panels)
    wide = (canvas.width - left - 8 - _GAP * (across - 1)) / across
    step = tall + LINE + 34
    canvas.resize(top + step * math.ceil(len(panels) / across))
    for place, panel in enumerate(panels):
        row, column = divmod(place, across)
        x, y = left + column * (wide + _GAP), top + row * step
        canvas.write(x, y + LINE - 6, panel.title, weight="bold", va="baseline")
        ax = canvas.axes(x, y + LINE, wide, tall)
        ax.set(xlim=xlim, ylim=(len(names) - 0.5, -0.5), yticks=[])
        ax.grid(False)
        plain(ax, "x", False, 4)
        ax.set_xticks([at for at in ax.get_xticks() if xlim[0] < at < xlim[1]])
        for line in (0, 1):
            ax.axvline(line, color=canvas.theme.muted, linewidth=points(1))
        for at, each in enumerate(panel.found):
            _draw(canvas, ax, at, each, xlim)
            if column == 0:
                level = y + LINE + _ROW * (at + 0.5) - 1.5
                canvas.write(left - _GAP, level, names[at], ha="right", va="center_baseline")


def _draw(canvas: Canvas, ax: Axes, at: int, each: Interval, xlim: Limits) -> None:
    """One interval; an arrow at an end that lies beyond the axis."""
    ink: dict[str, Any] = {"color": canvas.theme.text}
    if not math.isfinite(each.estimate):
        muted: dict[str, Any] = {"color": canvas.theme.muted, "fontsize": points(SMALL)}
        ax.text(0.5, at, "no gain to share", ha="center", va="center", **muted)
        return
    low, high = np.clip([each.low, each.high], *xlim)
    ax.plot([low, high], [at, at], linewidth=points(2.4), solid_capstyle="butt", **ink)
    for end, beyond, marker in ((low, each.low < xlim[0], "<"), (high, each.high > xlim[1], ">")):
        if beyond:
            ax.plot([end], [at], marker=marker, markersize=points(8), clip_on=False, **ink)
    if xlim[0] <= each.estimate <= xlim[1]:
        ax.plot([each.estimate], [at], marker="o", markersize=points(7), **ink)


def _alt(names: Sequence[str], panels: Sequence[_Panel], whole: str) -> str:
    """Every interval in words."""
    parts = [f"Share of the gain of {whole} that each part keeps, with 95 % intervals."]
    for panel in panels:
        told = [
            f"{name} {stated(each) if math.isfinite(each.estimate) else 'no gain to share'}"
            for name, each in zip(names, panel.found, strict=True)
        ]
        parts.append(f"{panel.title}: {'; '.join(told)}.")
    return " ".join(parts)
