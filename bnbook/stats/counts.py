"""Shares and signs: what may be said of how often, by exact laws."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binomtest, fisher_exact

from bnbook.stats.effects import StatsError
from bnbook.stats.intervals import LEVEL, Interval


def share(successes: int, n: int, level: float = LEVEL) -> Interval:
    """The share of successes in `n` trials, with its exact interval.

    Limits that a one-sided binomial test at half of 1 − `level` does not exclude: it covers at
    least so often as it says, whatever the share. Source: clopper1934use.

    >>> share(0, 8).estimate, round(share(0, 8).high, 4), round(1 - 0.025 ** (1 / 8), 4)
    (0.0, 0.3694, 0.3694)
    """
    _counted(successes, n)
    limits = binomtest(successes, n).proportion_ci(level, method="exact")
    return Interval(successes / n, float(limits.low), float(limits.high), n)


def allowed_exceptions(n: int, level: float = LEVEL) -> float:
    """How many exceptions, as a share of all seeds, `n` equal outcomes in `n` seeds allow.

    The upper limit 1 − (1 − level)^(1/n) of a share of which 0 in n were seen: 0.31 for 8 seeds.

    >>> round(allowed_exceptions(8), 2)
    0.31
    """
    _counted(0, n)
    return 1 - (1 - level) ** (1 / n)


def sign_test(low: ArrayLike, bound: float = 0.0) -> float:
    """One-sided p-value that most seeds lie above `bound`, the median of all seeds with them.

    `low` is one value for each seed, or the least that it can be; a value that is NaN, or on the
    bound, counts against. The exact binomial test of a half. Source: conover1999practical.

    >>> sign_test([1.0, 2.0, 3.0, 4.0, 5.0])  # ½⁵
    0.03125
    >>> sign_test([1.0, float("nan")])
    0.75
    """
    values = np.asarray(low, dtype=float)
    if values.size == 0:
        return 1.0
    return float(binomtest(int((values > bound).sum()), values.size, alternative="greater").pvalue)


def fisher(treatment: tuple[int, int], control: tuple[int, int]) -> float:
    """One-sided p-value that successes are more frequent in `treatment` than in `control`.

    Each is (successes, trials), and the trials of the two are independent.
    Source: fisher1935design.

    >>> round(fisher((4, 4), (0, 4)), 6), round(1 / 70, 6)  # one table of 8 over 4
    (0.014286, 0.014286)
    """
    for successes, n in (treatment, control):
        _counted(successes, n)
    table = [[won, n - won] for won, n in (treatment, control)]
    return float(fisher_exact(table, alternative="greater").pvalue)


def _counted(successes: int, n: int) -> None:
    if not (n >= 1 and 0 <= successes <= n and math.isfinite(n)):
        raise StatsError(f"{successes} successes in {n} trials: give 0 to n of at least one trial")
