"""The laws of batch noise against Monte Carlo and numerical integrals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import chi2, norm

from bnbook.laws import noise as laws
from bnbook.norms import NormError

SIZES = [3, 4, 8, 32]
BATCHES = 400_000


def batches(m: int, kind: str = "gaussian") -> np.ndarray:
    rng = np.random.default_rng(m)
    if kind == "gaussian":
        return rng.normal(2.0, 1.0, (BATCHES, m))
    return rng.exponential(1.0, (BATCHES, m))  # kurtosis 9, variance 1


@pytest.mark.parametrize("kind", ["gaussian", "exponential"])
@pytest.mark.parametrize("m", SIZES)
def test_the_mean_of_a_batch_has_variance_1_over_m(m: int, kind: str) -> None:
    assert batches(m, kind).mean(1).var() == pytest.approx(laws.mean_noise(m), rel=0.01)


@pytest.mark.parametrize("m", SIZES)
def test_the_variance_of_a_gaussian_batch_has_variance_2_m_minus_1_over_m_squared(m: int) -> None:
    assert laws.variance_noise(m) == pytest.approx(2 * (m - 1) / m**2, rel=1e-12)
    assert batches(m).var(1).var() == pytest.approx(float(laws.variance_noise(m)), rel=0.015)


@pytest.mark.parametrize("m", SIZES)
def test_heavier_tails_make_the_variance_noisier_as_the_kurtosis_says(m: int) -> None:
    expected = float(laws.variance_noise(m, 9.0))
    assert batches(m, "exponential").var(1).var() == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("m", [*SIZES, 100])
def test_moments_of_sigma_are_integrals_over_chi_squared(m: int) -> None:
    def moment(power: float) -> float:
        return quad(lambda v: (v / m) ** power * chi2.pdf(v, m - 1), 0, np.inf, limit=200)[0]

    assert laws.expected_sigma(m) == pytest.approx(moment(0.5), rel=1e-6)
    assert laws.expected_inverse_sigma(m) == pytest.approx(moment(-0.5), rel=1e-4)
    assert laws.expected_sigma(m) == pytest.approx(1 - 3 / (4 * m), abs=1 / m**2)


def test_the_slope_of_a_linear_unit_behind_bn_is_the_expected_sigma() -> None:
    z = batches(4) - 2.0
    x = (z - z.mean(1, keepdims=True)) / z.std(1, keepdims=True)
    slope = (x * z).mean() / (x * x).mean()
    assert slope == pytest.approx(laws.expected_sigma(4), rel=0.005)


@pytest.mark.parametrize("z", [0.0, 1.0, -2.0])
@pytest.mark.parametrize("m", SIZES)
def test_the_law_of_one_examples_value_is_that_of_batches_that_hold_it(m: int, z: float) -> None:
    drawn = batches(m) - 2.0
    drawn[:, 0] = z
    x = (z - drawn.mean(1)) / drawn.std(1)
    edge = math.sqrt(m - 1)
    cuts = np.linspace(-edge, edge, 7)[1:-1]
    for cut in cuts:
        share = quad(lambda t: float(laws.normalised_density(t, z, m)), -edge, cut, limit=200)[0]
        assert (x < cut).mean() == pytest.approx(share, abs=0.004)
    assert laws.normalised_density(edge * 1.01, z, m) == 0


@pytest.mark.parametrize("z", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("m", [64, 256])
def test_the_law_of_one_examples_value_has_mass_1_for_large_batches_too(m: int, z: float) -> None:
    mass = quad(lambda t: float(laws.normalised_density(t, z, m)), z - 1.5, z + 1.5, limit=200)[0]
    assert mass == pytest.approx(1, abs=1e-6)
    assert np.isfinite(laws.normalised_density(np.linspace(-4, 4, 999), z, m)).all()


def test_the_law_averaged_over_gaussian_examples_is_the_law_of_any_normalised_value() -> None:
    # x̂²/(m − 1) of any value of a Gaussian batch is Beta(½, (m − 2)/2): uniform x̂ at m = 4.
    def mixed(x: float) -> float:
        inside = quad(
            lambda z: float(laws.normalised_density(x, z, 4)) * norm.pdf(z), -8, 8, limit=200
        )
        return float(inside[0])

    for x in (-1.2, 0.0, 0.7):
        assert mixed(x) == pytest.approx(1 / (2 * math.sqrt(3)), rel=1e-4)


@pytest.mark.parametrize("z", [0.0, 1.5])
def test_for_large_batches_the_variance_of_one_value_is_that_of_the_expansion(z: float) -> None:
    m, rng = 400, np.random.default_rng(0)
    for draw, skewness, kurtosis in ((rng.normal, 0.0, 3.0), (rng.exponential, 2.0, 9.0)):
        others = draw(size=(40_000, m - 1)) - (skewness > 0)
        both = np.concatenate([np.full((len(others), 1), z), others], axis=1)
        x = (z - both.mean(1)) / both.std(1)
        expected = float(laws.normalised_variance(z, m, skewness, kurtosis))
        assert x.var() == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize(("keep", "mean"), [(0.5, 0.0), (0.8, 0.0), (0.7, 1.5)])
def test_dropout_multiplies_the_variance_by_1_over_keep_and_more_off_centre(
    keep: float, mean: float
) -> None:
    rng = np.random.default_rng(0)
    z = rng.normal(mean, 1, 2_000_000)
    dropped = z * (rng.random(z.size) < keep) / keep
    found = dropped.var() / z.var()
    assert found == pytest.approx(float(laws.variance_shift(keep, mean)), rel=0.005)
    assert laws.variance_shift(keep) == pytest.approx(1 / keep)


@pytest.mark.parametrize(
    ("law", "m"),
    [
        (laws.expected_inverse_sigma, 2),
        (laws.expected_sigma, 1),
        (laws.variance_noise, 1),
        (laws.mean_noise, 0),
        (lambda m: laws.normalised_density(0.0, 0.0, m), 2),
        (lambda m: laws.normalised_variance(0.0, m), 1),
    ],
)
def test_a_batch_too_small_for_a_law_is_refused(law: object, m: int) -> None:
    with pytest.raises(NormError, match=rf"m is {m}.* at least \d"):
        law(m)


@pytest.mark.parametrize("keep", [0.0, 1.2])
def test_a_share_that_cannot_be_kept_is_refused(keep: float) -> None:
    with pytest.raises(NormError, match="share of values kept"):
        laws.variance_shift(keep)
