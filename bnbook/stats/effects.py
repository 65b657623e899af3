"""Arms compared within each seed."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import kendalltau

from bnbook.text import unknown


class StatsError(ValueError):
    """A statistic was asked of values that do not have it; the message says what there is."""


BOUND = "bound"
"""The dimension of values known only to lie between a "low" and a "high" end; see `steps_to`."""


def paired(values: xr.DataArray, treatment: str, control: str) -> xr.DataArray:
    """`treatment` − `control` within each seed; dimension "arm" goes, the others stay.

    >>> arms = {"arm": ["a", "b"]}
    >>> values = xr.DataArray([[3.0, 5.0], [1.0, 4.0]], coords=arms, dims=("arm", "seed"))
    >>> paired(values, "a", "b").values
    array([2., 1.])
    """
    return _minus(_arm(values, treatment), _arm(values, control))


def final(record: xr.Dataset, variable: str) -> xr.DataArray:
    """A variable after each arm's own last step; NaN where training had diverged."""
    return record[variable].sel(step=record["steps"]).drop_vars("step")


def log_ratio(values: xr.DataArray, treatment: str, control: str) -> xr.DataArray:
    """log(`treatment`/`control`) within each seed, for values that are positive.

    A value of zero or less is a `StatsError`: its logarithm would pass for a diverged network.
    NaN stays NaN. Of values with a dimension "bound" (see `steps_to`) the ratio has one too.

    >>> values = xr.DataArray([[2.0], [1.0]], coords={"arm": ["a", "b"]}, dims=("arm", "seed"))
    >>> float(log_ratio(values, "a", "b")[0]) == float(np.log(2))
    True
    """
    arms = [_arm(values, name) for name in (treatment, control)]
    for name, arm in zip((treatment, control), arms, strict=True):
        if bool((arm <= 0).any()):
            raise StatsError(
                f"log_ratio of {values.name!r}: arm '{name}' goes down to {float(arm.min()):g}; "
                "a ratio needs positive values. Compare with `paired`, or start from a floor"
            )
    return _minus(xr.DataArray(np.log(arms[0])), xr.DataArray(np.log(arms[1])))


def kendall(values: xr.DataArray, order: xr.DataArray, over: str = "arm") -> xr.DataArray:
    """Kendall's τ_b of two rankings of the labels along `over`, within each seed: from −1 to 1.

    NaN where one of the two ranks nothing: all its values are equal, or some are not finite.
    Source: kendall1938measure.
    """
    if over not in values.dims or over not in order.dims or values.sizes[over] < 3:
        raise StatsError(
            f"kendall ranks three labels or more along {over!r}; it was given "
            f"{dict(values.sizes)} and {dict(order.sizes)}"
        )
    tau = xr.apply_ufunc(
        _tau,
        values,
        order.sel({over: values[over].values}),
        input_core_dims=[[over], [over]],
        vectorize=True,
    )
    return tau.assign_attrs(units="1", long_name="Kendall's τ")


def _tau(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    ranked = np.isfinite(x).all() and np.isfinite(y).all() and np.ptp(x) > 0 and np.ptp(y) > 0
    return float(kendalltau(x, y).statistic) if ranked else math.nan


def _minus(a: xr.DataArray, b: xr.DataArray) -> xr.DataArray:
    """a − b; of values between two ends, the least and the greatest that it can be."""
    if BOUND not in a.dims:
        return a - b
    low = a.sel(bound="low", drop=True) - b.sel(bound="high", drop=True)
    high = a.sel(bound="high", drop=True) - b.sel(bound="low", drop=True)
    return xr.concat([low, high], xr.Variable(BOUND, ["low", "high"]))


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
