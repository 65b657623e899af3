"""The look of the book: two themes, one palette, and what each arm looks like everywhere.

Base colours are Okabe and Ito's, which survive the common colour blindnesses. A base colour is
mixed towards black or white only as far as its contrast with the page asks for, so the same arm is
the same hue in light and in dark. A dash pattern and a marker go with each, so that colour is never
the only cue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex, to_rgb

FONT = "DejaVu Sans"
Real = float | int
"""A number; to a strict checker an int is no float."""

Limits = tuple[Real, Real]
"""The two ends of an axis."""

LINE_CONTRAST = 3.0
TEXT_CONTRAST = 4.5


Dash = tuple[Real, tuple[Real, ...]]
"""A dash pattern: an offset, then lengths of line and gap in line widths."""


@dataclass(frozen=True)
class Theme:
    """Colours of one reading mode; `lines` is the contrast at which its lines are drawn."""

    name: str
    background: str
    text: str
    muted: str
    grid: str
    towards: str
    lines: Real


LIGHT = Theme("light", "#ffffff", "#1f2328", "#57606a", "#dfe3e8", "#000000", LINE_CONTRAST)
DARK = Theme("dark", "#121212", "#e6e8eb", "#aab0b8", "#34383e", "#ffffff", 5.5)
THEMES = (LIGHT, DARK)


@dataclass(frozen=True)
class Look:
    """How one arm is drawn in one theme: a line colour, a text colour, a dash and a marker."""

    line: str
    text: str
    dash: Dash
    marker: str


_DASHES: dict[str, Dash] = {
    "solid": (0, ()),
    "dashed": (0, (5, 2)),
    "dotted": (0, (1.2, 1.4)),
    "dash-dot": (0, (6, 1.8, 1.2, 1.8)),
    "short dashes": (0, (2.6, 1.4)),
    "dash-dot-dot": (0, (6, 1.6, 1.2, 1.6, 1.2, 1.6)),
    "long dashes": (0, (9, 2.4)),
}

# arm -> base colour, dash, marker. The meaning of a colour never changes in the book.
ARMS: dict[str, tuple[str, str, str]] = {
    "none": ("#5c5c5c", "dashed", "o"),
    "batch": ("#0072B2", "solid", "s"),
    "noisy-batch": ("#E69F00", "dash-dot", "D"),
    "layer": ("#009E73", "long dashes", "^"),
    "group": ("#56B4E9", "dotted", "v"),
    "renorm": ("#D55E00", "short dashes", "P"),
    "weight-std": ("#CC79A7", "dash-dot-dot", "X"),
    "ghost": ("#661100", "dotted", "o"),
    # where examples come from, and the rule behind their labels
    "source": ("#332288", "solid", "o"),
    "weighted": ("#117733", "dash-dot", "D"),
    "target": ("#999933", "dashed", "^"),
    "rule": ("#222222", "solid", "o"),
}

# For names with no meaning of their own yet: Tol's "muted" scheme, away from the hues above.
_OTHERS: tuple[tuple[str, str, str], ...] = (
    ("#882255", "solid", "o"),
    ("#44AA99", "dashed", "s"),
    ("#332288", "dash-dot", "^"),
    ("#999933", "long dashes", "D"),
    ("#AA4499", "short dashes", "v"),
    ("#661100", "dotted", "P"),
    ("#117733", "dash-dot-dot", "X"),
)


def luminance(colour: str) -> float:
    """Relative luminance of an sRGB colour (WCAG 2.2), from 0 for black to 1 for white."""
    channel = np.asarray(to_rgb(colour))
    linear = np.where(channel <= 0.04045, channel / 12.92, ((channel + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours (WCAG 2.2), from 1 for none to 21 for black on white."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@cache
def readable(colour: str, theme: Theme, ratio: Real) -> str:
    """`colour`, mixed towards black or white until it stands out from the page by `ratio`."""
    start, end = np.asarray(to_rgb(colour)), np.asarray(to_rgb(theme.towards))
    for share in np.linspace(0, 1, 101):
        mixed = to_hex(tuple(start + share * (end - start)))
        if contrast(mixed, theme.background) >= ratio:
            return mixed
    return theme.towards


def over(colour: str, theme: Theme, alpha: Real) -> str:
    """`colour` laid over the page with opacity `alpha`: a tint that needs no transparency."""
    page = np.asarray(to_rgb(theme.background))
    return to_hex(tuple(page + alpha * (np.asarray(to_rgb(colour)) - page)))


def look(base: tuple[str, str, str], theme: Theme) -> Look:
    """The look in `theme` of a base (colour, dash name, marker)."""
    colour, dash, marker = base
    return Look(
        readable(colour, theme, theme.lines),
        readable(colour, theme, max(theme.lines, TEXT_CONTRAST)),
        _DASHES[dash],
        marker,
    )


def looks(kinds: Sequence[Any], theme: Theme) -> list[Look]:
    """The looks of the members of one comparison, in order, by what each of them is.

    What `ARMS` knows has its own look. Numbers are ordered, so they get a ramp from dark to light;
    other kinds take what is left, in order. Members of the same colour differ by dash and marker.
    """
    if kinds and all(isinstance(kind, int | float | np.number) for kind in kinds):
        return _ramp(len(kinds), theme)
    known = [ARMS.get(str(kind)) for kind in kinds]
    used = {base[0] for base in known if base}
    fresh = cycle([base for base in _OTHERS if base[0] not in used])
    taken: set[tuple[str, str]] = set()
    chosen = []
    for base in known:
        colour, dash, marker = base or next(fresh)
        spare = [pair for pair in _STROKES if (colour, pair[0]) not in taken]
        if (colour, dash) in taken and spare:
            dash, marker = spare[0]
        taken.add((colour, dash))
        chosen.append(look((colour, dash, marker), theme))
    return chosen


_STROKES = tuple(zip(_DASHES, "soDv^PX", strict=True))


def _ramp(count: int, theme: Theme) -> list[Look]:
    """Looks for `count` ordered members: viridis, kept readable, with dashes in turn."""
    places = np.linspace(0.0, 0.85, count) if count > 1 else np.array([0.3])
    return [
        look((to_hex(colormaps["viridis"](place)), *_STROKES[i % len(_STROKES)]), theme)
        for i, place in enumerate(places)
    ]


def rc(theme: Theme) -> dict[str, Any]:
    """matplotlib settings of one theme; lengths in points, a point being 1/0.72 page pixels."""
    return {
        "font.family": FONT,
        "font.size": points(13),
        "text.color": theme.text,
        "figure.facecolor": theme.background,
        "savefig.facecolor": theme.background,
        "axes.facecolor": theme.background,
        "axes.edgecolor": theme.muted,
        "axes.linewidth": points(1),
        "axes.spines.left": False,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.grid.axis": "y",
        "axes.axisbelow": True,
        "axes.labelcolor": theme.text,
        "axes.labelsize": points(13),
        "axes.unicode_minus": True,
        "grid.color": theme.grid,
        "grid.linewidth": points(1),
        "xtick.color": theme.muted,
        "ytick.color": theme.muted,
        "xtick.labelsize": points(12.5),
        "ytick.labelsize": points(12.5),
        "xtick.major.size": points(4),
        "ytick.major.size": 0,
        "xtick.minor.size": 0,
        "ytick.minor.size": 0,
        "lines.linewidth": points(2.2),
        "lines.dash_capstyle": "butt",
        "lines.solid_capstyle": "round",
        "legend.frameon": False,
        "legend.fontsize": points(13),
        "legend.handlelength": 2.6,
        "legend.columnspacing": 1.6,
        "legend.borderpad": 0,
        "legend.borderaxespad": 0,
    }


def points(pixels: Real) -> float:
    """Page pixels (100 to the inch in our drawings) as matplotlib's points (72 to the inch)."""
    return 0.72 * pixels
