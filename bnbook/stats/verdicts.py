"""What one effect says of a claim: the evidence for each verdict, and the decision."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtr

from bnbook.stats.counts import allowed_exceptions, sign_test
from bnbook.stats.effects import StatsError
from bnbook.stats.intervals import (
    LEVEL,
    SKEWED,
    Interval,
    bootstrap_t,
    interval,
    is_skewed,
    median_interval,
    number,
    resampled_t,
    skewness,
)
from bnbook.text import unknown

Verdict = Literal[
    "supported", "reversed", "negligible", "inconclusive", "depends", "proved", "disproved"
]
"""What the measurements say of a claim.

"proved" and "disproved" are for identities, "depends" for claims that something depends.
"""

Kind = Literal["greater", "equivalent", "at-least"]
"""What a claim says of its effect: that it is positive, that there is none, that it is no loss."""

Centre = Literal["mean", "median"]
"""What of the seeds an effect is: the mean, by t; on a grid and for times the median, by signs."""

MIN_SEEDS = 8
"""With fewer seeds than this an effect is inconclusive, whatever its interval."""

ALPHA = (1 - LEVEL) / 2
"""What the evidence for a verdict must be at most: a limit of an interval errs so often."""

Cells = NDArray[np.float64]


@dataclass(frozen=True)
class Decision:
    """The verdict on one effect, why, and how strong the evidence is.

    `evidence` has the one-sided p-value of each verdict that could have been reached, none for
    an identity; `bound` is the smallest effect that matters, or the tolerance; `lost` counts the
    seeds without a number.
    """

    effect: Interval
    verdict: Verdict
    reason: str
    evidence: Mapping[Verdict, float] = field(default_factory=dict)
    bound: float = 0.0
    lost: int = 0

    @property
    def p(self) -> float:
        """Two-sided p-value of the best evidence: how often chance alone decides so clearly."""
        return min(1.0, 2 * min(self.evidence.values(), default=0.5))

    def undecided(self) -> Decision:
        """The same effect, judged as if its evidence did not suffice."""
        if not self.evidence:
            return self
        return replace(self, verdict="inconclusive", reason=OPEN)


OPEN = "the interval leaves open whether there is an effect that matters"


def evidence(
    values: ArrayLike, matters: float, kind: Kind = "greater", centre: Centre = "mean"
) -> dict[Verdict, float]:
    """One-sided p-values of the verdicts that a claim of this `kind` can get.

    greater     supported: above `matters`. Negligible: within ±`matters`. Reversed: below 0.
    equivalent  supported: within ±`matters`. Reversed: outside.
    at-least    supported: above −`matters`. Reversed: below it.

    To lie within bounds is to lie above the one and below the other: the larger p-value counts
    (two one-sided tests, schuirmann1987comparison). `values` are one number a seed, (n,), or the
    two ends of each, (n, 2).
    """
    if kind not in get_args(Kind):
        raise StatsError(unknown("kind of claim", kind, get_args(Kind)))
    if not (math.isfinite(matters) and matters >= 0):
        raise StatsError(f"matters is {matters}; the smallest effect that matters is 0 or more")
    low, high = _ends(values)

    def above(bound: float) -> float:
        return p_above(low, bound, centre)

    def below(bound: float) -> float:
        return p_above(-high, -bound, centre)

    inside = max(above(-matters), below(matters))
    if kind == "equivalent":
        return {"supported": inside, "reversed": min(above(matters), below(-matters))}
    if kind == "at-least":
        return {"supported": above(-matters), "reversed": below(-matters)}
    return {"supported": above(matters), "negligible": inside, "reversed": below(0.0)}


def p_above(low: Float64[np.ndarray, " n"], bound: float, centre: Centre = "mean") -> float:
    """One-sided p-value that the centre of all seeds lies above `bound`; every test must agree.

    The mean by Student's t, and by the bootstrap-t too where the values are skewed. Where a seed
    has no number (its network diverged), or all are equal, which leaves a t-test nothing to go
    by, the sign test as well: lost seeds count against, and equal ones as so many throws of a
    coin. The median by the sign test alone.
    """
    finite = low[np.isfinite(low)]
    signs = sign_test(low, bound)
    if centre == "median" or finite.size < 2 or np.ptp(finite) == 0:
        return signs
    by_mean = float(mean_above(finite[None], bound)[0])
    return max(by_mean, signs) if finite.size < low.size else by_mean


def mean_above(values: Float64[np.ndarray, "*of n"], bound: float) -> Float64[np.ndarray, "*of"]:
    """One-sided p-values, (k,), that the means of k samples (k, n) lie above `bound`.

    By Student's t, and where a sample is skewed by the larger of that and the bootstrap-t's.
    """
    p = student_p(values, bound)
    skewed = np.abs(skewness(values)) > SKEWED
    p[skewed] = np.maximum(p[skewed], bootstrap_p(values[skewed], bound))
    return p


def student_p(values: Float64[np.ndarray, "*of n"], bound: float) -> Float64[np.ndarray, "*of"]:
    """The p-values by Student's t-test."""
    return np.asarray(stdtr(values.shape[-1] - 1, -_t(values, bound)))


def bootstrap_p(values: Float64[np.ndarray, "*of n"], bound: float) -> Float64[np.ndarray, "*of"]:
    """The p-values by the bootstrap-t: the share of resampled t that reach the sample's own."""
    found = np.ones(values.shape[:-1])
    for part in np.array_split(np.arange(len(values)), len(values) // 256 + 1):  # for memory
        t_star, t = resampled_t(values[part]), _t(values[part], bound)
        found[part] = (np.sum(t_star >= t[..., None], axis=-1) + 1) / (t_star.shape[-1] + 1)
    return found


def _t(values: Cells, bound: float) -> Cells:
    error = values.std(-1, ddof=1) / math.sqrt(values.shape[-1])
    return np.asarray((values.mean(-1) - bound) / np.where(error > 0, error, math.inf))


def _beside(effect: Interval, values: Cells) -> Interval:
    """The interval with the bootstrap-t's limits beside it, where the values are skewed."""
    finite = values[np.isfinite(values)]
    return replace(effect, beside=bootstrap_t(finite)) if is_skewed(finite) else effect


def decide(
    values: ArrayLike, matters: float, kind: Kind = "greater", centre: Centre = "mean"
) -> Decision:
    """The verdict on the effect of `values`, one number a seed, whose smallest size of interest is
    `matters`.

    It is the verdict whose `evidence` is at most 0.025, so that it holds exactly where the 95 %
    interval (and, of skewed values, the bootstrap-t's too) lies on its side of the bounds. Within
    ±`matters` is negligible, on whichever side of 0. Anything else is inconclusive, and so are
    fewer than `MIN_SEEDS` seeds.
    """
    low, high = _ends(values)
    ended = not np.array_equal(low, high, equal_nan=True)
    centre = "median" if ended else centre
    effect = median_interval(low, high) if centre == "median" else _beside(interval(low), low)
    lost = int((~np.isfinite(low) & ~np.isfinite(high)).sum())
    found = evidence(values, matters, kind, centre)
    if low.size < MIN_SEEDS:
        why = f"{_seeds(low.size)}; {MIN_SEEDS} are needed"
        return Decision(effect, "inconclusive", why, dict.fromkeys(found, 1.0), matters, lost)
    order: tuple[Verdict, ...] = ("supported", "negligible", "reversed")
    verdict = next((each for each in order if found.get(each, 1.0) <= ALPHA), None)
    why = _reason(verdict, kind, effect, low.size, lost)
    return Decision(effect, verdict or "inconclusive", why, found, matters, lost)


_WHERE: dict[tuple[Kind, Verdict], str] = {
    ("greater", "supported"): "the whole interval lies beyond what matters, as claimed",
    ("greater", "negligible"): "the whole interval lies among effects too small to matter",
    ("greater", "reversed"): "the whole interval lies on the other side of no effect",
    ("equivalent", "supported"): "the whole interval lies among differences too small to matter",
    ("equivalent", "reversed"): "the whole interval lies among differences that matter",
    ("at-least", "supported"): "the whole interval lies above a loss that matters",
    ("at-least", "reversed"): "the whole interval lies among losses that matter",
}


def _reason(verdict: Verdict | None, kind: Kind, effect: Interval, n: int, lost: int) -> str:
    """Where the interval lies; of equal values, what so many equal seeds can tell."""
    gone = f"; {_seeds(lost)} without a number count{'s' if lost == 1 else ''} against it"
    tail = gone if lost else ""
    if verdict is None:
        return OPEN + tail
    if effect.low == effect.high and not lost:
        share = f"{allowed_exceptions(n):.0%}"
        return f"all {n} seeds are equal, which leaves room for exceptions in {share} of all seeds"
    return _WHERE[kind, verdict] + tail


def decide_identity(values: ArrayLike, tolerance: float) -> Decision:
    """The verdict on an identity whose residuals are `values`, one number a seed.

    Proved if every residual is finite and |residual| ≤ `tolerance`; disproved if a finite one is
    larger; inconclusive if there is none, or some could not be measured and the rest hold.

    >>> decide_identity([1e-9, -2e-9], tolerance=1e-6).verdict
    'proved'
    >>> decide_identity([1e-9, 0.1], tolerance=1e-6).verdict
    'disproved'
    """
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise StatsError(f"tolerance is {tolerance}; it is a finite number, 0 or more")
    given = np.asarray(values, dtype=float)
    residuals = np.abs(given)
    finite = residuals[np.isfinite(residuals)]
    lost = residuals.size - finite.size
    verdict, why = _proof(finite, lost, tolerance)
    return Decision(interval(given.ravel()), verdict, why, {}, tolerance, lost)


def _proof(finite: Cells, lost: int, tolerance: float) -> tuple[Verdict, str]:
    if finite.size == 0:
        return "inconclusive", "no residual could be measured"
    largest = f"the largest residual is {number(float(finite.max()))}"
    if finite.max() > tolerance:
        return "disproved", f"{largest}, above the tolerance {number(tolerance)}"
    if lost:
        return "inconclusive", f"{largest}, but some could not be measured"
    return "proved", f"{largest}, within the tolerance {number(tolerance)}"


def _ends(values: ArrayLike) -> tuple[Cells, Cells]:
    """The lower and the upper end of each value: twice the same where it is known."""
    given = np.asarray(values, dtype=float)
    if given.ndim == 2 and given.shape[1] == 2:
        return given[:, 0], given[:, 1]
    if given.ndim != 1:
        raise StatsError(f"a verdict takes one value per seed, (n,); it was given {given.shape}")
    known = np.where(np.isfinite(given), given, math.nan)
    return known, known


def _seeds(n: int) -> str:
    return f"{n} seed{'' if n == 1 else 's'}"
