"""Functions of one variable, the region a bound allows them, and points on them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from bnbook.figures.canvas import Canvas, Entry, lay_out, render
from bnbook.figures.figure import Figure
from bnbook.figures.scales import plain
from bnbook.figures.style import Limits, points
from bnbook.figures.words import listed
from bnbook.stats import number

Curve = tuple[ArrayLike, ArrayLike]


def functions(
    curves: Mapping[str, Curve],
    *,
    region: tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
    region_name: str = "allowed",
    path: Curve | None = None,
    xlabel: str = "θ",
    ylabel: str = "L(θ)",
    note: str = "",
    xlim: Limits | None = None,
    ylim: Limits | None = None,
) -> Figure:
    """Curves, name -> (x, y); a shaded `region` (x, low, high); a `path` of points joined in order.

    `ValueError` for no curve, or for x and y of different shapes.
    """
    if not curves:
        raise ValueError("functions draws at least one curve; it was given none")
    drawn = {name: _shaped(name, each) for name, each in curves.items()}
    steps = _shaped("path", path) if path is not None else None
    across, low, high = np.asarray(region if region else ([], [], []), dtype=float)

    def paint(canvas: Canvas) -> None:
        looks = canvas.looks(list(drawn))
        key = [Entry(name, look) for name, look in zip(drawn, looks, strict=True)]
        (ax,) = lay_out(canvas, xlabel=xlabel, ylabel=ylabel, note=note, key=key)
        ax.fill_between(across, low, high, color=canvas.theme.muted, alpha=0.22, linewidth=0)
        for (x, y), look in zip(drawn.values(), looks, strict=True):
            ax.plot(x, y, color=look.line, linestyle=look.dash)
        if steps is not None:
            mark = canvas.theme.text
            ax.plot(*steps, color=mark, marker="o", markersize=points(7), linewidth=points(1.2))
        ax.set(xlim=xlim, ylim=ylim)
        for which in ("x", "y"):
            plain(ax, which, False)

    told = _alt(drawn, steps, region_name if region else "", (xlabel, ylabel), note)
    joined = drawn if steps is None else {**drawn, "path": steps}
    return render(
        paint,
        told,
        *({"curve": [n] * len(x), xlabel: x, ylabel: y} for n, (x, y) in joined.items()),
    )


def _shaped(name: str, curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """x and y of one shape (K,)."""
    x, y = (np.asarray(each, dtype=float) for each in curve)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"'{name}' has x {x.shape} and y {y.shape}; both are (K,)")
    return x, y


def _alt(
    drawn: Mapping[str, tuple[np.ndarray, np.ndarray]],
    steps: tuple[np.ndarray, np.ndarray] | None,
    region: str,
    axes: tuple[str, str],
    note: str,
) -> str:
    """Where each curve starts and ends, and the path."""
    parts = [f"Curves of {axes[1]} against {axes[0]}: {listed(list(drawn))}."]
    for name, (x, y) in drawn.items():
        ends = [f"{number(float(y[k]))} at {number(float(x[k]))}" for k in (0, -1)]
        parts.append(f"{name} from {ends[0]} to {ends[1]}, lowest {number(float(y.min()))}.")
    if region:
        parts.append(f"Shaded: {region}.")
    if steps is not None:
        places = [number(float(x)) for x in steps[0][:6]]
        parts.append(f"Points at {', '.join(places)}{', …' if len(steps[0]) > 6 else ''}.")
    return " ".join([*parts, f"{note}."] if note else parts)
