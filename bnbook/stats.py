"""Effects paired by seed, their uncertainty, and the verdict on a claim.

>>> effect = interval([0.21, 0.25, 0.19, 0.23, 0.22, 0.24])
>>> print(effect)
0.223 [0.207, 0.238]
>>> verdict(effect, matters=0.02)
'supported'
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.stats import bootstrap

from bnbook.text import unknown

Verdict = Literal["supported", "refuted", "inconclusive", "depends", "proved"]
"""What the measurements say of a claim; "proved" is for identities, "depends" for strata."""

Kind = Literal["greater", "equivalent", "at-least"]
"""What a claim says of its effect: that it is positive, that there is none, that it is no loss."""

MIN_SEEDS = 5
"""With fewer seeds than this an effect is inconclusive, whatever its interval."""

LEVEL = 0.95
"""Nominal coverage of every interval in the book."""

RESAMPLES = 9999


class StatsError(ValueError):
    """A statistic was asked of values that do not have it; the message says what there is."""


@dataclass(frozen=True)
class Interval:
    """A mean over `n` seeds and the limits of its confidence interval, in the unit of the values.

    The limits are NaN where there are fewer than two seeds to spread, the estimate where there
    are none.
    """

    estimate: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        """`0.21 [0.17, 0.25]`, to as many decimals as the interval is worth."""
        if self.n < 2:
            alone = "no usable seed" if self.n == 0 else "1 seed, no interval"
            return alone if self.n == 0 else f"{number(self.estimate)} ({alone})"
        half = (self.high - self.low) / 2
        shown = (number(value, half) for value in (self.estimate, self.low, self.high))
        return "{} [{}, {}]".format(*shown)


def number(value: float, uncertainty: float = 0.0) -> str:
    """`value` to the decimals that ± `uncertainty` leaves meaningful, with a true minus sign.

    The uncertainty keeps two digits when they are 10 to 35 and one otherwise, as the Particle
    Data Group rounds; without an uncertainty the value keeps three digits. Numbers that would
    need more than six decimals are written in powers of ten.
    """
    if uncertainty > 0 and math.isfinite(uncertainty) and math.isfinite(value):
        power = math.floor(math.log10(uncertainty))
        decimals = -power + (uncertainty / 10.0**power < 3.55)
        text = f"{value:.{max(decimals, 0)}f}" if decimals <= 6 else f"{value:.2e}"
    else:
        text = f"{value:.3g}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "\N{MINUS SIGN}")


def paired(values: xr.DataArray, treatment: str, control: str) -> xr.DataArray:
    """`treatment` − `control` within each seed; dimension "arm" goes, the others stay."""
    return _arm(values, treatment) - _arm(values, control)


def final(record: xr.Dataset, variable: str) -> xr.DataArray:
    """A variable after each arm's own last step; NaN where training had diverged."""
    return record[variable].sel(step=record["steps"]).drop_vars("step")


def log_ratio(values: xr.DataArray, treatment: str, control: str) -> xr.DataArray:
    """log(`treatment`/`control`) within each seed, for values that are positive.

    A value of zero or less is a `StatsError`: its logarithm would pass for a diverged network.
    NaN stays NaN.
    """
    arms = [_arm(values, name) for name in (treatment, control)]
    for name, arm in zip((treatment, control), arms, strict=True):
        if bool((arm <= 0).any()):
            raise StatsError(
                f"log_ratio of {values.name!r}: arm '{name}' goes down to {float(arm.min()):g}; "
                "a ratio needs positive values. Compare with `paired`, or start from a floor"
            )
    return xr.DataArray(np.log(arms[0]) - np.log(arms[1]))


def steps_to(values: xr.DataArray, target: float) -> xr.DataArray:
    """The step at which `values` (…, step) first reach `target`, for values that are to rise.

    Between two looks the path is taken as straight in log(1 + step). A run that is never seen at
    the target, diverged ones among them, gets the last step: it took at least so many.
    """
    if "step" not in values.dims or values.sizes["step"] < 2:
        raise StatsError(f"steps_to takes values at two steps or more; {values.name!r} has none")
    steps = np.log1p(values["step"].values.astype(float))
    crossed = xr.apply_ufunc(
        lambda path: _first_crossing(path, steps, target),
        values,
        input_core_dims=[["step"]],
        vectorize=True,
    )
    return crossed.assign_attrs(units="step", long_name=f"steps to {target:g}")


def _first_crossing(path: NDArray[np.float64], steps: NDArray[np.float64], target: float) -> float:
    """Where `path` at logarithmic `steps` first crosses `target`, as a step; the last if never."""
    above = path >= target
    if not above.any():
        return float(np.expm1(steps[-1]))
    at = int(above.argmax())
    if at == 0 or not math.isfinite(path[at - 1]):
        return float(np.expm1(steps[at]))
    share = (target - path[at - 1]) / (path[at] - path[at - 1])
    return float(np.expm1(steps[at - 1] + share * (steps[at] - steps[at - 1])))


def interval(values: ArrayLike, level: float = LEVEL) -> Interval:
    """Mean of `values` (n,) over seeds, with its bias-corrected accelerated bootstrap interval.

    NaN and infinite values (diverged networks) are left out, and `n` counts what is left. The
    result is deterministic, does not depend on the order of the seeds, and shifts, scales and
    changes sign with the values. Equal values give an interval of zero width.

    With few seeds a bootstrap is too sure of itself: at a nominal 95 % it covers the mean of a
    normal sample about 83 times in 100 for n = 5, 90 for n = 10 and 93 for n = 20. This is one
    reason for `MIN_SEEDS`, and for a verdict to ask more than an interval beside zero.
    Source: efron1987better.
    """
    if not 0 < level < 1:
        raise StatsError(f"level is {level}; it is a probability between 0 and 1, such as {LEVEL}")
    given = np.asarray(values, dtype=float)
    if given.ndim != 1:
        raise StatsError(f"interval takes one value per seed, (n,); it was given {given.shape}")
    kept = np.sort(given[np.isfinite(given)])
    if kept.size == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    spread = float(kept[-1] - kept[0])
    estimate = float(kept.mean()) if spread > 0 else float(kept[0])
    if kept.size == 1:
        return Interval(estimate, math.nan, math.nan, 1)
    if spread == 0:
        return Interval(estimate, estimate, estimate, kept.size)
    low, high = _standard_limits(tuple((kept - estimate) / spread), level)
    return Interval(estimate, estimate + spread * low, estimate + spread * high, kept.size)


def decide(effect: Interval, matters: float, kind: Kind = "greater") -> tuple[Verdict, str]:
    """The verdict on an effect whose smallest size of interest is `matters`, and why.

    greater     supported: low > matters. Refuted: high < 0, or −matters < low and high < matters.
    equivalent  supported: −matters < low and high < matters. Refuted: wholly outside ±matters.
    at-least    supported: low > −matters. Refuted: high < −matters.

    Anything else is inconclusive, and so are fewer than `MIN_SEEDS` seeds. A limit that falls
    exactly on a bound decides nothing.
    """
    if kind not in get_args(Kind):
        raise StatsError(unknown("kind of claim", kind, get_args(Kind)))
    if not (math.isfinite(matters) and matters >= 0):
        raise StatsError(f"matters is {matters}; the smallest effect that matters is 0 or more")
    if effect.n < MIN_SEEDS:
        return "inconclusive", f"{_seeds(effect.n)}; {MIN_SEEDS} are needed"
    bound = number(matters)
    inside = -matters < effect.low and effect.high < matters
    above, below = effect.low > matters, effect.high < -matters
    if kind == "equivalent":
        if inside:
            return "supported", f"the interval lies within ±{bound}"
        if above or below:
            return "refuted", f"the interval lies wholly outside ±{bound}"
    elif kind == "at-least":
        if effect.low > -matters:
            return "supported", f"the interval lies above \N{MINUS SIGN}{bound}"
        if below:
            return "refuted", f"the interval lies below \N{MINUS SIGN}{bound}"
    elif above:
        return "supported", f"the interval lies above {bound}"
    elif effect.high < 0:
        return "refuted", "the interval lies below 0, on the other side"
    elif inside:
        return "refuted", f"the interval lies within ±{bound}: no effect that matters"
    return "inconclusive", "the interval leaves open whether there is an effect that matters"


def verdict(effect: Interval, matters: float, kind: Kind = "greater") -> Verdict:
    """The verdict of `decide`, without its reason."""
    return decide(effect, matters, kind)[0]


def decide_identity(values: ArrayLike, tolerance: float) -> tuple[Verdict, str]:
    """The verdict on an identity whose residuals, of any shape, are `values`, and why.

    Proved if every residual is finite and |residual| ≤ `tolerance`; refuted if a finite one is
    larger; inconclusive if there is none, or some could not be measured and the rest hold.
    """
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise StatsError(f"tolerance is {tolerance}; it is a finite number, 0 or more")
    residuals = np.abs(np.asarray(values, dtype=float))
    finite = residuals[np.isfinite(residuals)]
    if finite.size == 0:
        return "inconclusive", "no residual could be measured"
    largest = f"the largest residual is {number(float(finite.max()))}"
    if finite.max() > tolerance:
        return "refuted", f"{largest}, above the tolerance {number(tolerance)}"
    if finite.size < residuals.size:
        return "inconclusive", f"{largest}, but some could not be measured"
    return "proved", f"{largest}, within the tolerance {number(tolerance)}"


def combine(strata: Mapping[str, Verdict]) -> Verdict:
    """One verdict over strata.

    Supported in one stratum and refuted in another is "depends", whatever the rest say; all
    alike is that verdict; anything else is inconclusive. Proved counts as supported.
    """
    if not strata:
        raise StatsError("combine needs the verdict of at least one stratum; it was given none")
    found = set(strata.values())
    if odd := found - set(get_args(Verdict)):
        raise StatsError(unknown("verdict", str(sorted(odd)[0]), get_args(Verdict)))
    if found & {"supported", "proved"} and "refuted" in found:
        return "depends"
    if len(found) == 1:
        return found.pop()
    return "supported" if found == {"supported", "proved"} else "inconclusive"


@lru_cache(100_000)
def _standard_limits(sample: tuple[float, ...], level: float) -> tuple[float, float]:
    """Limits for the mean of `sample`, sorted, with mean 0 and range 1.

    The values are turned so that the first difference in their tails goes up: resamples are
    drawn by position, and so a sample and its mirror image get mirrored limits. A page asks for
    the same intervals many times: in its prose, in its boxes, in every frame of an explorer.
    """
    values = np.array(sample)
    asymmetry = values + values[::-1]
    lopsided = asymmetry[np.abs(asymmetry) > 1e-9]
    sign = -1.0 if lopsided.size and lopsided[0] < 0 else 1.0
    turned = np.sort(sign * values)
    limits = bootstrap(
        (turned,),
        _rounded_mean,
        n_resamples=RESAMPLES,
        confidence_level=level,
        method="BCa",
        rng=np.random.default_rng(0),
    ).confidence_interval
    low, high = sorted((sign * float(limits.low), sign * float(limits.high)))
    return low, high


def _rounded_mean(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    """The mean to 12 decimals, so that resamples whose means tie do so after rounding errors too.

    In a few seeds ties are common (every resample that draws each seed once), and BCa counts them.
    """
    return np.asarray(values.mean(axis=axis).round(12))


def _arm(values: xr.DataArray, name: str) -> xr.DataArray:
    if "arm" not in values.coords or "arm" not in values.dims:
        raise StatsError(
            f"{values.name!r} has dimensions {', '.join(map(str, values.dims)) or 'none'}; "
            "comparing arms needs a labelled dimension 'arm'"
        )
    known = [str(arm) for arm in values["arm"].values]
    if name not in known:
        raise StatsError(unknown("arm", name, known))
    return values.sel(arm=name, drop=True)


def _seeds(n: int) -> str:
    return f"{n} seed{'' if n == 1 else 's'}"
