"""What is read off the clinic's records."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.stats import beta

from bnbook.outcomes import clinic


@pytest.fixture
def rounds() -> xr.Dataset:
    accuracy = np.array([[[0.5, 0.6], [0.9, 0.8]], [[0.7, 0.7], [0.6, 0.9]]])
    named = np.array([[[1.0, 1.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]])
    others = np.zeros_like(named)
    others[0, 1, 1] = 2
    dims = ("arm", "visit", "seed")
    record = xr.Dataset(
        {"accuracy": (dims, accuracy), "named": (dims, named), "others": (dims, others)},
        {"arm": ["one", "two"], "visit": ["before", "after"], "seed": [0, 1]},
    )
    return record.assign_coords(case=("arm", ["one", "two"]))


def test_a_gain_is_after_minus_before_within_a_seed(rounds: xr.Dataset) -> None:
    gain = clinic.gain(rounds)
    assert gain.dims == ("case", "seed")
    np.testing.assert_allclose(gain, [[0.4, 0.2], [-0.1, 0.2]])


def test_names_and_other_faults_are_counted(rounds: xr.Dataset) -> None:
    assert clinic.named(rounds, "before") == (3, 4)
    assert clinic.named(rounds, "after") == (1, 4)
    assert clinic.faults_after(rounds) == (2, 4)


def test_the_rate_of_false_alarms_has_the_exact_interval() -> None:
    faults = xr.DataArray(np.r_[np.ones(1), np.zeros(39)].reshape(4, 10), dims=("arm", "seed"))
    alarms, total, low, high = clinic.false_alarms(xr.Dataset({"faults": faults}))
    assert (alarms, total) == (1, 40)
    np.testing.assert_allclose([low, high], [beta.ppf(0.025, 1, 40), beta.ppf(0.975, 2, 39)])
