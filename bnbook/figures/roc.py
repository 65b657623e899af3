"""ROC curves: what share of a class is found, against what share of the rest is taken for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from bnbook.figures.canvas import LINE, SMALL, Canvas, Entry, lay_out, nothing, render
from bnbook.figures.figure import Figure
from bnbook.figures.pick import EVERYTHING, Course, Select, courses, pick, seeds, split, summary
from bnbook.figures.scales import plain
from bnbook.figures.style import Look, points
from bnbook.figures.words import listed, stated
from bnbook.stats import Interval

_ALONG = "false_positive_rate"
_BAND = 0.2
_TICKS = (0, 0.5, 1)


@dataclass(frozen=True)
class _Panel:
    """One class: its curves, and the areas under them."""

    title: str
    curves: Sequence[Course]
    areas: Sequence[Interval]


def roc(
    record: xr.Dataset,
    *,
    names: Sequence[str] = (),
    by: str = "arm",
    select: Select = EVERYTHING,
) -> Figure:
    """The `roc_curve` of each class, a panel a class, with its `class_auc` for each member of `by`.

    Curves are means over seeds with their 95 % bands; the dotted diagonal is guessing. `names`
    are the classes', in order. A class without test examples has an empty panel. `ValueError` as
    for `curves`, and for a number of names that is not that of the classes.
    """
    curves = pick(record, "roc_curve", select, (by, "class", _ALONG), ("seed",))
    areas = pick(record, "class_auc", select, (by, "class"), ("seed",))
    classes = [str(each) for each in curves.values["class"].values]
    if names and len(names) != len(classes):
        raise ValueError(f"{len(names)} names for {len(classes)} classes: {', '.join(names)}")
    panels = [
        _Panel(
            f"class {title}",
            courses(drawn, _ALONG, by),
            [summary(each.values) for _, each in split(under, by)],
        )
        for title, (_, drawn), (_, under) in zip(
            names or classes, split(curves, "class"), split(areas, "class"), strict=True
        )
    ]
    note = seeds(curves, "mean and 95 % band")
    return render(
        lambda canvas: _paint(canvas, panels, note), _alt(panels, note), curves.values, areas.values
    )


def _paint(canvas: Canvas, panels: Sequence[_Panel], note: str) -> None:
    """Square panels, on a phone flatter ones; areas stand in the empty corner."""
    looks = canvas.looks([course.kind for course in panels[0].curves])
    entries = [Entry(c.label, look) for c, look in zip(panels[0].curves, looks, strict=True)]
    made = lay_out(
        canvas,
        [panel.title for panel in panels],
        xlabel="false positives",
        ylabel="true positives",
        note=f"{note}; numbers are areas under the curves",
        key=entries,
        shape=0.62 if canvas.narrow else 0.9,
    )
    for ax, panel in zip(made, panels, strict=True):
        ax.plot([0, 1], [0, 1], color=canvas.theme.muted, linestyle=":", linewidth=points(1))
        for course, look in zip(panel.curves, looks, strict=True):
            _draw(ax, course, look)
        if all(course.n == 0 for course in panel.curves):
            nothing(canvas, ax)
            continue
        _areas(canvas, ax, panel, looks)
    for which in ("x", "y"):
        plain(made[0], which, False)
    made[0].set(xlim=(0, 1), ylim=(0, 1.02), xticks=_TICKS, yticks=_TICKS)


def _draw(ax: Axes, course: Course, look: Look) -> None:
    """One curve with its band, from the corner where nothing is called positive."""
    low, high = course.band
    ax.fill_between(course.x, low, high, color=look.line, alpha=_BAND, linewidth=0)
    x, y = np.append(0, course.x), np.append(0, course.mean)
    ax.plot(x, y, color=look.line, linestyle=look.dash)


def _areas(canvas: Canvas, ax: Axes, panel: _Panel, looks: Sequence[Look]) -> None:
    """The areas in the lower right corner, in the order of the key, the last one lowest."""
    for place, (area, look) in enumerate(zip(reversed(panel.areas), reversed(looks), strict=True)):
        ax.annotate(
            stated(area),
            (1, 0),
            (-6, points(8 + LINE * place)),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            va="bottom",
            fontsize=points(SMALL),
            color=look.text,
            bbox={"facecolor": canvas.theme.background, "edgecolor": "none", "pad": 0.5},
        )


def _alt(panels: Sequence[_Panel], note: str) -> str:
    """The area under each curve, class by class."""
    names = [course.label for course in panels[0].curves]
    parts = [f"ROC curves of {len(panels)} classes for {listed(names)}; {note}. Areas under them:"]
    for panel in panels:
        told = [
            f"{name} {stated(area)}" if area.n else f"{name} none"
            for name, area in zip(names, panel.areas, strict=True)
        ]
        parts.append(f"{panel.title}: {', '.join(told)} (n = {max(a.n for a in panel.areas)}).")
    return " ".join(parts)
