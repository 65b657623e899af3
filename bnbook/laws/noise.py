"""What chance does to the statistics of a batch of m independent values, exactly.

The values have mean μ and variance σ²; where a law needs more it says so. Everything is meant
for float64, and every law says from which m on it holds.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64
from scipy.special import gammaln
from scipy.stats import nct

from bnbook.norms.base import NormError

Values = Float64[np.ndarray, " ..."]
Given = float | Values


def mean_noise(m: int) -> float:
    """Var μ_B/σ² = 1/m, for any distribution.

    >>> mean_noise(16)
    0.0625
    """
    return 1 / needs(m, 1, "the mean of a batch")


def variance_noise(m: int, kurtosis: Given = 3.0) -> Values:
    """Var σ²_B/σ⁴ = (m − 1)·((m − 1)·κ − (m − 3))/m³ of the biased variance of a batch.

    κ = E(z − μ)⁴/σ⁴ may be that of any distribution; for a Gaussian, κ = 3, it is 2(m − 1)/m².

    >>> float(variance_noise(4)), float(variance_noise(2, kurtosis=1.0))  # ±1, twice: 0 or 1
    (0.375, 0.25)
    """
    needs(m, 2, "the variance of σ²_B")
    return np.asarray((m - 1) * ((m - 1) * np.asarray(kurtosis, dtype=float) - (m - 3)) / m**3)


def expected_sigma(m: int) -> float:
    """E σ_B/σ = √(2/m)·Γ(m/2)/Γ((m − 1)/2) for Gaussian values; about 1 − 3/(4m).

    This is also E[z·x̂]/σ, because mean(z·x̂) over a batch is σ_B: the slope that a linear unit
    behind BN learns for a target of slope 1.

    >>> round(expected_sigma(2), 6), round(1 / math.sqrt(math.pi), 6)  # E|z₁ − z₂|/2
    (0.56419, 0.56419)
    """
    needs(m, 2, "E σ_B")
    return math.sqrt(2 / m) * math.exp(float(gammaln(m / 2) - gammaln((m - 1) / 2)))


def expected_inverse_sigma(m: int) -> float:
    """E[1/σ_B]·σ = √(m/2)·Γ((m − 2)/2)/Γ((m − 1)/2) for Gaussian values; infinite for m = 2.

    >>> round(expected_inverse_sigma(4), 6), round(math.sqrt(8 / math.pi), 6)
    (1.595769, 1.595769)
    """
    needs(m, 3, "E[1/σ_B]")
    return math.sqrt(m / 2) * math.exp(float(gammaln((m - 2) / 2) - gammaln((m - 1) / 2)))


def normalised_density(x: Given, z: float, m: int) -> Values:
    """Density at x of the x̂ of an example with (z − μ)/σ = `z`, the others of its batch Gaussian.

    With u = z minus the mean of the others and V the sum of their squared deviations,
    T = u·√((m − 1)(m − 2)/V) has the noncentral t-distribution with m − 2 degrees of freedom and
    noncentrality z·√(m − 1), and x̂ is a function of T alone:

        x̂ = √(m − 1)·T/√(m(m − 2) + T²),   T = x̂·√(m(m − 2)/(m − 1 − x̂²)),   |x̂| < √(m − 1).

    >>> x = np.linspace(-1.999, 1.999, 4001)
    >>> density = normalised_density(x, z=0.0, m=5)
    >>> bool(np.allclose(density, density[::-1])), float(normalised_density(2.5, 0.0, 5))
    (True, 0.0)
    """
    needs(m, 3, "the law of one example's x̂")
    x = np.asarray(x, dtype=float)
    inside = np.abs(x) < math.sqrt(m - 1)
    room = np.where(inside, m - 1 - x**2, 1.0)
    t = x * np.sqrt(m * (m - 2) / room)
    slope = math.sqrt(m * (m - 2)) * (m - 1) / room**1.5
    density = np.nan_to_num(nct.pdf(t, m - 2, z * math.sqrt(m - 1))) * slope  # NaN: underflow
    return np.asarray(np.where(inside, density, 0.0))


def normalised_variance(z: Given, m: int, skewness: Given = 0.0, kurtosis: Given = 3.0) -> Values:
    """Var[x̂] over batches of an example with (z − μ)/σ = `z`, to first order in 1/m.

    (1 + s·z + (κ − 1)·z²/4)/m, with the skewness s and the kurtosis κ of the others; for a
    Gaussian (1 + z²/2)/m.

    >>> normalised_variance(np.array([0.0, 2.0]), m=10)
    array([0.1, 0.3])
    """
    needs(m, 2, "the variance of x̂")
    z = np.asarray(z, dtype=float)
    return np.asarray((1 + skewness * z + (np.asarray(kurtosis) - 1) * z**2 / 4) / m)


def variance_shift(keep: float, mean: Given = 0.0) -> Values:
    """Var_train/Var_test of a unit behind dropout: (σ² + (1 − keep)·μ²)/(keep·σ²), `mean` = μ/σ.

    1/keep for a unit of mean 0. Source: li2019understanding.

    >>> variance_shift(0.5, mean=np.array([0.0, 2.0])), float(variance_shift(1.0, mean=9.0))
    (array([2., 6.]), 1.0)
    """
    if not 0 < keep <= 1:
        raise NormError(f"keep is {keep}; it is the share of values kept, above 0 and at most 1")
    return np.asarray((1 + (1 - keep) * np.asarray(mean, dtype=float) ** 2) / keep)


def needs(m: int, least: int, what: str) -> int:
    """`m` if it is a number of values for which `what` exists; else a `NormError`."""
    if m < least:
        raise NormError(f"m is {m}; {what} needs at least {least} value{'s' * (least > 1)}")
    return m
