"""The verdict on one effect: by its interval, by its evidence, at the edges too."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import t, ttest_1samp

from bnbook.stats import (
    MIN_SEEDS,
    Kind,
    StatsError,
    Verdict,
    bootstrap_t,
    decide,
    decide_identity,
    evidence,
)

SAMPLES = hnp.arrays(float, st.integers(MIN_SEEDS, 12), elements=st.integers(-99, 99).map(float))
BOUNDS = st.floats(0.01, 10)
N = 10


def seeds(low: float, high: float, n: int = N) -> np.ndarray:
    """Values, evenly spread, whose 95 % interval is [low, high]."""
    raw = np.linspace(-1, 1, n)
    half = t.isf(0.025, n - 1) * raw.std(ddof=1) / math.sqrt(n)
    return (low + high) / 2 + raw * (high - low) / 2 / half


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.11, 0.5, "supported"),
        (0.09, 0.5, "inconclusive"),
        (0.02, 0.09, "negligible"),  # there, but too small to matter
        (-0.09, 0.09, "negligible"),
        (-0.11, 0.09, "inconclusive"),
        (-0.09, 0.11, "inconclusive"),
        (-0.5, -0.01, "reversed"),
        (-0.5, -0.11, "reversed"),
        (-0.5, 0.01, "inconclusive"),
        (-0.05, -0.01, "negligible"),  # on the other side, and too small to matter
        (-0.5, 0.5, "inconclusive"),
    ],
)
def test_greater_follows_the_rule_of_the_book(low: float, high: float, expected: Verdict) -> None:
    found = decide(seeds(low, high), 0.10)
    assert found.verdict == expected
    assert (found.effect.low, found.effect.high) == pytest.approx((low, high))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.09, 0.09, "supported"),
        (-0.11, 0.09, "inconclusive"),
        (0.11, 0.5, "reversed"),
        (-0.5, -0.11, "reversed"),
        (0.09, 0.5, "inconclusive"),
        (-0.5, 0.5, "inconclusive"),
    ],
)
def test_equivalent_is_supported_inside_and_reversed_outside_the_bounds(
    low: float, high: float, expected: Verdict
) -> None:
    assert decide(seeds(low, high), 0.10, "equivalent").verdict == expected


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-0.09, 0.5, "supported"),
        (0.2, 0.5, "supported"),
        (-0.11, 0.5, "inconclusive"),
        (-0.5, -0.09, "inconclusive"),
        (-0.5, -0.11, "reversed"),
    ],
)
def test_at_least_is_a_test_of_no_loss_that_matters(
    low: float, high: float, expected: Verdict
) -> None:
    assert decide(seeds(low, high), 0.10, "at-least").verdict == expected


@settings(max_examples=30, deadline=None)
@given(SAMPLES, BOUNDS)
def test_evidence_is_the_p_value_of_scipys_t_tests(values: np.ndarray, matters: float) -> None:
    off = values - values.mean()
    assume(off.std() > 0 and abs((off**3).mean() / off.std() ** 3) <= 1)
    found = evidence(values, matters)
    above = ttest_1samp(values, matters, alternative="greater").pvalue
    inside = max(
        ttest_1samp(values, -matters, alternative="greater").pvalue,
        ttest_1samp(values, matters, alternative="less").pvalue,
    )
    below = ttest_1samp(values, 0, alternative="less").pvalue
    expected = {"supported": above, "negligible": inside, "reversed": below}
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-15)


def test_a_skewed_effect_must_hold_by_the_bootstrap_t_too() -> None:
    values = np.array([0.3, 0.31, 0.3, 0.32, 0.31, 0.3, 0.33, 0.3, 0.31, 0.9])
    found = decide(-values, 0.05)
    assert found.effect.beside == bootstrap_t(-values)
    between = (found.effect.low + found.effect.beside[0]) / 2
    assert found.effect.beside[0] < between < found.effect.low  # the long tail is on this side
    moved = decide(-values - between, 0.0)
    assert moved.effect.low > 0
    assert moved.verdict == "inconclusive"


# --- what a t-test cannot see -------------------------------------------------------------------


def test_equal_values_are_no_certainty() -> None:
    found = decide([0.3] * 8, 0.1)
    assert found.verdict == "supported"
    assert found.evidence["supported"] == pytest.approx(2**-8)  # eight throws of a coin
    assert "31% of all seeds" in found.reason
    assert decide([0.1] * 8, 0.1).verdict == "inconclusive"  # on the bound
    assert decide([0.0] * 8, 0.1).verdict == "negligible"


@pytest.mark.parametrize("lost", [math.nan, math.inf, -math.inf])
def test_a_seed_that_diverged_counts_against_every_verdict(lost: float) -> None:
    """9 of 10 seeds are most seeds by the sign test (p = 0.011), 8 of 10 are not (0.055)."""
    one, two = (
        [0.3, 0.31, 0.3, 0.32, 0.31, 0.3, 0.33, 0.3, 0.31, lost],
        [0.3, 0.31] * 4 + [lost] * 2,
    )
    found = decide(one, 0.1)
    assert (found.verdict, found.effect.n, found.lost) == ("supported", 9, 1)
    assert found.evidence["supported"] == pytest.approx(11 / 1024)
    assert "1 seed without a number counts against it" in found.reason
    assert decide(two, 0.1).verdict == "inconclusive"
    assert decide(two, 1.0).verdict == "inconclusive"


def test_values_on_a_grid_are_judged_by_their_median_and_signs() -> None:
    values = [3.0] * 9 + [-50.0]
    assert decide(values, 1.0).verdict == "inconclusive"
    found = decide(values, 1.0, centre="median")
    assert (found.verdict, found.effect.estimate, found.effect.low) == ("supported", 3.0, 3.0)
    assert found.evidence["supported"] == pytest.approx(11 / 1024)


@pytest.mark.parametrize("kind", ["greater", "equivalent", "at-least"])
@pytest.mark.parametrize("effect", [(0.5, 0.6), (-0.6, -0.5), (0.0, 0.01)])
def test_too_few_seeds_decide_nothing_and_the_reason_says_so(
    kind: Kind, effect: tuple[float, float]
) -> None:
    found = decide(seeds(*effect, n=MIN_SEEDS - 1), 0.1, kind)
    assert found.verdict == "inconclusive"
    assert found.reason == f"{MIN_SEEDS - 1} seeds; {MIN_SEEDS} are needed"
    assert found.p == 1.0
    assert decide(seeds(*effect, n=MIN_SEEDS), 0.1, kind).verdict != "inconclusive"


# --- what the rule keeps to -------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(SAMPLES, BOUNDS)
def test_a_supported_claim_is_reversed_when_negated(values: np.ndarray, matters: float) -> None:
    said, negated = decide(values, matters).verdict, decide(-values, matters).verdict
    assert (said == "supported") <= (negated == "reversed")
    assert (said == "negligible") == (negated == "negligible")


@settings(max_examples=30, deadline=None)
@given(SAMPLES, BOUNDS)
def test_equivalence_does_not_care_for_the_sign(values: np.ndarray, matters: float) -> None:
    both = [decide(v, matters, "equivalent").verdict for v in (values, -values)]
    assert both[0] == both[1]


@settings(max_examples=30, deadline=None)
@given(SAMPLES, BOUNDS)
def test_better_implies_no_worse(values: np.ndarray, matters: float) -> None:
    if decide(values, matters).verdict in ("supported", "negligible"):
        assert decide(values, matters, "at-least").verdict == "supported"
    if decide(values, matters, "at-least").verdict == "reversed":
        assert decide(values, matters).verdict == "reversed"


@pytest.mark.parametrize("matters", [-0.1, math.nan, math.inf])
def test_a_bound_that_is_no_size_is_refused(matters: float) -> None:
    with pytest.raises(StatsError, match="smallest effect that matters is 0 or more"):
        decide(seeds(0.1, 0.2), matters)


def test_values_without_seeds_are_refused() -> None:
    with pytest.raises(StatsError, match=r"one value per seed.*\(2, 3\)"):
        decide(np.zeros((2, 3)), 0.1)


# --- identities -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("residuals", "expected"),
    [
        ([0.0, 1e-13, -1e-12], "proved"),  # on the tolerance is within it
        ([0.0, 1.1e-12], "disproved"),
        ([0.0, -1.1e-12], "disproved"),
        ([0.0, math.nan], "inconclusive"),
        ([math.nan, 1.0], "disproved"),
        ([math.inf], "inconclusive"),
        ([], "inconclusive"),
    ],
)
def test_an_identity_must_hold_in_every_seed(residuals: list[float], expected: Verdict) -> None:
    assert decide_identity(residuals, 1e-12).verdict == expected


def test_a_negative_tolerance_is_refused() -> None:
    with pytest.raises(StatsError, match="tolerance is -1"):
        decide_identity([0.0], -1.0)
