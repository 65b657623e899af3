"""The exact law of a normalised value in a small batch, against sampling and against geometry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, stats

from bnbook.laws import small_batch_law
from bnbook.norms import NormError


def normalised(m: int, batches: int, seed: int = 0) -> np.ndarray:
    """The first value of many batches of m, normalised with the biased variance, by numpy."""
    z = np.random.default_rng(seed).normal(2.0, 3.0, (batches, m))
    return ((z - z.mean(1, keepdims=True)) / z.std(1, keepdims=True))[:, 0]


@pytest.mark.parametrize("m", [3, 4, 5, 8, 32])
def test_gaussian_batches_follow_the_law(m: int) -> None:
    # one per cent in x̂ would move the distance of 200,000 values far beyond 1.95/√n, p = 0.001
    distance = stats.kstest(normalised(m, 200_000), small_batch_law(m).cdf).statistic
    assert distance < 1.95 / math.sqrt(200_000)


def test_two_values_become_plus_and_minus_one() -> None:
    np.testing.assert_allclose(np.abs(normalised(2, 1000)), 1, rtol=1e-6)
    law = small_batch_law(2)
    assert [law.cdf(x) for x in (-1.01, -1, 0.99, 1)] == pytest.approx([0, 0.5, 0.5, 1])


def test_one_value_becomes_zero() -> None:
    assert small_batch_law(1).ppf([0.1, 0.9]).tolist() == [0, 0]


def test_three_values_are_points_on_a_circle() -> None:
    # x̂ has length √3 in the plane of mean 0, so x̂₁ = √2·cos(angle) with a uniform angle: arcsine
    angle = np.linspace(0.05, np.pi - 0.05, 9)
    np.testing.assert_allclose(
        small_batch_law(3).cdf(math.sqrt(2) * np.cos(angle)), 1 - angle / np.pi
    )


def test_four_values_are_points_on_a_sphere() -> None:
    # Archimedes: the height of a uniform point on a sphere is uniform
    x = np.linspace(-1.7, 1.7, 9)
    np.testing.assert_allclose(small_batch_law(4).cdf(x), (x / math.sqrt(3) + 1) / 2)


@pytest.mark.parametrize("m", [3, 4, 7, 50])
def test_the_square_over_m_less_one_is_beta(m: int) -> None:
    share = np.linspace(0.05, 0.95, 7)
    x = np.sqrt((m - 1) * share)
    law = small_batch_law(m)
    np.testing.assert_allclose(law.cdf(x) - law.cdf(-x), stats.beta.cdf(share, 0.5, (m - 2) / 2))


@pytest.mark.parametrize("m", [2, 3, 4, 9])
def test_the_law_has_mean_0_variance_1_and_ends_at_the_root_of_m_less_one(m: int) -> None:
    law = small_batch_law(m)
    assert law.mean() == pytest.approx(0, abs=1e-12)
    assert law.var() == pytest.approx(1)
    assert law.ppf([1e-12, 1]).tolist() == pytest.approx(
        [-math.sqrt(m - 1), math.sqrt(m - 1)], rel=1e-3
    )


def test_for_large_batches_the_law_is_gaussian() -> None:
    gap, _ = integrate.quad(lambda x: abs(small_batch_law(2000).cdf(x) - stats.norm.cdf(x)), -6, 6)
    assert gap < 1e-3


def test_a_batch_of_none_has_no_law() -> None:
    with pytest.raises(NormError, match="m is 0"):
        small_batch_law(0)
