"""Paired effects, intervals and verdicts: the rules of the book, at their edges too."""

from __future__ import annotations

import math
import warnings
from statistics import NormalDist

import numpy as np
import pytest
import xarray as xr
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bnbook.stats import (
    MIN_SEEDS,
    Interval,
    StatsError,
    Verdict,
    combine,
    decide,
    decide_identity,
    final,
    interval,
    log_ratio,
    number,
    paired,
    steps_to,
    verdict,
)

VALUES = st.floats(-1e6, 1e6).map(lambda x: round(x, 4))
SAMPLES = hnp.arrays(float, st.integers(2, 12), elements=VALUES)
BOUNDS = st.floats(0.01, 10)


def seeds(low: float, high: float, n: int = 10) -> Interval:
    return Interval((low + high) / 2, low, high, n)


def close(a: Interval, b: Interval, scale: float) -> bool:
    """Equal but for rounding at the size of the numbers that went in."""
    pairs = ((a.estimate, b.estimate), (a.low, b.low), (a.high, b.high))
    return a.n == b.n and all(abs(x - y) <= 1e-9 * scale for x, y in pairs)


def arms(none: list[float], batch: list[float]) -> xr.DataArray:
    coords = {"arm": ["none", "batch"], "seed": range(len(none))}
    return xr.DataArray([none, batch], coords, ("arm", "seed"), name="accuracy")


# --- the interval -----------------------------------------------------------------------------


def test_for_many_values_the_interval_is_the_normal_one() -> None:
    values = np.random.default_rng(3).normal(2.0, 1.5, size=2000)
    found = interval(values)
    half = NormalDist().inv_cdf(0.975) * values.std(ddof=1) / math.sqrt(values.size)
    assert found.estimate == pytest.approx(values.mean(), abs=1e-12)
    # 9999 resamples place a 2.5 % quantile to about 1 % of the half-width; 5 % allows for skew.
    assert found.low == pytest.approx(values.mean() - half, abs=0.05 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.05 * half)


@pytest.mark.parametrize(("n", "least", "most"), [(5, 0.78, 0.90), (20, 0.89, 0.97)])
def test_coverage_on_normal_samples_is_what_the_docstring_says(
    n: int, least: float, most: float
) -> None:
    samples = np.random.default_rng(7).normal(size=(600, n))
    covered = [each.low <= 0 <= each.high for each in map(interval, samples)]
    assert least < np.mean(covered) < most  # 600 draws: a standard error of 0.015 or less


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


@given(SAMPLES)
def test_the_interval_lies_within_the_sample_and_holds_its_mean(values: np.ndarray) -> None:
    found = interval(values)
    room = 1e-9 * (1 + np.abs(values).max())
    assert values.min() - room <= found.low <= found.estimate + room
    assert found.estimate - room <= found.high <= values.max() + room
    assert found.n == values.size


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
    assert close(after, scaled, scale=abs(factor) * (1 + np.abs(values).max()))


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
    assert verdict(found, 0.01) == "inconclusive"


def test_no_seed_at_all_has_no_estimate() -> None:
    found = interval([])
    assert math.isnan(found.estimate)
    assert found.n == 0


def test_values_that_are_not_one_number_per_seed_are_refused() -> None:
    with pytest.raises(StatsError, match=r"one value per seed.*\(2, 3\)"):
        interval(np.zeros((2, 3)))
    with pytest.raises(StatsError, match="level is 95"):
        interval([1.0, 2.0], level=95.0)


# --- effects ----------------------------------------------------------------------------------


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
    assert interval(paired(values, "batch", "none")) == Interval(0.25, 0.25, 0.25, 5)


def test_a_log_ratio_is_the_log_of_the_ratio_and_other_dimensions_stay() -> None:
    values = xr.concat([arms([1, 2], [2, 8]), arms([4, 4], [2, 4])], "layer")
    found = log_ratio(values, "batch", "none")
    assert set(found.dims) == {"layer", "seed"}
    expected = np.log([[2, 4], [0.5, 1]])
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


# --- verdicts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.11, 0.5, "supported"),
        (0.10, 0.5, "inconclusive"),  # on the bound
        (0.05, 0.5, "inconclusive"),
        (0.02, 0.09, "refuted"),  # there, but too small to matter
        (-0.09, 0.09, "refuted"),
        (-0.10, 0.09, "inconclusive"),
        (-0.09, 0.10, "inconclusive"),
        (-0.5, -0.01, "refuted"),  # on the other side
        (-0.5, 0.0, "inconclusive"),
        (-0.05, 0.0, "refuted"),  # by lying inside
        (-0.5, 0.5, "inconclusive"),
        (0.10, 0.10, "inconclusive"),
        (0.0, 0.0, "refuted"),
    ],
)
def test_greater_follows_the_rule_of_the_book(low: float, high: float, expected: Verdict) -> None:
    assert verdict(seeds(low, high), 0.10) == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.09, 0.09, "supported"),
        (-0.10, 0.09, "inconclusive"),
        (-0.09, 0.10, "inconclusive"),
        (0.11, 0.5, "refuted"),
        (-0.5, -0.11, "refuted"),
        (0.10, 0.5, "inconclusive"),
        (-0.5, -0.10, "inconclusive"),
        (-0.5, 0.5, "inconclusive"),
    ],
)
def test_equivalent_is_supported_inside_and_refuted_outside_the_bounds(
    low: float, high: float, expected: Verdict
) -> None:
    assert verdict(seeds(low, high), 0.10, "equivalent") == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.09, 0.5, "supported"),
        (0.2, 0.5, "supported"),
        (-0.10, 0.5, "inconclusive"),
        (-0.5, -0.10, "inconclusive"),
        (-0.5, -0.11, "refuted"),
    ],
)
def test_at_least_is_a_test_of_no_loss_that_matters(
    low: float, high: float, expected: Verdict
) -> None:
    assert verdict(seeds(low, high), 0.10, "at-least") == expected


@given(SAMPLES, BOUNDS)
def test_a_supported_claim_is_a_refuted_one_when_negated(
    values: np.ndarray, matters: float
) -> None:
    said, negated = verdict(interval(values), matters), verdict(interval(-values), matters)
    assert said != "supported" or negated == "refuted"
    assert {said, negated} != {"supported"}


@given(SAMPLES, BOUNDS)
def test_equivalence_does_not_care_for_the_sign(values: np.ndarray, matters: float) -> None:
    found = interval(values)
    mirrored = Interval(-found.estimate, -found.high, -found.low, found.n)
    assert verdict(found, matters, "equivalent") == verdict(mirrored, matters, "equivalent")


@given(SAMPLES, BOUNDS)
def test_better_implies_no_worse(values: np.ndarray, matters: float) -> None:
    found = interval(values)
    if verdict(found, matters) == "supported":
        assert verdict(found, matters, "at-least") == "supported"
    if verdict(found, matters, "at-least") == "refuted":
        assert verdict(found, matters) == "refuted"


@pytest.mark.parametrize("kind", ["greater", "equivalent", "at-least"])
@pytest.mark.parametrize("effect", [(0.5, 0.6), (-0.6, -0.5), (0.0, 0.0)])
def test_too_few_seeds_decide_nothing_and_the_reason_says_so(
    kind: str, effect: tuple[float, float]
) -> None:
    said, why = decide(seeds(*effect, n=MIN_SEEDS - 1), 0.1, kind)  # type: ignore[arg-type]
    assert said == "inconclusive"
    assert why == f"{MIN_SEEDS - 1} seeds; {MIN_SEEDS} are needed"
    assert decide(seeds(*effect, n=MIN_SEEDS), 0.1, kind)[0] != "inconclusive"  # type: ignore[arg-type]


@pytest.mark.parametrize("matters", [-0.1, math.nan, math.inf])
def test_a_bound_that_is_no_size_is_refused(matters: float) -> None:
    with pytest.raises(StatsError, match="smallest effect that matters is 0 or more"):
        verdict(seeds(0.1, 0.2), matters)


# --- identities -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("residuals", "expected"),
    [
        ([0.0, 1e-13, -1e-12], "proved"),  # on the tolerance is within it
        ([0.0, 1.1e-12], "refuted"),
        ([0.0, -1.1e-12], "refuted"),
        ([0.0, math.nan], "inconclusive"),
        ([math.nan, 1.0], "refuted"),
        ([math.inf], "inconclusive"),
        ([], "inconclusive"),
    ],
)
def test_an_identity_must_hold_in_every_seed(residuals: list[float], expected: Verdict) -> None:
    assert decide_identity(residuals, 1e-12)[0] == expected


def test_a_negative_tolerance_is_refused() -> None:
    with pytest.raises(StatsError, match="tolerance is -1"):
        decide_identity([0.0], -1.0)


# --- strata -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["supported", "supported"], "supported"),
        (["refuted", "refuted"], "refuted"),
        (["supported", "refuted"], "depends"),
        (["supported", "inconclusive", "refuted"], "depends"),
        (["supported", "inconclusive"], "inconclusive"),
        (["refuted", "inconclusive"], "inconclusive"),
        (["inconclusive"], "inconclusive"),
        (["proved", "proved"], "proved"),
        (["proved", "supported"], "supported"),
        (["proved", "refuted"], "depends"),
        (["proved", "inconclusive"], "inconclusive"),
    ],
)
def test_strata_combine_by_the_rule_of_the_book(verdicts: list[Verdict], expected: str) -> None:
    assert combine({str(i): each for i, each in enumerate(verdicts)}) == expected


def test_no_strata_have_no_verdict() -> None:
    with pytest.raises(StatsError, match="at least one stratum"):
        combine({})


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
        (Interval(3e-9, 1e-9, 5e-9, 9), "3.00e−09 [1.00e−09, 5.00e−09]"),
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


# --- steps to a target ------------------------------------------------------------------------


def course(*accuracy: float) -> xr.DataArray:
    steps = [0, 1, 3, 7, 15][: len(accuracy)]
    return xr.DataArray([list(accuracy)], {"seed": [0], "step": steps}, ("seed", "step"))


def test_a_target_met_at_a_look_is_reached_at_that_step() -> None:
    assert steps_to(course(0.1, 0.5, 0.9, 0.95), 0.9).item() == pytest.approx(3)


def test_a_path_that_rises_with_the_logarithm_of_the_step_is_read_exactly() -> None:
    # a(t) = log₂(1 + t)/4 reaches 0.6 at t = 2^2.4 − 1, between the looks at 3 and 7
    path = course(*(math.log2(1 + t) / 4 for t in (0, 1, 3, 7, 15)))
    assert steps_to(path, 0.6).item() == pytest.approx(2**2.4 - 1, rel=1e-12)


def test_the_first_of_several_crossings_counts() -> None:
    assert steps_to(course(0.1, 0.95, 0.2, 0.3, 0.95), 0.95).item() == pytest.approx(1)


@pytest.mark.parametrize("last", [0.5, math.nan])
def test_a_run_that_never_gets_there_took_at_least_all_steps(last: float) -> None:
    assert steps_to(course(0.1, 0.2, 0.3, 0.4, last), 0.9).item() == pytest.approx(15)


def test_steps_to_needs_a_path() -> None:
    with pytest.raises(StatsError, match="two steps"):
        steps_to(arms([0.1, 0.2], [0.3, 0.4]), 0.9)


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
