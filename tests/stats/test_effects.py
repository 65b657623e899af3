"""Arms are compared within each seed."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bnbook.stats import StatsError, final, kendall, log_ratio, paired

VALUES = st.floats(-1e6, 1e6).map(lambda x: round(x, 4))


def arms(none: list[float], batch: list[float]) -> xr.DataArray:
    coords = {"arm": ["none", "batch"], "seed": range(len(none))}
    return xr.DataArray([none, batch], coords, ("arm", "seed"), name="accuracy")


def test_a_paired_effect_is_the_difference_within_each_seed() -> None:
    effect = paired(arms([0.5, 0.75, 0.5], [0.75, 0.5, 1.0]), "batch", "none")
    assert effect.dims == ("seed",)
    assert effect.values.tolist() == [0.25, -0.25, 0.5]


@given(hnp.arrays(float, (2, 6), elements=VALUES), st.permutations(range(6)))
def test_reordering_pairs_reorders_effects_and_swapping_arms_negates_them(
    values: np.ndarray, order: list[int]
) -> None:
    given_arms = arms(*values.tolist())
    effect = paired(given_arms, "batch", "none")
    shuffled = paired(given_arms.isel(seed=order), "batch", "none")
    assert (shuffled.sortby("seed") == effect).all()
    assert (paired(given_arms, "none", "batch") == -effect).all()


def test_what_all_arms_share_within_a_seed_drops_out_of_a_paired_effect() -> None:
    common = np.array([10.0, -4.0, 100.0, 3.0, 0.5])
    values = arms(list(common), list(common + 0.25))
    assert paired(values, "batch", "none").values.tolist() == [0.25] * 5


def test_a_log_ratio_is_the_log_of_the_ratio_and_other_dimensions_stay() -> None:
    values = xr.concat([arms([1, 2], [2, 8]), arms([4, 4], [2, 4])], "layer")
    found = log_ratio(values, "batch", "none")
    assert set(found.dims) == {"layer", "seed"}
    expected = np.log([[2.0, 4.0], [0.5, 1.0]])
    np.testing.assert_allclose(found.transpose("layer", "seed"), expected, rtol=1e-15)


def test_a_diverged_network_stays_nan_in_a_log_ratio() -> None:
    found = log_ratio(arms([1.0, math.nan], [2.0, 2.0]), "batch", "none")
    assert np.isnan(found.values).tolist() == [False, True]


@pytest.mark.parametrize("bad", [0.0, -1.0])
def test_a_log_ratio_of_values_that_are_not_positive_is_an_error(bad: float) -> None:
    with pytest.raises(StatsError, match=r"'accuracy'.*arm 'none'.*positive"):
        log_ratio(arms([1.0, bad], [2.0, 2.0]), "batch", "none")


def test_an_arm_that_is_not_there_is_an_error_that_names_those_that_are() -> None:
    with pytest.raises(StatsError, match=r"'bacth'; did you mean 'batch'\? Known: none, batch"):
        paired(arms([1], [2]), "bacth", "none")
    with pytest.raises(StatsError, match="has dimensions seed; comparing arms needs"):
        paired(xr.DataArray([1.0], dims="seed", name="loss"), "batch", "none")


def test_final_is_what_each_arm_shows_after_its_own_last_step() -> None:
    record = xr.Dataset(
        {
            "accuracy": (("arm", "seed", "step"), [[[0.1, 0.5, np.nan]], [[0.1, 0.4, np.nan]]]),
            "steps": (("arm", "seed"), [[5.0], [9.0]]),
        },
        coords={"arm": ["short", "diverged"], "seed": [0], "step": [0, 5, 9]},
    )
    last = final(record, "accuracy")
    assert last.dims == ("arm", "seed")
    np.testing.assert_array_equal(last.values, [[0.5], [np.nan]])


# --- ranks ------------------------------------------------------------------------------------


def tau_by_pairs(x: list[float], y: list[float]) -> float:
    """τ_b counted pair by pair."""
    pairs = list(combinations(range(len(x)), 2))
    sides = [(np.sign(x[i] - x[j]), np.sign(y[i] - y[j])) for i, j in pairs]
    untied = [sum(side[k] != 0 for side in sides) for k in (0, 1)]
    return float(sum(a * b for a, b in sides) / math.sqrt(untied[0] * untied[1]))


@given(hnp.arrays(float, (2, 5), elements=st.integers(0, 3).map(float)))
def test_kendall_counts_pairs_within_each_seed(values: np.ndarray) -> None:
    x, y = (
        xr.DataArray(v[None], {"arm": list("abcde"), "seed": [0]}, ("seed", "arm")) for v in values
    )
    found = kendall(x, y.isel(arm=[3, 1, 0, 4, 2])).item()
    if np.ptp(values[0]) == 0 or np.ptp(values[1]) == 0:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(tau_by_pairs(*values.tolist()), abs=1e-12)


def test_kendall_needs_three_labels() -> None:
    with pytest.raises(StatsError, match="three labels or more along 'arm'"):
        kendall(arms([1.0], [2.0]), arms([1.0], [2.0]))
