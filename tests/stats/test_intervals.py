"""Confidence intervals keep what they promise, and say how they are rounded."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import ttest_1samp

from bnbook.stats import (
    Interval,
    StatsError,
    bootstrap_t,
    interval,
    median_interval,
    number,
    ratio_of_means,
)
from bnbook.stats.intervals import is_skewed, resampled_t

VALUES = st.floats(-1e6, 1e6).map(lambda x: round(x, 4))
SAMPLES = hnp.arrays(float, st.integers(2, 12), elements=VALUES)


def close(a: Interval, b: Interval, scale: float) -> bool:
    """Equal but for rounding at the size of the numbers that went in."""
    pairs = ((a.estimate, b.estimate), (a.low, b.low), (a.high, b.high))
    return a.n == b.n and all(abs(x - y) <= 1e-9 * scale for x, y in pairs)


# --- the mean ---------------------------------------------------------------------------------


@given(hnp.arrays(float, st.integers(2, 12), elements=st.integers(-99, 99).map(float)))
def test_the_interval_of_a_mean_is_where_the_t_test_does_not_reject(values: np.ndarray) -> None:
    assume(np.ptp(values) > 0)
    found = interval(values)
    for limit in (found.low, found.high):
        assert ttest_1samp(values, limit).pvalue == pytest.approx(0.05, rel=1e-6)


def test_a_lower_level_gives_a_narrower_interval() -> None:
    values = np.random.default_rng(0).normal(size=12)
    wide, narrow = interval(values), interval(values, level=0.5)
    assert wide.low < narrow.low < narrow.high < wide.high


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0, 1e-300, 1e15])
@pytest.mark.parametrize("n", [2, 5, 31])
def test_equal_values_have_an_interval_of_zero_width_and_no_warning(value: float, n: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert interval([value] * n) == Interval(value, value, value, n)


@given(SAMPLES, VALUES)
def test_shifting_the_values_shifts_the_interval(values: np.ndarray, shift: float) -> None:
    assume(np.ptp(values) > 0.001)
    before, after = interval(values), interval(values + shift)
    moved = Interval(before.estimate + shift, before.low + shift, before.high + shift, before.n)
    assert close(after, moved, scale=1 + np.abs(values).max() + abs(shift))


@given(SAMPLES, st.sampled_from([-1.0, 0.25, 1024.0, -3e-5]))
def test_scaling_or_negating_the_values_does_the_same_to_the_interval(
    values: np.ndarray, factor: float
) -> None:
    before, after = interval(values), interval(factor * values)
    low, high = sorted((factor * before.low, factor * before.high))
    scaled = Interval(factor * before.estimate, low, high, before.n)
    assert close(after, scaled, scale=abs(factor) * (1 + 12 * np.abs(values).max()))


@given(SAMPLES, st.randoms(use_true_random=False))
def test_the_order_of_the_seeds_does_not_matter(values: np.ndarray, random: object) -> None:
    shuffled = values.copy()
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert interval(shuffled) == interval(values)


@given(SAMPLES, st.lists(st.sampled_from([math.nan, math.inf, -math.inf]), max_size=4))
def test_diverged_seeds_are_left_out_and_not_counted(
    values: np.ndarray, diverged: list[float]
) -> None:
    assert interval([*diverged, *values]) == interval(values)


def test_one_seed_has_an_estimate_and_no_interval() -> None:
    found = interval([0.3, math.nan])
    assert (found.estimate, found.n) == (0.3, 1)
    assert math.isnan(found.low)
    assert math.isnan(found.high)


def test_no_seed_at_all_has_no_estimate() -> None:
    found = interval([])
    assert math.isnan(found.estimate)
    assert found.n == 0


def test_values_that_are_not_one_number_per_seed_are_refused() -> None:
    with pytest.raises(StatsError, match=r"one value per seed.*\(2, 3\)"):
        interval(np.zeros((2, 3)))
    with pytest.raises(StatsError, match="level is 95"):
        interval([1.0, 2.0], level=95.0)


# --- the bootstrap-t --------------------------------------------------------------------------


def test_a_resampled_t_is_the_t_of_the_draws() -> None:
    """Over samples of three every resample is known: its t is one of those of the 27 draws."""
    values = np.array([0.0, 1.0, 5.0])
    draws = np.array(np.meshgrid(values, values, values)).reshape(3, -1).T
    mixed = draws[draws.std(1) > 0]
    every = (mixed.mean(1) - 2.0) / (mixed.std(1, ddof=1) / math.sqrt(3))
    found = resampled_t(values)
    finite = found[np.isfinite(found)]
    distance = np.abs(finite[:, None] - every[None]).min(1)
    assert distance.max() < 1e-9
    # 3 of 27 draws are all alike; 2,000 resamples give the share to ±0.007, five of which is
    assert np.isinf(found).mean() == pytest.approx(3 / 27, abs=0.035)


@given(hnp.arrays(float, st.integers(3, 12), elements=st.integers(-99, 99).map(float)))
def test_the_bootstrap_t_turns_and_moves_with_the_values(values: np.ndarray) -> None:
    assume(np.ptp(values) > 0)
    low, high = bootstrap_t(values)
    assert bootstrap_t(-values) == pytest.approx((-high, -low), abs=1e-9)
    assert bootstrap_t(4 * values[::-1] + 8) == pytest.approx((4 * low + 8, 4 * high + 8), abs=1e-8)


def test_for_many_normal_values_the_bootstrap_t_is_the_t_interval() -> None:
    values = np.random.default_rng(3).normal(2.0, 1.5, size=400)
    plain = interval(values)
    # 2,000 resamples place a 2.5 % quantile to about 3 % of the half-width
    assert bootstrap_t(values) == pytest.approx((plain.low, plain.high), abs=0.1 * plain.half_width)


def test_a_long_tail_widens_its_own_side_of_the_bootstrap_t() -> None:
    values = [1.0, 1.1, 1.2, 1.3, 1.2, 1.1, 1.0, 1.3, 1.2, 4.0]
    low, high = bootstrap_t(values)
    plain = interval(values)
    assert is_skewed(values)
    assert not is_skewed(np.log(np.arange(5.0, 15.0)))
    assert low > plain.low
    assert high > plain.high


def test_equal_values_have_nothing_to_resample() -> None:
    with pytest.raises(StatsError, match="three values that differ"):
        bootstrap_t([2.0] * 9)


# --- the median -------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "rank"), [(8, 1), (9, 2), (10, 2), (12, 3), (20, 6)])
def test_the_interval_of_a_median_is_of_the_order_statistics_in_the_tables(
    n: int, rank: int
) -> None:
    found = median_interval(np.arange(1.0, n + 1)[::-1])
    assert (found.low, found.high) == (rank, n + 1 - rank)
    assert found.estimate == (n + 1) / 2


def test_with_five_seeds_no_two_order_statistics_cover_a_median() -> None:
    found = median_interval([1.0, 2, 3, 4, 5])
    assert (found.estimate, found.low, found.high) == (3.0, -math.inf, math.inf)


def test_the_interval_of_a_median_covers_at_least_so_often_as_it_says() -> None:
    samples = np.random.default_rng(5).exponential(size=(2000, 10))
    found = [median_interval(sample) for sample in samples]
    covered = np.mean([each.low <= math.log(2) <= each.high for each in found])
    assert covered == pytest.approx(0.979, abs=0.015)  # 1 − 2·11/2¹⁰, and 2,000 draws


def test_censored_values_leave_the_median_as_open_as_they_are() -> None:
    found = median_interval([1.0] * 10, [1.0] * 3 + [math.inf] * 7)
    assert (found.estimate, found.low, found.high) == (1.0, 1.0, math.inf)
    assert str(found) == "1 [1, inf]"


# --- the ratio of two means -------------------------------------------------------------------


def test_fiellers_limits_are_the_ratios_that_a_t_test_does_not_reject() -> None:
    rng = np.random.default_rng(2)
    whole = 2 + 0.5 * rng.normal(size=10)
    part = 0.4 * whole + 0.2 * rng.normal(size=10)
    found = ratio_of_means(part, whole)
    assert found.estimate == pytest.approx(part.mean() / whole.mean())
    for limit in (found.low, found.high):
        assert ttest_1samp(part - limit * whole, 0).pvalue == pytest.approx(0.05, rel=1e-6)


def test_fiellers_interval_covers() -> None:
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(1000):
        whole = 1 + 0.5 * rng.normal(size=8)
        found = ratio_of_means(0.3 + 0.4 * rng.normal(size=8), whole)
        if found.n and math.isfinite(found.estimate):
            covered.append(found.low <= 0.3 <= found.high)
    assert len(covered) > 900
    assert np.mean(covered) == pytest.approx(0.95, abs=0.025)  # 1,000 draws: ±0.007


def test_a_share_of_what_may_be_nothing_is_no_number() -> None:
    found = ratio_of_means([1.0, 2.0, 3.0, 1.0], [-1.0, 1.0, 0.5, -0.4])
    assert math.isnan(found.estimate)
    assert found.n == 4


def test_a_ratio_needs_pairs() -> None:
    with pytest.raises(StatsError, match="given 2 and 3"):
        ratio_of_means([1.0, 2.0], [1.0, 2.0, 3.0])


# --- numbers in words -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("effect", "text"),
    [
        (Interval(0.2123, 0.1712, 0.2519, 9), "0.21 [0.17, 0.25]"),
        (Interval(-0.2123, -0.2519, -0.1712, 9), "−0.21 [−0.25, −0.17]"),
        (Interval(1234.5, 1034.5, 1634.5, 9), "1234 [1034, 1634]"),
        (Interval(0.0, -0.04, 0.04, 9), "0.00 [−0.04, 0.04]"),
        (Interval(0.25, 0.25, 0.25, 9), "0.25 [0.25, 0.25]"),
        (Interval(-0.001, -0.04, 0.038, 9), "0.00 [−0.04, 0.04]"),
        (Interval(3e-9, 1e-9, 5e-9, 9), "3.00×10⁻⁹ [1.00×10⁻⁹, 5.00×10⁻⁹]"),
        (Interval(0.5, math.nan, math.nan, 1), "0.5 (1 seed, no interval)"),
        (Interval(math.nan, math.nan, math.nan, 0), "no usable seed"),
    ],
)
def test_an_interval_is_written_to_the_decimals_it_is_worth(effect: Interval, text: str) -> None:
    assert str(effect) == text


@settings(max_examples=200)
@given(st.floats(-1e5, 1e5), st.floats(1e-5, 1e4))
def test_rounding_a_number_moves_it_by_at_most_half_its_uncertainty(
    value: float, uncertainty: float
) -> None:
    shown = float(number(value, uncertainty).replace("−", "-"))
    assert abs(shown - value) <= max(0.5 * uncertainty, 1e-9 * abs(value))
