"""Contours: one quantity over a plane, a panel for each arm, on one scale of colours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, Colormap

from bnbook.figures.canvas import Canvas, lay_out, nothing, render
from bnbook.figures.figure import Figure
from bnbook.figures.labels import room
from bnbook.figures.pick import EVERYTHING, Picked, Select, pick, seeds, split, summary
from bnbook.figures.scales import plain
from bnbook.figures.style import Real, points
from bnbook.figures.words import coordinate, member, quantity, stated, tick
from bnbook.stats import Interval


@dataclass(frozen=True)
class _Panel:
    """One panel: means over seeds (up, across), and intervals at the centre and at the edges."""

    name: Any
    title: str
    heights: np.ndarray
    centre: Interval
    corners: Interval
    lost: str


def contours(
    record: xr.Dataset,
    variable: str,
    *,
    across: str,
    up: str,
    levels: Sequence[Real],
    panels: str = "arm",
    select: Select = EVERYTHING,
    label: str | None = None,
    titles: tuple[str, str] | None = None,
) -> Figure:
    """Means over seeds of a positive quantity in the plane of `across` and `up`.

    `levels`, in growing order, part the colours and hold them still between frames. `titles` name
    the two directions. Above each panel stands its value at the place nearest to (0, 0) with its
    95 % interval; the words have the mean of the four corners too. `ValueError` as for `curves`.
    """
    picked = pick(record, variable, select, (panels, up, across), ("seed",))
    x, y = (np.asarray(picked.values[dim].values, dtype=float) for dim in (across, up))
    made = [_panel(name, each, (panels, across, up)) for name, each in split(picked, panels)]
    words, note = label or quantity(picked.values), seeds(picked, "mean")
    named = titles or (coordinate(picked.values, across), coordinate(picked.values, up))

    def paint(canvas: Canvas) -> None:
        _paint(canvas, made, (x, y), levels, words, note, named)

    return render(paint, _alt(made, words, note, named), picked.values)


def _panel(name: Any, picked: Picked, dims: tuple[str, str, str]) -> _Panel:
    """The panel of one member of `dims[0]`, over the plane of the other two."""
    panels, across, up = dims
    values = picked.values.transpose(up, across, ...)
    centre = {dim: min(values[dim].values.tolist(), key=abs) for dim in (up, across)}
    gone = int(picked.lost.sum())
    return _Panel(
        name,
        member(panels, name),
        (values.mean("seed") if "seed" in values.dims else values).values,
        summary(values.sel(centre)),
        summary(values.isel({up: [0, -1], across: [0, -1]}).mean([up, across])),
        f"{gone} of {picked.lost.size} diverged" if gone else "",
    )


def _paint(
    canvas: Canvas,
    made: Sequence[_Panel],
    grid: tuple[np.ndarray, np.ndarray],
    levels: Sequence[Real],
    words: str,
    note: str,
    titles: tuple[str, str],
) -> None:
    """Panels side by side with what they hold above, and the scale of colours at the right."""
    shades = colormaps["viridis"].resampled(len(levels) + 1)
    norm = BoundaryNorm(levels, shades.N, extend="both")
    texts = [(tick(level), "") for level in levels]
    right = room(canvas, texts) + 24
    axes = lay_out(
        canvas,
        [f"{each.title}: centre {stated(each.centre)}" for each in made],
        xlabel=titles[0],
        ylabel=words,
        note=f"{note}; upwards: {titles[1]}",
        right=right,
        shape=None if canvas.narrow else 0.85,
    )
    for ax, each in zip(axes, made, strict=True):
        if not np.isfinite(each.heights).any():
            nothing(canvas, ax)
            continue
        heights = np.clip(np.nan_to_num(each.heights, nan=np.inf), None, 10 * levels[-1])
        ax.contourf(*grid, heights, levels=levels, cmap=shades, norm=norm, extend="both")
        edge = canvas.theme.background
        ax.contour(*grid, heights, levels=levels, colors=edge, linewidths=points(0.8))
        ax.plot(0, 0, marker="+", color="#ffffff", markersize=points(11), mew=points(2))
        ax.grid(False)
    for which in ("x", "y"):
        plain(axes[0], which, False)
    _bar(canvas, axes, levels, shades)


def _bar(canvas: Canvas, axes: Sequence[Axes], levels: Sequence[Real], shades: Colormap) -> None:
    """The scale of colours beside all panels: a strip of boxes with the levels between them."""
    first, last = axes[0].get_position(), axes[-1].get_position()
    left = last.x1 + 16 / canvas.width
    ax = canvas.sheet.add_axes((left, last.y0, 14 / canvas.width, first.y1 - last.y0))
    ax.imshow(np.arange(len(levels) + 1)[:, None], cmap=shades, aspect="auto", origin="lower")
    ax.set(xticks=[], yticks=np.arange(len(levels)) + 0.5)
    ax.set_yticklabels([tick(level) for level in levels])
    ax.yaxis.tick_right()
    ax.tick_params(length=0, labelsize=points(11))
    ax.grid(False)
    ax.spines["bottom"].set_visible(False)


def _alt(made: Sequence[_Panel], words: str, note: str, titles: tuple[str, str]) -> str:
    """For each panel its centre, its corners and its range."""
    parts = [f"Contours of {words} over {titles[0]} and {titles[1]}; {note}."]
    for each in made:
        if not np.isfinite(each.heights).any():
            parts.append(f"{each.title}: every run diverged.")
            continue
        low, high = tick(float(np.nanmin(each.heights))), tick(float(np.nanmax(each.heights)))
        lost = f", {each.lost}" if each.lost else ""
        parts.append(
            f"{each.title}: {stated(each.centre)} at the centre, {stated(each.corners)} at the "
            f"corners on average, from {low} to {high} (n = {each.centre.n}{lost})."
        )
    return " ".join(parts)
