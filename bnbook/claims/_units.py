"""Effects in words: a ratio as so many times, an accuracy in points, each with its unit once."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from bnbook.stats import Interval, number

RATIO = "log ratio"
"""How units of effects begin that are logarithms of ratios: "log ratio of steps"."""

LARGE = 10_000
"""From here on digits are counted in threes, and those that the interval leaves open are zeros."""


@dataclass(frozen=True)
class Unit:
    """How numbers in a unit of the ledger are shown: turned by `shown`, with the words `after`."""

    shown: Callable[[float], float]
    after: str

    def interval(self, effect: Interval) -> str:
        """`8.3 times, 8.1 to 8.6` or `17.2 points, 16.7 to 17.7`; what there is of it."""
        if effect.n == 0 or math.isnan(effect.estimate):
            return "no number" if effect.n == 0 else "not reached"
        ends = Interval(
            self.shown(effect.estimate), self.shown(effect.low), self.shown(effect.high), effect.n
        )
        width = 2 * ends.half_width if effect.n > 1 else 0.0
        estimate, low, high = (
            _written(value, width) for value in (ends.estimate, ends.low, ends.high)
        )
        stated = self._counted(estimate)
        if effect.n == 1:
            return f"{stated} (1 seed, no interval)"
        if effect.low == effect.high:
            return f"{stated} in every seed"
        if math.isinf(effect.high):
            return f"{stated}, {low} or more" if math.isfinite(effect.low) else f"{stated} or so"
        if math.isinf(effect.low):
            return f"{stated}, {high} or less"
        return f"{stated}, {low} to {high}"

    def amount(self, value: float) -> str:
        """One number with its unit: a smallest effect that matters."""
        return self._counted(number(self.shown(value)))

    def _counted(self, text: str) -> str:
        """A number with its words, of which there is one point where there is one."""
        after = "point" if self.after == "points" and text.lstrip("−") == "1" else self.after
        return f"{text} {after}".rstrip()


def _written(value: float, width: float) -> str:
    """A number to what an interval of `width` leaves of it, large ones with their thousands."""
    if not LARGE <= abs(value) < math.inf:
        return number(value, width)
    step = 10 ** math.floor(math.log10(max(width, 1.0)))
    return f"{round(value / step) * step:,}".replace("-", "\N{MINUS SIGN}")


def unit(name: str) -> Unit:
    """How effects in the unit `name` are shown.

    >>> unit("log ratio of drift").interval(Interval(2.121, 2.091, 2.152, 10))
    '8.3 times, 8.1 to 8.6'
    >>> unit("accuracy").interval(Interval(0.172, 0.167, 0.177, 10))
    '17.2 points, 16.7 to 17.7'
    >>> unit("log ratio of spread").interval(Interval(13.03, 12.99, 13.07, 10))
    '460,000 times, 440,000 to 470,000'
    """
    if name.startswith(RATIO):
        return Unit(math.exp, "times")
    if name == "accuracy":
        return Unit(lambda value: 100 * value, "points")
    return Unit(float, "" if name == "1" else name)


def measured_in(name: str) -> str:
    """What a ratio is a ratio of, or what points are points of: "drift", "accuracy"; else nothing.

    >>> measured_in("log ratio of drift")
    'drift'
    """
    if name.startswith(RATIO):
        return name.removeprefix(RATIO).removeprefix(" of").strip()
    return "accuracy" if name == "accuracy" else ""
