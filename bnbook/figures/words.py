"""Names and places as the book writes them, on axes, in labels and in alt texts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr

from bnbook.figures.style import Real
from bnbook.pasting import SUPERSCRIPTS
from bnbook.stats import Interval, number


def tick(value: Real, _position: int | None = None) -> str:
    """A number on an axis, as short as it is exact.

    >>> tick(0.5), tick(1000.0), tick(0.00001), tick(-2.0)
    ('0.5', '1,000', '10⁻⁵', '−2')
    """
    value = float(value)
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "∞"
    exponent = math.floor(math.log10(abs(value)) + 1e-9)
    if -4 <= exponent < 6:
        decimals = max(0, 5 - exponent)
        text = f"{value:,.{decimals}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    else:
        mantissa = f"{value / 10.0**exponent:.4g}"
        power = f"10{str(exponent).translate(SUPERSCRIPTS)}"
        text = power if mantissa == "1" else f"{mantissa}×{power}"
    return text.replace("-", "−")


def quantity(values: xr.DataArray) -> str:
    """What an array holds, with its unit: "test accuracy (fraction)"."""
    name = str(values.attrs.get("long_name") or values.name or "value").replace("_", " ")
    units = str(values.attrs.get("units") or "")
    return name if units in ("", "1") else f"{name} ({units})"


def coordinate(values: xr.DataArray, dim: str) -> str:
    """What a dimension counts, with its unit."""
    return quantity(values[dim]) if dim in values.coords else dim.replace("_", " ")


def member(dim: str, value: Any) -> str:
    """The name of one coordinate of a dimension: a name stands alone, a number does not.

    >>> member("arm", "batch"), member("layer", 2)
    ('batch', 'layer 2')
    """
    if isinstance(value, int | float | np.number):
        return f"{dim.replace('_', ' ')} {tick(float(value))}"
    return str(value)


def diverged(lost: int, total: int) -> str:
    """How many of an arm's runs are not in a figure because they diverged; empty for none."""
    if not lost:
        return ""
    if lost == total:
        return "diverged" if total == 1 else f"all {total} diverged"
    return f"{lost} of {total} diverged"


def stated(each: Interval) -> str:
    """A mean with its interval, or alone when one seed leaves none."""
    return str(each) if each.n != 1 else number(each.estimate)


def listed(words: list[str]) -> str:
    """Words in a row: "a", "a and b", "a, b and c"."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
