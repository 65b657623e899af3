"""Heatmap: one number for each pair of two settings, written in its cell with its uncertainty."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize, to_hex
from matplotlib.patches import Rectangle

from bnbook.figures.canvas import LINE, Canvas, header, render
from bnbook.figures.figure import Figure
from bnbook.figures.pick import EVERYTHING, Select, pick, seeds, summary
from bnbook.figures.style import Limits, Real, contrast, points
from bnbook.figures.words import diverged, member, quantity
from bnbook.stats import Interval, number


@dataclass(frozen=True)
class _Cell:
    """One cell: the mean over its seeds, and how many of them diverged."""

    effect: Interval
    lost: int
    total: int

    @property
    def lines(self) -> list[str]:
        """Mean, half the width of its interval, and what is missing."""
        loss = diverged(self.lost, self.total)
        if not self.effect.n:
            return (loss or "not measured").rsplit(" ", 1)
        half = (self.effect.high - self.effect.low) / 2
        if not math.isfinite(half):
            return [number(self.effect.estimate)] + [loss] * bool(loss)
        shown = [number(self.effect.estimate, half), f"± {number(half, half)}"]
        return [*shown, f"n = {self.effect.n}"] if loss else shown

    @property
    def words(self) -> str:
        """The same in a row, with how many runs diverged."""
        loss = diverged(self.lost, self.total)
        if not self.effect.n:
            return loss or "not measured"
        seeds = f" (n = {self.effect.n}, {loss})" if loss else ""
        return " ".join(self.lines[:2] if self.effect.n > 1 else self.lines[:1]) + seeds


@dataclass(frozen=True)
class _Grid:
    """The cells of a heatmap with the names of its rows and columns."""

    cells: Sequence[Sequence[_Cell]]
    rows: Sequence[str]
    columns: Sequence[str]

    @property
    def turned(self) -> _Grid:
        """Rows as columns."""
        return _Grid(list(zip(*self.cells, strict=True)), self.columns, self.rows)

    @property
    def estimates(self) -> list[Real]:
        """All means that there are."""
        return [cell.effect.estimate for row in self.cells for cell in row if cell.effect.n]


def heatmap(
    record: xr.Dataset,
    variable: str,
    *,
    rows: str,
    columns: str = "arm",
    select: Select = EVERYTHING,
    label: str | None = None,
    centre: Real | None = None,
    log: bool = False,
    limits: Limits | None = None,
) -> Figure:
    """Means over seeds for each pair of `rows` and `columns`, with ± half the 95 % interval.

    With `centre`, colours part there (a difference has its centre at 0); `log` spreads them over
    decades; `limits` holds them still between frames. `ValueError` as for `curves`.
    """
    picked = pick(record, variable, select, (rows, columns), ("seed",))
    values = picked.values.transpose(rows, columns, ...)
    grid = _grid(values, picked.lost, rows, columns)
    words = label or quantity(values)
    note = seeds(picked, "mean ± half the 95 % interval")
    shade = _shade(grid.estimates, centre, log, limits)

    def paint(canvas: Canvas) -> None:
        top = header(canvas, words, note)
        _paint(canvas, grid, top, shade, "cividis" if centre is None else "PuOr")

    return render(paint, _alt(grid, words, note), picked.values)


def _grid(values: xr.DataArray, lost: xr.DataArray, rows: str, columns: str) -> _Grid:
    """Summaries of all cells."""
    cells = []
    for row in values[rows].values.tolist():
        line = []
        for column in values[columns].values.tolist():
            at = {rows: row, columns: column}
            gone = lost.sel({dim: at[dim] for dim in lost.dims if dim in at})
            line.append(_Cell(summary(values.sel(at)), int(gone.sum()), gone.size))
        cells.append(line)
    down, across = (
        [member(dim, each) for each in values[dim].values.tolist()] for dim in (rows, columns)
    )
    return _Grid(cells, down, across)


def _shade(
    estimates: Sequence[Real],
    centre: Real | None,
    log: bool,
    limits: Limits | None,
) -> Normalize:
    """The map from a mean to a place between 0 and 1 of the colours."""
    low, high = limits or (min(estimates, default=0.0), max(estimates, default=1.0))
    if centre is not None:
        reach = max(abs(high - centre), abs(low - centre)) or 1.0
        return Normalize(centre - reach, centre + reach, clip=True)
    if log and low <= 0:
        raise ValueError(f"log colours need positive values; the smallest here is {number(low)}")
    if high == low:
        low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
    return LogNorm(low, high, clip=True) if log else Normalize(low, high, clip=True)


def _paint(canvas: Canvas, grid: _Grid, top: Real, shade: Normalize, colours: str) -> None:
    """Names of columns above, of rows at the left, and the cells.

    On a phone a table that is wider than tall is turned on its side.
    """
    if canvas.narrow and len(grid.columns) > max(4, len(grid.rows)):
        grid = grid.turned
    left = max(canvas.measure(name) for name in grid.rows) + 12
    wide = (canvas.width - left - 2) / len(grid.columns)
    size = _size(canvas, grid, wide - 8)
    tall = 16 + 1.25 * size * max(len(cell.lines) for row in grid.cells for cell in row)
    heads = [canvas.wrap(name, wide - 4) for name in grid.columns]
    top += LINE * max(1 + head.count("\n") for head in heads) + 2
    canvas.resize(top + tall * len(grid.rows) + 4)
    ax = canvas.axes(left, top, wide * len(grid.columns), tall * len(grid.rows))
    ax.set(xlim=(0, len(grid.columns)), ylim=(len(grid.rows), 0))
    ax.set_axis_off()
    for r, row in enumerate(grid.cells):
        level = top + tall * (r + 0.5)
        canvas.write(left - 10, level, grid.rows[r], va="center_baseline", ha="right")
        for c, cell in enumerate(row):
            _fill(canvas, ax, (c, r), cell, shade, colours, size)
    for c, head in enumerate(heads):
        canvas.write(left + wide * (c + 0.5), top - 8, head, ha="center", va="baseline")


def _size(canvas: Canvas, grid: _Grid, width: Real) -> Real:
    """The largest type, up to the size of labels, at which every cell's lines fit its width."""
    longest = max(canvas.measure(line) for row in grid.cells for cell in row for line in cell.lines)
    return min(13.0, max(8.5, 13 * width / longest))


def _fill(
    canvas: Canvas,
    ax: Axes,
    place: tuple[int, int],
    cell: _Cell,
    shade: Normalize,
    colours: str,
    size: Real,
) -> None:
    """One cell: its colour, hatched where there is none, and its lines."""
    x, y = place
    edge: dict[str, Any] = {"edgecolor": canvas.theme.background, "linewidth": points(2)}
    if cell.effect.n:
        fill = to_hex(colormaps[colours](float(shade(cell.effect.estimate))))
        ink = max(("#000000", "#ffffff"), key=lambda each: contrast(each, fill))
        ax.add_patch(Rectangle((x, y), 1, 1, facecolor=fill, **edge))
    else:
        ink = canvas.theme.text
        ax.add_patch(Rectangle((x, y), 1, 1, facecolor=canvas.theme.grid, hatch="//", **edge))
    lines = cell.lines
    for k, line in enumerate(lines):
        ax.annotate(
            line,
            (x + 0.5, y + 0.5),
            (0, points((len(lines) - 1 - 2 * k) * 0.6 * size)),
            textcoords="offset points",
            ha="center",
            va="center",
            color=ink,
            fontsize=points(size if k == 0 else 0.88 * size),
            weight="bold" if k == 0 and cell.effect.n else "normal",
        )


def _alt(grid: _Grid, words: str, note: str) -> str:
    """The extremes, then every row."""
    named = [
        (cell.effect.estimate, f"{number(cell.effect.estimate)} ({row}, {column})")
        for row, cells in zip(grid.rows, grid.cells, strict=True)
        for column, cell in zip(grid.columns, cells, strict=True)
        if cell.effect.n
    ]
    parts = [f"Coloured table of {words}; {note}."]
    if named:
        parts.append(f"Largest {max(named)[1]}; smallest {min(named)[1]}.")
    for row, cells in zip(grid.rows, grid.cells, strict=True):
        told = [f"{col} {cell.words}" for col, cell in zip(grid.columns, cells, strict=True)]
        parts.append(f"{row}: {'; '.join(told)}.")
    return " ".join(parts)
