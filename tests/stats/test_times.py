"""Times to a target are censored where a run ends before it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from bnbook.stats import (
    MIN_SEEDS,
    StatsError,
    decide,
    log_ratio,
    logrank,
    restricted,
    steps_to,
)


def course(*accuracy: float) -> xr.DataArray:
    steps = [0, 1, 3, 7, 15][: len(accuracy)]
    return xr.DataArray([list(accuracy)], {"seed": [0], "step": steps}, ("seed", "step"))


def test_a_target_met_at_a_look_is_reached_at_that_step() -> None:
    assert steps_to(course(0.1, 0.5, 0.9, 0.95), 0.9).values == pytest.approx(np.full((1, 2), 3))


def test_a_path_that_rises_with_the_logarithm_of_the_step_is_read_exactly() -> None:
    # a(t) = log₂(1 + t)/4 reaches 0.6 at t = 2^2.4 − 1, between the looks at 3 and 7
    path = course(*(math.log2(1 + t) / 4 for t in (0, 1, 3, 7, 15)))
    assert steps_to(path, 0.6).values == pytest.approx(np.full((1, 2), 2**2.4 - 1), rel=1e-12)


def test_the_first_of_several_crossings_counts() -> None:
    assert steps_to(course(0.1, 0.95, 0.2, 0.3, 0.95), 0.95).values.tolist() == [[1.0, 1.0]]


@pytest.mark.parametrize("last", [0.5, math.nan])
def test_a_run_that_never_gets_there_took_more_than_all_steps(last: float) -> None:
    found = steps_to(course(0.1, 0.2, 0.3, 0.4, last), 0.9)
    assert found.sel(bound="low").item() == pytest.approx(15)
    assert found.sel(bound="high").item() == math.inf
    assert restricted(found).item() == pytest.approx(15)


def test_steps_to_needs_a_path() -> None:
    with pytest.raises(StatsError, match="two steps"):
        steps_to(xr.DataArray([0.1, 0.2], dims="seed"), 0.9)


def test_restricted_takes_times_only() -> None:
    with pytest.raises(StatsError, match="what steps_to gives"):
        restricted(course(0.1, 0.9))


# --- comparing them ---------------------------------------------------------------------------


def times(none: list[float], batch: list[float], end: float = 100.0) -> xr.DataArray:
    """What `steps_to` finds where runs end at `end`."""
    both = np.array([none, batch])
    ends = np.stack([both.clip(max=end), np.where(both > end, math.inf, both)], -1)
    coords = {"arm": ["none", "batch"], "bound": ["low", "high"]}
    return xr.DataArray(ends, coords, ("arm", "seed", "bound"), name="steps")


def test_a_ratio_of_times_lies_between_what_both_ends_allow() -> None:
    found = log_ratio(times([40, 999, 40, 999], [20, 20, 999, 999]), "none", "batch")
    expected = np.log(
        [[2.0, 2.0], [5.0, math.inf], [0.0, 0.4], [0.0, math.inf]],
        where=[[True] * 2] * 2 + [[False, True]] * 2,
        out=np.full((4, 2), -math.inf),
    )
    np.testing.assert_allclose(found.transpose("seed", "bound"), expected, rtol=1e-12)


def decided(none: list[float], batch: list[float]) -> tuple[str, float]:
    ratio = log_ratio(times(none, batch), "none", "batch").transpose("seed", "bound")
    found = decide(ratio.values, math.log(1.25))
    return found.verdict, found.effect.estimate


def test_where_only_the_slow_arm_is_censored_the_fast_one_is_faster_all_the_same() -> None:
    verdict, estimate = decided([999] * MIN_SEEDS, [20] * MIN_SEEDS)
    assert verdict == "supported"
    assert estimate == pytest.approx(math.log(5))


def test_where_no_run_reaches_the_target_nothing_is_decided() -> None:
    """Two arms censored at the same last step are not two equal times."""
    verdict, estimate = decided([999] * MIN_SEEDS, [999] * MIN_SEEDS)
    assert verdict == "inconclusive"
    assert math.isnan(estimate)


def test_equal_times_that_were_reached_are_too_small_a_difference_to_matter() -> None:
    assert decided([50] * MIN_SEEDS, [50.5] * MIN_SEEDS)[0] == "negligible"


def by_hand(fast: list[float], slow: list[float], end: float) -> float:
    """The log-rank statistic, summed over event times: observed minus expected over its error."""
    excess = variance = 0.0
    for time in sorted({t for t in fast + slow if t <= end}):
        at_risk = [sum(t >= time for t in arm) for arm in (fast, slow)]
        events = [arm.count(time) for arm in (fast, slow)]
        n, d = sum(at_risk), sum(events)
        excess += events[0] - d * at_risk[0] / n
        if n > 1:
            variance += d * (n - d) * at_risk[0] * at_risk[1] / n**2 / (n - 1)
    return 0.5 * math.erfc(excess / math.sqrt(2 * variance))


def test_the_log_rank_test_sums_events_over_those_at_risk() -> None:
    slow, fast = [60.0, 80, 999, 999, 90, 999, 70, 999], [20.0, 30, 25, 60, 80, 999, 40, 35]
    found = logrank(times(slow, fast), "batch", "none")
    assert found == pytest.approx(by_hand(fast, slow, 100.0), rel=1e-9)
    assert found < 0.01 < logrank(times(slow, fast), "none", "batch")
    assert logrank(times([999] * 3, [999] * 3), "batch", "none") == 1.0
