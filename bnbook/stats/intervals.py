"""Confidence intervals over seeds: of a mean, of a median, of the ratio of two means."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit
from scipy.stats import binom

from bnbook.pasting import typeset
from bnbook.stats.effects import StatsError

LEVEL = 0.95
"""Nominal coverage of every interval in the book."""

RESAMPLES = 1000
"""Half as many as the bootstrap-t draws: each goes with its mirror image."""

SKEWED = 1.0
"""Sample skewness beyond which Student's t is not trusted alone."""

Cells = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """An estimate over `n` seeds and the limits of its confidence interval, in the values' unit.

    `beside` has the limits by the bootstrap-t where a verdict is sought and the values are
    skewed: it must hold by both. The limits are NaN where there are fewer than two seeds to
    spread, the estimate where there are none; one that is infinite says that times were censored.
    """

    estimate: float
    low: float
    high: float
    n: int
    beside: tuple[float, float] | None = None

    def __str__(self) -> str:
        """`0.21 [0.17, 0.25]`, to as many decimals as the interval is worth."""
        if self.n < 2:
            alone = "no usable seed" if self.n == 0 else "1 seed, no interval"
            return alone if self.n == 0 else f"{number(self.estimate)} ({alone})"
        half = self.half_width
        shown = (number(value, half) for value in (self.estimate, self.low, self.high))
        return "{} [{}, {}]".format(*shown)

    @property
    def half_width(self) -> float:
        """Half the distance of the limits; of the finite side, doubled, where one is infinite."""
        if math.isfinite(self.high - self.low):
            return (self.high - self.low) / 2
        sides = [abs(end - self.estimate) for end in (self.low, self.high) if math.isfinite(end)]
        return max(sides, default=0.0)


def number(value: float, uncertainty: float = 0.0) -> str:
    """`value` to the decimals that ± `uncertainty` leaves meaningful, with a true minus sign.

    The uncertainty keeps two digits when they are 10 to 35 and one otherwise, as the Particle
    Data Group rounds; without an uncertainty the value keeps three digits. Numbers that would
    need more than six decimals, or more digits than are known, are written in powers of ten.

    >>> number(-0.123456, 0.0123), number(3.14159, 0.5), number(2 / 3), number(7.09e-6)
    ('−0.123', '3.1', '0.667', '7.09×10⁻⁶')
    """
    if uncertainty > 0 and math.isfinite(uncertainty) and math.isfinite(value):
        power = math.floor(math.log10(uncertainty))
        decimals = -power + (uncertainty / 10.0**power < 3.55)
        text = f"{value:.{max(decimals, 0)}f}" if decimals <= 6 else f"{value:.2e}"
    else:
        text = f"{value:.3g}"
    if float(text) == 0:
        text = text.lstrip("-")
    return typeset(text)


def interval(values: ArrayLike, level: float = LEVEL) -> Interval:
    """Mean of `values` (n,) over seeds, with Student's t interval.

    NaN and infinite values (diverged networks) are left out, and `n` counts what is left. The
    result does not depend on the order of the seeds, and shifts, scales and changes sign with the
    values.

    It covers the mean of normal values 95 times in 100 at any n, and of skewed ones less often:
    the page on error rates measures how often. Equal values give an interval of zero width, which
    is no certainty: see `bnbook.stats.decide`. Source: student1908probable.
    """
    given = _sample(values, level)
    kept = np.sort(given[np.isfinite(given)])
    if kept.size == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    spread = float(kept[-1] - kept[0])
    estimate = float(kept.mean()) if spread > 0 else float(kept[0])
    if kept.size == 1:
        return Interval(estimate, math.nan, math.nan, 1)
    half = t_quantile(level, kept.size) * float(kept.std(ddof=1)) / math.sqrt(kept.size)
    half = half if spread > 0 else 0.0
    return Interval(estimate, estimate - half, estimate + half, kept.size)


def is_skewed(values: ArrayLike) -> bool:
    """Whether the sample skewness m₃/m₂^{3/2} of finite values is beyond ±1.

    >>> is_skewed([1, 2, 3, 4]), is_skewed([0, 0, 0, 0, 0, 0, 9])
    (False, True)
    """
    kept = np.asarray(values, dtype=float)
    return bool(kept.size > 2 and np.ptp(kept) > 0 and abs(skewness(kept)) > SKEWED)


def skewness(values: Float64[np.ndarray, "*of n"]) -> Float64[np.ndarray, "*of"]:
    """m₃/m₂^{3/2} of samples (…, n) along their last axis; 0 where all values are equal."""
    return np.asarray((_standard(values) ** 3).mean(-1))


def t_quantile(level: float, n: int) -> float:
    """What Student's t of `n` values exceeds, in size, with probability 1 − `level`.

    >>> round(t_quantile(0.95, 5), 3), round(t_quantile(0.5, 2), 3)  # of Cauchy's law, 1
    (2.776, 1.0)
    """
    return float(-stdtrit(n - 1, (1 - level) / 2))


def bootstrap_t(values: ArrayLike, level: float = LEVEL) -> tuple[float, float]:
    """Limits for the mean of `values` (n,) by the bootstrap-t: quantiles of resampled t.

    Each resample has a t = (its mean − the sample's)/(its standard error); their quantiles take
    the place of Student's, so that a long tail widens its own side. Deterministic, and it turns
    with the values: each resample goes with its mirror image. Source: efron1993introduction.
    """
    kept = np.sort(_sample(values, level))
    if kept.size < 3 or np.ptp(kept) == 0:
        raise StatsError(f"bootstrap_t needs three values that differ; it was given {kept.size}")
    t_star = resampled_t(kept)
    outside = int((1 - level) / 2 * (t_star.size + 1))  # so many resamples lie beyond a limit
    low, high = t_star[outside - 1], t_star[-outside]
    error = float(kept.std(ddof=1)) / math.sqrt(kept.size)
    mean = float(kept.mean())
    return mean - float(high) * error, mean - float(low) * error


def resampled_t(values: Float64[np.ndarray, "*of n"]) -> Float64[np.ndarray, "*of resample"]:
    """t of resamples of `values` (…, n), along a last axis, sorted: (…, 2·RESAMPLES)."""
    ordered = _standard(np.sort(values, axis=-1))
    n = ordered.shape[-1]
    weights = _resamples(n)
    mean = ordered @ weights.T
    variance = (
        ordered**2
    ) @ weights.T - mean**2  # of values with variance 1, so it does not cancel
    off = mean - ordered.mean(-1, keepdims=True)
    alike = variance < 1e-12  # all draws of one value: t is ±∞, by the side on which that lies
    ends = np.where(np.abs(off) < 1e-12, 0.0, np.copysign(math.inf, off))
    error = np.sqrt(np.where(alike, 1.0, variance) / (n - 1))
    return np.sort(np.where(alike, ends, off / error), axis=-1)


def _standard(values: Cells) -> Cells:
    """Values with mean 0 and standard deviation 1, so that their own size does not round them."""
    off = values - values.mean(-1, keepdims=True)
    scale = np.abs(off).max(-1, keepdims=True)
    off = off / np.where(scale > 0, scale, 1.0)
    return off / np.where(scale > 0, off.std(-1, keepdims=True), 1.0)


@lru_cache
def _resamples(n: int) -> Cells:
    """How often a resample draws each place of a sorted sample, as a share; each with its mirror
    image."""
    drawn = np.random.default_rng(0).integers(0, n, size=(RESAMPLES, n))
    shares = np.stack([np.bincount(each, minlength=n) for each in drawn]) / n
    return np.concatenate([shares, shares[:, ::-1]])


def median_interval(
    low: ArrayLike, high: ArrayLike | None = None, level: float = LEVEL
) -> Interval:
    """Median over seeds, with the exact interval that the sign test leaves.

    A value may lie anywhere between its `low` and `high` end, as a ratio of censored times does
    (see `bnbook.stats.steps_to`); without `high` it is known. The limits are order statistics of
    the ends, the median is the middle of the medians of both ends, or the finite one of them. A
    value that is NaN may lie anywhere.
    With n ≤ 5 no interval of two order statistics covers 95 %, and the limits are infinite.
    Source: conover1999practical.

    >>> found = median_interval([5.0, 1.0, 2.0, 4.0, 3.0, 6.0])  # 2·½⁶ is left outside
    >>> found.estimate, found.low, found.high
    (3.5, 1.0, 6.0)
    """
    below = np.sort(np.where(np.isnan(_sample(low, level)), -math.inf, low))
    top = low if high is None else high
    above = np.sort(np.where(np.isnan(_sample(top, level)), math.inf, top))
    n = below.size
    if n == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    rank = int(binom.ppf((1 - level) / 2, n, 0.5))  # so many may lie outside on either side
    ends = (float(below[rank - 1]), float(above[n - rank])) if rank else (-math.inf, math.inf)
    medians = [float(m) for m in (np.median(below), np.median(above)) if math.isfinite(m)]
    return Interval(sum(medians) / len(medians) if medians else math.nan, *ends, n)


def ratio_of_means(part: ArrayLike, whole: ArrayLike, level: float = LEVEL) -> Interval:
    """mean(`part`)/mean(`whole`) of values paired by seed, (n,), with Fieller's interval.

    For a share such as (arm − none)/(BN − none): the ratios r at which a t-test does not tell
    `part` − r·`whole` from 0. Where `whole` itself cannot be told from 0 a share of it is nothing,
    and estimate and limits are NaN. Seeds where one of the two is not finite are left out.
    Source: fieller1954some.

    >>> ratio_of_means([10.0, 11.0, 12.0], [20.0, 22.0, 24.0]).estimate
    0.5
    """
    a, b = _sample(part, level), _sample(whole, level)
    if a.shape != b.shape:
        raise StatsError(f"ratio_of_means takes pairs; it was given {a.size} and {b.size} values")
    both = np.isfinite(a) & np.isfinite(b)
    a, b, n = a[both], b[both], int(both.sum())
    if n < 2:
        return Interval(math.nan, math.nan, math.nan, n)
    (aa, ab), (_, bb) = np.cov(a, b) * t_quantile(level, n) ** 2 / n
    lead = b.mean() ** 2 - bb
    if lead <= 0:
        return Interval(math.nan, math.nan, math.nan, n)
    middle = a.mean() * b.mean() - ab
    root = math.sqrt(max(middle**2 - lead * (a.mean() ** 2 - aa), 0.0))
    ends = (float((middle - root) / lead), float((middle + root) / lead))
    return Interval(float(a.mean() / b.mean()), *ends, n)


def _sample(values: ArrayLike, level: float) -> Cells:
    if not 0 < level < 1:
        raise StatsError(f"level is {level}; it is a probability between 0 and 1, such as {LEVEL}")
    given = np.asarray(values, dtype=float)
    if given.ndim != 1:
        raise StatsError(f"interval takes one value per seed, (n,); it was given {given.shape}")
    return given
