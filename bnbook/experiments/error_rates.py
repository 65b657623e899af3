"""How often the rule of verdicts errs, where the truth is known because we drew it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bnbook.factors import crossed
from bnbook.stats.intervals import (
    SKEWED,
    median_interval,
    resampled_t,
    skewness,
    t_quantile,
)
from bnbook.stats.verdicts import ALPHA, mean_above
from bnbook.study import Experiment, Measurement

Cells = NDArray[np.float64]

ARMS = ("Student's t", "bootstrap-t", "both where skewed")
SHAPES = ("normal", "lognormal", "Student's t₃", "grid")
VERDICTS = ("supported", "negligible", "reversed", "inconclusive")
MISTAKES = (
    "any: supported",
    "all: failed",
    "by: depends",
    "first edition: depends",
)
SIGMA = 0.75  # of the lognormal's logarithm: a sample skewness of 1 to 2 at these n


@dataclass(frozen=True)
class Trials:
    """`studies` of each kind a seed, and `families` of strata.

    Seeds of a study are drawn from a distribution of mean 0 and standard deviation 1 of each
    shape, times `spreads`, around `truths`; both count smallest effects that matter.
    """

    studies: int = 300
    families: int = 150
    sizes: tuple[int, ...] = (5, 8, 10, 20)
    truths: tuple[float, ...] = (0.0, 1.0, 2.0)
    spreads: tuple[float, ...] = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0)
    strata: tuple[int, ...] = (2, 4, 6, 12)
    strata_size: int = 10


def measure(settings: Trials, seed: int) -> xr.Dataset:
    """Shares of studies:

    coverage  (arm, shape, n) whose 95 % interval holds the true mean
    rate      (verdict, shape, n, truth, spread) that get a verdict
    mistakes  (mistake, shape, strata) that err where every stratum's true effect is exactly what
              matters: *any* supported, *all* failed, and dependence, by the rule and by the first
              edition's (one stratum supported and another not)
    """
    rng = np.random.default_rng(seed)
    coverage, rate, mistakes = [], [], []
    for shape in SHAPES:
        drawn = [draw(rng, shape, (settings.studies, n)) for n in settings.sizes]
        limits = [outer_limits(values, shape) for values in drawn]
        coverage.append([_coverage(values) for values in drawn])
        rate.append([_rates(each, settings) for each in limits])
        mistakes.append([_mistakes(rng, shape, k, settings) for k in settings.strata])
    dims = ("shape", "n")
    share = {"units": "1"}
    return xr.Dataset(
        {
            "coverage": ((*dims, "arm"), np.array(coverage), share | {"long_name": "coverage"}),
            "rate": (
                (*dims, "verdict", "truth", "spread"),
                np.array(rate),
                share | {"long_name": "share of studies"},
            ),
            "mistakes": (
                ("shape", "strata", "mistake"),
                np.array(mistakes),
                share | {"long_name": "share of claims"},
            ),
        },
        {
            "shape": list(SHAPES),
            "n": ("n", list(settings.sizes), {"long_name": "seeds"}),
            "arm": list(ARMS),
            "verdict": list(VERDICTS),
            "mistake": list(MISTAKES),
            "truth": ("truth", list(settings.truths), {"long_name": "true effect ÷ δ"}),
            "spread": (
                "spread",
                list(settings.spreads),
                {"long_name": "spread of seeds ÷ δ"},
            ),
            "strata": ("strata", list(settings.strata), {"long_name": "settings"}),
        },
    )


def draw(rng: np.random.Generator, shape: str, size: tuple[int, ...]) -> Cells:
    """Values of mean 0 and standard deviation 1.

    The grid has three places, −√2, 0 and √2, as a highest tolerable rate has among a few.
    """
    if shape == "normal":
        return rng.normal(size=size)
    if shape == "lognormal":
        mean, square = math.exp(SIGMA**2 / 2), math.exp(SIGMA**2)
        return np.asarray(
            (np.exp(SIGMA * rng.normal(size=size)) - mean) / (mean * math.sqrt(square - 1))
        )
    if shape == "grid":
        return math.sqrt(2) * rng.choice([-1.0, 0.0, 0.0, 1.0], size=size)
    return rng.standard_t(3, size=size) / math.sqrt(3)


def limits_by(values: Cells, method: str) -> tuple[Cells, Cells]:
    """Low and high limits, (study,), for the mean of `values` (study, n) by one of `ARMS`."""
    n = values.shape[-1]
    mean, error = values.mean(-1), values.std(-1, ddof=1) / math.sqrt(n)
    half = t_quantile(1 - 2 * ALPHA, n) * error
    low, high = mean - half, mean + half
    if method == ARMS[0]:
        return low, high
    chosen = np.abs(skewness(values)) > SKEWED if method == ARMS[2] else error > 0
    t_star = resampled_t(values[chosen])
    outside = int(ALPHA * (t_star.shape[-1] + 1))
    ends = (t_star[:, -outside], t_star[:, outside - 1])
    by_bootstrap = [mean[chosen] - end * error[chosen] for end in ends]
    if method == ARMS[2]:
        by_bootstrap = [
            np.minimum(low[chosen], by_bootstrap[0]),
            np.maximum(high[chosen], by_bootstrap[1]),
        ]
    low[chosen], high[chosen] = by_bootstrap
    return low, high


def outer_limits(values: Cells, shape: str) -> tuple[Cells, Cells]:
    """The limits that a verdict must hold by: of the mean, or, on a grid, of the median."""
    if shape != "grid":
        return limits_by(values, ARMS[2])
    found = [median_interval(each) for each in values]
    return np.array([each.low for each in found]), np.array([each.high for each in found])


def _coverage(values: Cells) -> list[float]:
    found = [limits_by(values, method) for method in ARMS]
    return [float(np.mean((low <= 0) & (high >= 0))) for low, high in found]


def _rates(limits: tuple[Cells, Cells], settings: Trials) -> Cells:
    """Shares of verdicts, (verdict, truth, spread), where δ is 1."""
    truth, spread = np.meshgrid(settings.truths, settings.spreads, indexing="ij")
    low, high = (truth[..., None] + spread[..., None] * end for end in limits)
    supported, inside = low > 1, (low > -1) & (high < 1)
    turned = (high < 0) & ~inside
    each = [supported, inside, turned]
    return np.stack([*each, ~np.any(each, axis=0)]).mean(-1)


def _mistakes(rng: np.random.Generator, shape: str, k: int, settings: Trials) -> list[float]:
    """How often claims over `k` strata err whose true effects are all δ = 1, as wide as that.

    A family errs by Holm where its smallest p-value does by Bonferroni, his first step.
    """
    values = 1 + draw(rng, shape, (settings.families, k, settings.strata_size))
    above = _p(values, 1.0)
    inside = np.maximum(_p(values, -1.0), _p(-values, -1.0))
    fails = np.minimum(inside, _p(-values, 0.0))
    pairs = np.stack([values[:, a] - values[:, b] for a, b in combinations(range(k), 2)], 1)
    apart = np.minimum(_p(pairs, 1.0), _p(-pairs, 1.0))
    by_luck = (above <= ALPHA).any(1) & (fails <= ALPHA).any(1)
    family = [(p.min(1) * p.shape[1] <= ALPHA).mean() for p in (above, fails, apart)]
    return [*map(float, family), float(by_luck.mean())]


def _p(values: Cells, bound: float) -> Cells:
    """p-values that means (…) of samples (…, n) are above a bound."""
    flat = values.reshape(-1, values.shape[-1])
    return mean_above(flat, bound).reshape(values.shape[:-1])


def plan(scale: str) -> Measurement:
    """The same trials at every scale, and more of them at larger ones."""
    seeds, studies = {"smoke": (4, 40), "paper": (20, 1000)}.get(scale, (10, 300))
    return Measurement(
        crossed(interval=ARMS),
        tuple(range(seeds)),
        measure,
        Trials(studies, studies // 2),
        seeds_per_task=2,
    )


EXPERIMENT = Experiment(
    name="error-rates",
    question="How often is a verdict wrong?",
    plan=plan,
)
