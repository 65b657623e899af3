"""Percentiles of one unit over training, an arm a panel, as Ioffe and Szegedy drew them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes

from bnbook.figures import scales
from bnbook.figures.canvas import Canvas, lay_out, nothing, render
from bnbook.figures.figure import Figure
from bnbook.figures.labels import Label, beside, room
from bnbook.figures.pick import (
    EVERYTHING,
    Course,
    Picked,
    Select,
    courses,
    kinds,
    pick,
    seeds,
    split,
)
from bnbook.figures.style import Limits, Look, points
from bnbook.figures.words import coordinate, listed, member, quantity, stated, tick

_BAND = 0.2


@dataclass(frozen=True)
class _Fan:
    """One panel: the courses of the percentiles of one arm, from the lowest to the highest."""

    kind: Any
    name: str
    courses: Sequence[Course]

    @property
    def title(self) -> str:
        """Name of the arm, and what it lost."""
        loss = self.courses[0].loss
        return f"{self.name} ({loss})" if loss else self.name

    @property
    def drawn(self) -> bool:
        """Whether anything is left to draw."""
        return all(course.n for course in self.courses)


def percentiles(
    record: xr.Dataset,
    variable: str = "activation_percentiles",
    *,
    over: str = "step",
    by: str = "arm",
    select: Select = EVERYTHING,
    ylabel: str | None = None,
    logx: bool = True,
    ylim: Limits | None = None,
) -> Figure:
    """Percentiles along `over`, in panels that share both axes, one for each member of `by`.

    With seeds, each line is the mean over them with its 95 % band; `select={"seed": 0}` shows one
    network alone. `ValueError` as for `curves`. Source: ioffe2015batch, figure 1.
    """
    picked = _ordered(pick(record, variable, select, (by, "percentile", over), ("seed",)))
    look_of = kinds(picked.values, by)
    fans = [
        _Fan(look_of[name], member(by, name), courses(each, over, "percentile"))
        for name, each in split(picked, by)
    ]
    xlabel, words = coordinate(picked.values, over), ylabel or quantity(picked.values)
    note = _note(fans, picked)

    def paint(canvas: Canvas) -> None:
        made = _panels(canvas, fans, xlabel=xlabel, ylabel=words, note=note)
        places = np.concatenate([course.x for fan in fans for course in fan.courses])
        if places.size:
            scales.along(made[0], places, logx, ticks=5)
            scales.up(made[0], False, ylim)
        else:
            made[0].set(xticks=[], yticks=[])
        _name(canvas, made, fans)

    return render(paint, _alt(fans, words, xlabel, note), picked.values)


def _ordered(picked: Picked) -> Picked:
    return Picked(picked.values.sortby("percentile"), picked.lost)


def _panels(canvas: Canvas, fans: Sequence[_Fan], **words: str) -> list[Axes]:
    """A panel for each arm, with room at the right for the names of the percentiles."""
    looks = canvas.looks([fan.kind for fan in fans])
    made = lay_out(
        canvas,
        [fan.title for fan in fans],
        xlabel=words["xlabel"],
        ylabel=words["ylabel"],
        note=words["note"],
        right=room(canvas, [(_ordinal(course), "") for course in fans[0].courses]),
        colours=[look.text for look in looks],
    )
    for ax, fan, look in zip(made, fans, looks, strict=True):
        _draw(canvas, ax, fan, look)
    return made


def _draw(canvas: Canvas, ax: Axes, fan: _Fan, look: Look) -> None:
    """A line for each percentile, the middle one heavier; with one seed, the fan between them."""
    if not fan.drawn:
        nothing(canvas, ax)
        return
    if fan.courses[0].n == 1:
        low, high = fan.courses[0], fan.courses[-1]
        ax.fill_between(low.x, low.mean, high.mean, color=look.line, alpha=_BAND, linewidth=0)
    for course in fan.courses:
        ax.fill_between(course.x, *course.band, color=look.line, alpha=_BAND, linewidth=0)
        width = 2.6 if course is fan.courses[len(fan.courses) // 2] else 1.3
        ax.plot(course.x, course.mean, color=look.line, linewidth=points(width))


def _name(canvas: Canvas, made: Sequence[Axes], fans: Sequence[_Fan]) -> None:
    """Name the percentiles at the ends of their lines, where there is room beside a panel."""
    columns = 1 if canvas.narrow else min(len(made), 3)
    looks = canvas.looks([fan.kind for fan in fans])
    for place, (ax, fan, look) in enumerate(zip(made, fans, looks, strict=True)):
        last = place % columns == columns - 1 or place == len(made) - 1
        if last and fan.drawn:
            labels = [Label(c.x[-1], c.mean[-1], _ordinal(c), "", look) for c in fan.courses]
            beside(canvas, ax, labels)


def _ordinal(course: Course) -> str:
    """A percentile's name: "15 %", or "median"."""
    return "median" if course.name == 50 else f"{tick(course.name)} %"


def _note(fans: Sequence[_Fan], picked: Picked) -> str:
    """Which percentiles, of how many seeds."""
    which = listed([_ordinal(course) for course in fans[0].courses])
    return f"{which}: {seeds(picked, 'mean and 95 % band')}"


def _alt(fans: Sequence[_Fan], words: str, xlabel: str, note: str) -> str:
    """Axes, then where the percentiles of each arm start and end."""
    parts = [f"Percentiles of {words} against {xlabel}, a panel for each arm ({note})."]
    for fan in fans:
        if not fan.drawn:
            parts.append(f"{fan.title}: nothing to draw.")
            continue
        told = [
            f"{_ordinal(c)} from {stated(c.intervals[0])} to {stated(c.intervals[-1])}"
            for c in fan.courses
        ]
        first, last = (tick(fan.courses[0].x[place]) for place in (0, -1))
        n = f"n = {fan.courses[0].n}"
        parts.append(f"{fan.title}, {xlabel} {first} to {last}, {n}: {listed(told)}.")
    return " ".join(parts)
