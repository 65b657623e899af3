"""The records of the clinic, turned into what its claims and figures need."""

from __future__ import annotations

import xarray as xr
from scipy.stats import binomtest


def gains(record: xr.Dataset) -> xr.Dataset:
    """Accuracy in use after the cure minus before it, by case and seed."""
    accuracy = record.accuracy.sel(visit="after") - record.accuracy.sel(visit="before")
    gain = accuracy.drop_vars(["visit", *_others(record)], errors="ignore").rename(arm="case")
    gain.attrs = {"units": "1", "long_name": "accuracy won by the cure"}
    return xr.Dataset({"gain": gain})


def gain(record: xr.Dataset) -> xr.DataArray:
    """What `gains` holds."""
    return gains(record).gain


def named(record: xr.Dataset, visit: str) -> tuple[int, int]:
    """In how many networks of a visit the sign of the case was found, and how many there are."""
    found = record.named.sel(visit=visit)
    return int(found.sum()), found.size


def faults_after(record: xr.Dataset) -> tuple[int, int]:
    """In how many cured networks any fault was found, and how many there are."""
    after = record.sel(visit="after")
    return int(((after.named + after.others) > 0).sum()), after.named.size


def false_alarms(record: xr.Dataset) -> tuple[int, int, float, float]:
    """Healthy networks with a fault, how many there are, and the 95 % interval of the rate.

    The interval is Clopper and Pearson's, exact for independent networks; those of one seed share
    their data and are not quite that.
    """
    alarms, total = int((record.faults > 0).sum()), record.faults.size
    interval = binomtest(alarms, total).proportion_ci()
    return alarms, total, float(interval.low), float(interval.high)


def _others(record: xr.Dataset) -> list[str]:
    """Coordinates along arms besides their names."""
    return [str(c) for c in record.coords if record[c].dims == ("arm",) and c != "arm"]
