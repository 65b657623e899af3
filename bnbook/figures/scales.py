"""Axes with plain numbers: linear, logarithmic, and logarithmic from zero."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import (
    FixedLocator,
    Formatter,
    Locator,
    LogLocator,
    MaxNLocator,
    NullLocator,
)

from bnbook.figures.style import Limits, Real
from bnbook.figures.words import tick

_STEPS = [1, 2, 2.5, 5, 10]


class Plain(Formatter):
    """Numbers as `tick` writes them; those between powers of ten with equally many decimals."""

    def __call__(self, x: Real, pos: int | None = None) -> str:
        """One number alone."""
        return tick(x)

    def format_ticks(self, values: Iterable[Real]) -> list[str]:
        """All numbers of an axis."""
        values = list(values)
        texts = [tick(value) for value in values]
        if getattr(self.axis, "get_scale", str)() not in ("linear", "") or any(
            "10" + each in "".join(texts) for each in "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"
        ):
            return texts
        decimals = max((len(text.partition(".")[2]) for text in texts), default=0)
        return [f"{value:,.{decimals}f}".replace("-", "−") for value in values]


def along(ax: Axes, x: np.ndarray, log: bool, *, ticks: int = 6) -> None:
    """Set the horizontal axis to span places `x`; a logarithmic one may start at zero."""
    positive = x[x > 0]
    if not log or positive.size == 0:
        ax.set_xlim(*_span(x))
        ax.xaxis.set_major_locator(
            MaxNLocator(ticks, steps=_STEPS, integer=bool(np.all(x == np.round(x))))
        )
    elif x.min() > 0:
        ax.set_xscale("log")
        ax.set_xlim(*_span(x))
        ax.xaxis.set_major_locator(_marks(x, ticks))
    else:
        ax.set_xscale("symlog", linthresh=positive.min(), linscale=0.4)
        ax.set_xlim(x.min(), x.max())
        ax.xaxis.set_major_locator(FixedLocator(_decades(positive, ticks)))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(Plain())


def up(ax: Axes, log: bool, limits: Limits | None = None, *, ticks: int = 5) -> None:
    """Set the vertical axis: few ticks, plain numbers, and `limits` where frames must agree."""
    if limits is not None:
        ax.set_ylim(*limits)
    plain(ax, "y", log, ticks)


def plain(ax: Axes, which: Literal["x", "y"], log: bool, ticks: int = 5) -> None:
    """Few ticks and plain numbers on one axis."""
    axis = ax.xaxis if which == "x" else ax.yaxis
    if log:
        (ax.set_xscale if which == "x" else ax.set_yscale)("log")
        low, high = (ax.get_xlim if which == "x" else ax.get_ylim)()
        subs = (1.0,) if high / low > 100 else (1.0, 2.0, 5.0)
        axis.set_major_locator(LogLocator(subs=subs, numticks=ticks + 1))
    else:
        axis.set_major_locator(MaxNLocator(ticks, steps=_STEPS))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(Plain())


def _span(x: np.ndarray) -> Limits:
    """The range of `x`, opened a little when it is a single place."""
    low, high = float(x.min()), float(x.max())
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _marks(x: np.ndarray, ticks: int) -> Locator:
    """Where a logarithmic axis has numbers: at powers of ten if three or more are in its range.

    Else at the places themselves where they are few and apart, or between the powers too.
    """
    low, high = _span(x)
    places = sorted(set(x.tolist()))
    apart = np.diff(np.log(places)).min(initial=np.inf) * 2 * ticks >= np.log(high / low)
    for locator in (
        LogLocator(numticks=ticks + 1),
        FixedLocator(places if apart else []),
        LogLocator(subs=(1.0, 3.0), numticks=ticks + 1),
        LogLocator(subs=(1.0, 2.0, 5.0), numticks=ticks + 1),
    ):
        if 3 <= sum(low <= at <= high for at in locator.tick_values(low, high)) <= ticks + 1:
            return locator
    return FixedLocator(MaxNLocator(ticks, steps=_STEPS).tick_values(low, high))


def _decades(positive: np.ndarray, ticks: int) -> list[Real]:
    """Zero and powers of ten up to the largest place, thinned to at most `ticks`."""
    first, last = np.ceil(np.log10(positive.min())), np.floor(np.log10(positive.max()))
    powers = 10.0 ** np.arange(first, last + 1)
    stride = max(1, -(-len(powers) // (ticks - 1)))
    return [0.0, *powers[::stride]]
