"""Scatter: points of classes in the plane, with what a classifier makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike

from bnbook.figures.canvas import LINE, Canvas, Entry, Fill, lay_out, render
from bnbook.figures.figure import Figure
from bnbook.figures.scales import plain
from bnbook.figures.style import Limits, Look, Real, Theme, over, points
from bnbook.figures.words import listed
from bnbook.stats import number

_FILLS: tuple[Fill, ...] = ("none", "full", "left", "bottom")
_LEVELS = 11
_DEEPEST = 0.16


@dataclass(frozen=True)
class _Cloud:
    """Points (N, 2) of one origin with their classes (N,)."""

    name: str
    x: np.ndarray
    y: np.ndarray


Field = tuple[ArrayLike, ArrayLike, ArrayLike]


def scatter(
    clouds: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    classes: Sequence[str] = ("0", "1"),
    lines: Mapping[str, ArrayLike] = {},
    kinds: Mapping[str, str] = {},
    field: Field | None = None,
    xlabel: str = "x₁",
    ylabel: str = "x₂",
    note: str = "",
    xlim: Limits | None = None,
    ylim: Limits | None = None,
) -> Figure:
    """Clouds of points, name -> (x (N, 2), y (N,) in 0 … classes − 1), in a plane of equal scales.

    A cloud has a colour and a marker; class 0 is drawn hollow, class 1 filled, up to two more
    half filled. `lines` maps a name to points (K, 2) of a boundary; `kinds` says what a cloud
    or a line is whose name does not, such as "source", and so its look. `field` is (x (W,), y (H,),
    p (H, W)): the probability of class 1, as shading. `note` says what was measured, such as an
    accuracy.
    `ValueError` for shapes that do not fit, points that are not finite, and unnamed classes.
    """
    if not clouds:
        raise ValueError("scatter draws at least one cloud; it was given none")
    drawn = [_cloud(name, x, y, classes) for name, (x, y) in clouds.items()]
    paths = {name: _shaped(path, f"line '{name}'") for name, path in lines.items()}
    box = _box(drawn, xlim, ylim)

    def paint(canvas: Canvas) -> None:
        names = list(dict.fromkeys([*clouds, *paths]))
        looks = canvas.looks([kinds.get(name, name) for name in names])
        look = dict(zip(names, looks, strict=True))
        remark = "; ".join(filter(None, [note, f"shade: P({classes[1]})" if field else ""]))
        ax = _plane(
            canvas, xlabel, ylabel, remark, _key(canvas.theme, drawn, paths, classes, look), box
        )
        if field is not None:
            _shading(canvas, ax, field)
        for cloud in drawn:
            _points(canvas, ax, cloud, look[cloud.name])
        for name, path in paths.items():
            halo = withStroke(linewidth=points(5), foreground=canvas.theme.background)
            style: dict[str, Any] = {"linewidth": points(2.6), "path_effects": [halo]}
            ax.plot(*path.T, color=look[name].line, linestyle=look[name].dash, **style)

    told = _alt(drawn, classes, list(paths), field, (xlabel, ylabel), note)
    return render(paint, told, *(_columns(cloud, classes, xlabel, ylabel) for cloud in drawn))


def _columns(
    cloud: _Cloud, classes: Sequence[str], xlabel: str, ylabel: str
) -> dict[str, Sequence[Any] | np.ndarray]:
    """The points of a cloud as a table."""
    names = [classes[label] for label in cloud.y]
    return {
        "points": [cloud.name] * len(names),
        xlabel: cloud.x[:, 0],
        ylabel: cloud.x[:, 1],
        "class": names,
    }


def _shaped(values: ArrayLike, what: str) -> np.ndarray:
    """Finite points (N, 2)."""
    x = np.asarray(values, dtype=float)
    if x.ndim != 2 or x.shape[1] != 2:
        raise ValueError(f"{what} has shape {x.shape}; points are (N, 2)")
    if not np.isfinite(x).all():
        raise ValueError(f"{what} has points that are not finite")
    return x


def _cloud(name: str, x: ArrayLike, y: ArrayLike, classes: Sequence[str]) -> _Cloud:
    """A cloud whose shapes and classes fit."""
    where = _shaped(x, f"cloud '{name}'")
    label = np.asarray(y).astype(int)
    if label.shape != where.shape[:1]:
        raise ValueError(f"cloud '{name}' has {len(where)} points and classes {label.shape}")
    if label.size and not (label.min() >= 0 and label.max() < min(len(classes), len(_FILLS))):
        raise ValueError(
            f"cloud '{name}' has classes {label.min()} to {label.max()}; "
            f"named are 0 to {len(classes) - 1} ({', '.join(classes)})"
        )
    return _Cloud(name, where, label)


def _box(
    drawn: Sequence[_Cloud], xlim: Limits | None, ylim: Limits | None
) -> tuple[Limits, Limits]:
    """What part of the plane to show: as asked, or all points with a margin."""
    every = np.concatenate([cloud.x for cloud in drawn] + [np.zeros((0, 2))])
    every = every if len(every) else np.zeros((1, 2))
    low, high = every.min(axis=0), every.max(axis=0)
    margin = 0.05 * np.maximum(high - low, 1e-3)
    found = [(float(a), float(b)) for a, b in zip(low - margin, high + margin, strict=True)]
    return xlim or found[0], ylim or found[1]


def _plane(
    canvas: Canvas,
    xlabel: str,
    ylabel: str,
    note: str,
    key: Sequence[Entry],
    box: tuple[Limits, Limits],
) -> Axes:
    """Axes of equal scales that hold `box`; the key is at the right, on a phone above."""
    beside = not canvas.narrow
    wide = max(canvas.measure(entry.label) for entry in key) + 70
    (ax,) = lay_out(
        canvas,
        xlabel=xlabel,
        ylabel=ylabel,
        note=note,
        key=() if beside else key,
        right=wide if beside else 14,
        shape=_shape(box),
    )
    if beside:
        canvas.key(key, 2 * LINE, canvas.width - wide + 20)
    ax.set(xlim=box[0], ylim=box[1])
    ax.set_aspect("equal", adjustable="box", anchor="NW")
    for which in ("x", "y"):
        plain(ax, which, False)
    return ax


def _shape(box: tuple[Limits, Limits]) -> Real:
    """Height over width, within what looks well."""
    (left, right), (low, high) = box
    return float(np.clip((high - low) / (right - left), 0.45, 1.0))


def _points(canvas: Canvas, ax: Axes, cloud: _Cloud, look: Look) -> None:
    """The points of a cloud, class by class; many points are drawn smaller."""
    size = float(np.clip(160 / np.sqrt(max(len(cloud.x), 1)), 4.0, 8.0))
    size *= 0.7 if canvas.narrow else 1.0
    for label, fill in enumerate(_FILLS):
        chosen = cloud.x[cloud.y == label]
        ax.plot(
            chosen[:, 0],
            chosen[:, 1],
            linestyle="none",
            marker=look.marker,
            fillstyle=fill if label else "full",
            markersize=points(size),
            markeredgecolor=look.line,
            markeredgewidth=points(1.2),
            markerfacecolor=look.line if label else canvas.theme.background,
            markerfacecoloralt=canvas.theme.background,
        )


def _shading(canvas: Canvas, ax: Axes, field: Field) -> None:
    """The probability of class 1 as shades of grey, and its half as a thin line."""
    x, y, p = (np.asarray(each, dtype=float) for each in field)
    if p.shape != (y.size, x.size):
        raise ValueError(f"field's probabilities have shape {p.shape}; expected {(y.size, x.size)}")
    deepest = over(canvas.theme.text, canvas.theme, _DEEPEST)
    shades = LinearSegmentedColormap.from_list("page", [canvas.theme.background, deepest])
    ax.contourf(x, y, p, levels=np.linspace(0, 1, _LEVELS), cmap=shades)


def _key(
    theme: Theme,
    drawn: Sequence[_Cloud],
    paths: Mapping[str, np.ndarray],
    classes: Sequence[str],
    look: Mapping[str, Look],
) -> list[Entry]:
    """Each cloud by its colour and marker, each class by its fill, and each line."""
    grey = Look(theme.muted, theme.muted, (0, ()), "o")
    names = [cloud.name for cloud in drawn]
    clouds = [Entry(name, look[name], look[name].marker) for name in names] if names[1:] else []
    shared = grey if clouds else look[names[0]]
    kinds = [
        Entry(name, shared, shared.marker, fill)
        for name, fill in zip(classes, _FILLS, strict=False)
    ]
    return clouds + kinds + [Entry(name, look[name]) for name in paths]


def _alt(
    drawn: Sequence[_Cloud],
    classes: Sequence[str],
    lines: Sequence[str],
    field: Field | None,
    axes: tuple[str, str],
    note: str,
) -> str:
    """How many points of which class, and where each cloud's centre is."""
    parts = [f"Points in the plane of {axes[0]} (across) and {axes[1]} (up)."]
    for cloud in drawn:
        counts = [f"{int((cloud.y == k).sum()):,} {name}" for k, name in enumerate(classes)]
        centre = (
            ", ".join(number(float(each)) for each in cloud.x.mean(axis=0)) if len(cloud.x) else ""
        )
        where = f", centred at ({centre})" if centre else ""
        parts.append(f"{cloud.name}: {len(cloud.x):,} points ({listed(counts)}){where}.")
    if field is not None:
        p = np.asarray(field[2], dtype=float)
        share = f"{float((p > 0.5).mean()):.0%}"
        parts.append(f"Shading: the probability of {classes[1]}, above one half on {share}.")
    if lines:
        parts.append(f"Lines: {listed(list(lines))}.")
    return " ".join([*parts, f"{note}."] if note else parts)
