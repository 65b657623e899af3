"""Names written beside what they name, moved apart where they would overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from bnbook.figures.canvas import LINE, SMALL, Canvas
from bnbook.figures.figure import PIXEL_RATIO
from bnbook.figures.style import Look, Real, points

_REACH = 10


@dataclass(frozen=True)
class Label:
    """A name, and a remark under it, for a line that ends at (x, y) in data coordinates."""

    x: Real
    y: Real
    text: str
    remark: str
    look: Look

    @property
    def height(self) -> Real:
        """Height in page pixels."""
        return LINE * (2 if self.remark else 1)


def room(canvas: Canvas, texts: Sequence[tuple[str, str]]) -> Real:
    """Width to leave right of the axes for names and remarks, in page pixels."""
    widths = [
        max(canvas.measure(text, weight="bold"), canvas.measure(remark, SMALL))
        for text, remark in texts
    ]
    return _REACH + 8 + max(widths, default=0)


def beside(canvas: Canvas, ax: Axes, labels: Sequence[Label]) -> None:
    """Write the labels right of the axes, each level with the end of its line if there is room."""
    ax.get_ylim()
    box = ax.get_window_extent()
    ends = [ax.transData.transform((label.x, label.y)) for label in labels]
    wanted = [float(np.clip((y - box.y0) / PIXEL_RATIO, 0, box.height)) for _, y in ends]
    places = apart(wanted, [label.height for label in labels], box.height / PIXEL_RATIO)
    for label, (x, y), place in zip(labels, ends, places, strict=True):
        level = box.y0 + place * PIXEL_RATIO
        edge = box.x1 + _REACH * PIXEL_RATIO
        lead = Line2D([x, edge], [y, level], color=label.look.line, linewidth=points(1))
        lead.set_transform(None)
        lead.set_clip_on(False)
        ax.add_artist(lead)
        fraction = (1 + (_REACH + 4) * PIXEL_RATIO / box.width, (level - box.y0) / box.height)
        shift = points(LINE / 2) if label.remark else 0
        for words, dy, style in (
            (label.text, shift, {"color": label.look.text, "weight": "bold"}),
            (label.remark, -shift, {"color": canvas.theme.muted, "fontsize": points(SMALL)}),
        ):
            ax.annotate(
                words,
                fraction,
                (0, dy),
                xycoords="axes fraction",
                textcoords="offset points",
                va="center_baseline",
                annotation_clip=False,
                **style,
            )


def apart(wanted: Sequence[Real], heights: Sequence[Real], top: Real) -> list[Real]:
    """Places near those `wanted` at which labels of such heights do not overlap.

    Labels keep their order; they stay between 0 and `top` as far as their heights allow.
    """
    order = np.argsort(wanted, kind="stable")
    places = np.asarray(wanted, dtype=float).copy()
    half = np.asarray(heights, dtype=float) / 2
    for below, above in pairwise(order):
        places[above] = max(places[above], places[below] + half[below] + half[above])
    ceiling = top + half[order[-1]] if len(order) else top
    for each in order[::-1]:
        places[each] = min(places[each], ceiling - half[each])
        ceiling = places[each] - half[each]
    return [float(place) for place in places]
