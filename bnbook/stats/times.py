"""Times to a target, which a run may not reach before it ends: then they are censored.

A censored time is not a number. `steps_to` says between which two ends it lies, differences and
ratios of such times are taken end against end, and their verdicts count signs
(`bnbook.stats.decide`). Two arms as a whole are compared by `logrank`.
"""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import CensoredData
from scipy.stats import logrank as _logrank

from bnbook.stats.effects import BOUND, StatsError, _arm


def steps_to(values: xr.DataArray, target: float) -> xr.DataArray:
    """The step at which `values` (…, step) first reach `target`, (…, bound), for values that rise.

    The dimension "bound" has a "low" and a "high" end. Where the target was reached both are the
    step: between two looks the path is taken as straight in log(1 + step). A run that never
    reached it, diverged ones among them, took more than its last step, and how many is not known:
    low is its last step, high is infinite.

    >>> path = xr.DataArray([0.0, 1.0, 2.0], coords={"step": [0, 3, 15]}, dims="step")
    >>> steps_to(path, 1.5).values.round(6), steps_to(path, 3.0).values  # 8 is between 4 and 16
    (array([7., 7.]), array([15., inf]))
    """
    if "step" not in values.dims or values.sizes["step"] < 2:
        raise StatsError(f"steps_to takes values at two steps or more; {values.name!r} has none")
    steps = np.log1p(values["step"].values.astype(float))
    ends = xr.apply_ufunc(
        lambda path: _first_crossing(path, steps, target),
        values,
        input_core_dims=[["step"]],
        output_core_dims=[[BOUND]],
        vectorize=True,
    )
    ends = ends.assign_coords({BOUND: ["low", "high"]})
    return ends.assign_attrs(units="step", long_name=f"steps to {target:g}")


def restricted(steps: xr.DataArray) -> xr.DataArray:
    """What `steps_to` found, cut at the end of the run: min(time, last step).

    Its mean is the restricted mean time, a number whatever happens. Where neither of two arms
    reaches the target the two are alike here and nothing is known of the rest: a comparison
    belongs to `log_ratio` of the times themselves, or to `logrank`. Source: royston2013restricted.
    """
    if BOUND not in steps.dims:
        raise StatsError(f"restricted takes what steps_to gives; it was given {dict(steps.sizes)}")
    return steps.sel(bound="low", drop=True)


def logrank(steps: xr.DataArray, treatment: str, control: str) -> float:
    """One-sided p-value that `treatment` reaches the target earlier than `control`.

    The log-rank test of two arms of what `steps_to` found, over all their seeds, which it takes
    as independent: it does not know of pairs. 1 where no run of either reached the target.
    Source: mantel1966evaluation.
    """
    arms = [_arm(steps, name) for name in (treatment, control)]
    if not any(bool(np.isfinite(arm.sel(bound="high")).any()) for arm in arms):
        return 1.0
    fast, slow = map(_censored, arms)
    return float(_logrank(fast, slow, alternative="greater").pvalue)


def _censored(ends: xr.DataArray) -> CensoredData:
    low, high = (ends.sel(bound=end).values.ravel() for end in ("low", "high"))
    reached = np.isfinite(high)
    return CensoredData(uncensored=low[reached], right=low[~reached])


def _first_crossing(
    path: NDArray[np.float64], steps: NDArray[np.float64], target: float
) -> NDArray[np.float64]:
    """Where `path` at logarithmic `steps` first crosses `target`, as the two ends of a step."""
    above = path >= target
    if not above.any():
        return np.array([np.expm1(steps[-1]), math.inf])
    at = int(above.argmax())
    if at == 0 or not math.isfinite(path[at - 1]):
        return np.full(2, np.expm1(steps[at]))
    part = (target - path[at - 1]) / (path[at] - path[at - 1])
    return np.full(2, np.expm1(steps[at - 1] + part * (steps[at] - steps[at - 1])))
