"""Counts are judged by exact laws."""

from __future__ import annotations

import math

import pytest
from scipy.stats import beta

from bnbook.stats import StatsError, allowed_exceptions, fisher, share, sign_test


@pytest.mark.parametrize(("successes", "n"), [(0, 8), (3, 10), (8, 8), (5, 9)])
def test_the_interval_of_a_share_has_the_quantiles_of_clopper_and_pearson(
    successes: int, n: int
) -> None:
    found = share(successes, n)
    low = beta.ppf(0.025, successes, n - successes + 1) if successes else 0.0
    high = beta.ppf(0.975, successes + 1, n - successes) if successes < n else 1.0
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-9)
    assert found.estimate == successes / n


@pytest.mark.parametrize(("n", "exceptions"), [(5, 0.451), (8, 0.312), (10, 0.259)])
def test_equal_outcomes_allow_exceptions(n: int, exceptions: float) -> None:
    assert allowed_exceptions(n) == pytest.approx(exceptions, abs=5e-4)
    assert (1 - allowed_exceptions(n)) ** n == pytest.approx(0.05)


def test_the_sign_test_sums_binomial_coefficients() -> None:
    values = [1.0] * 8 + [-1.0, math.nan]
    tail = sum(math.comb(10, k) for k in (8, 9, 10)) / 2**10
    assert sign_test(values) == pytest.approx(tail)
    assert sign_test([1.0] * 8, bound=1.0) == 1.0  # on the bound is not above it
    assert sign_test([]) == 1.0


def test_fisher_sums_the_hypergeometric_tail() -> None:
    """8 of 8 against 2 of 8: all ten successes fall so only in C(8,2)/C(16,10) of all draws."""
    assert fisher((8, 8), (2, 8)) == pytest.approx(math.comb(8, 2) / math.comb(16, 10))
    assert fisher((2, 8), (8, 8)) == pytest.approx(1.0)


@pytest.mark.parametrize(("successes", "n"), [(3, 2), (-1, 4), (0, 0)])
def test_impossible_counts_are_refused(successes: int, n: int) -> None:
    with pytest.raises(StatsError, match=f"{successes} successes in {n} trials"):
        share(successes, n)
