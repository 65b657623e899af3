"""The simulated error rates are those of the rule itself."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import pytest

from bnbook import experiments
from bnbook.experiments.error_rates import (
    ARMS,
    SHAPES,
    VERDICTS,
    Trials,
    _mistakes,
    _rates,
    draw,
    limits_by,
    outer_limits,
)
from bnbook.stats import bootstrap_t, combine, contrasts, decide, depends, interval


@pytest.mark.parametrize("shape", SHAPES)
def test_drawn_values_have_mean_0_and_standard_deviation_1(shape: str) -> None:
    values = draw(np.random.default_rng(0), shape, (200_000,))
    assert values.mean() == pytest.approx(0, abs=0.01)  # standard error 0.002
    assert values.std() == pytest.approx(1, abs=0.06)  # heavy tails: t₃ has no fourth moment


def test_limits_are_those_of_the_package() -> None:
    values = draw(np.random.default_rng(1), "lognormal", (12, 9))
    for k, sample in enumerate(values):
        plain, long = interval(sample), bootstrap_t(sample)
        found = [
            (float(low[k]), float(high[k])) for low, high in (limits_by(values, m) for m in ARMS)
        ]
        assert found[0] == pytest.approx((plain.low, plain.high))
        assert found[1] == pytest.approx(long)
        assert found[2][0] == pytest.approx(found[0][0]) or found[2][0] == pytest.approx(long[0])


@pytest.mark.parametrize("shape", ["lognormal", "grid"])
def test_rates_count_the_verdicts_of_decide(shape: str) -> None:
    """Study by study: each is decided as the rule decides it."""
    settings = Trials(studies=25, truths=(0.0, 1.0, 2.0), spreads=(0.3, 1.0))
    values = draw(np.random.default_rng(2), shape, (settings.studies, 10))
    found = _rates(outer_limits(values, shape), settings)
    centre: Literal["mean", "median"] = "median" if shape == "grid" else "mean"
    for i, truth in enumerate(settings.truths):
        for j, spread in enumerate(settings.spreads):
            said: list[str] = [
                decide(truth + spread * v, 1.0, centre=centre).verdict for v in values
            ]
            expected = [said.count(verdict) / len(said) for verdict in VERDICTS]
            # a bootstrap limit beside a bound may fall either way by one resample
            assert found[:, i, j] == pytest.approx(expected, abs=1.01 / settings.studies)


def test_mistakes_are_those_of_combine_and_depends() -> None:
    settings = Trials(families=12, strata_size=8)
    k = 3
    values = 1 + draw(np.random.default_rng(5), "normal", (settings.families, k, 8))
    expected = np.zeros(3)
    for study in values:
        strata = {str(i): decide(sample, 1.0) for i, sample in enumerate(study)}
        expected += [
            combine("any", strata) == "supported",
            combine("all", strata) in ("negligible", "reversed"),
            depends(contrasts({str(i): v for i, v in enumerate(study)}, 1.0)) == "depends",
        ]
    found = _mistakes(np.random.default_rng(5), "normal", k, settings)
    assert found[:3] == pytest.approx(list(expected / settings.families))


def test_the_interval_of_normal_values_covers_as_often_as_it_says() -> None:
    record = experiments.run("error-rates", "smoke", progress=False)
    normal = record.coverage.sel(shape="normal", n=[8, 10, 20])
    # 4 seeds of 40 studies: a standard error of 0.017
    assert np.abs(normal.mean("seed") - 0.95).max() < 4 * math.sqrt(0.95 * 0.05 / 160)
    assert float(record.rate.sum("verdict").min()) == pytest.approx(1)


def test_no_mistake_over_strata_is_more_frequent_than_the_rule_allows() -> None:
    record = experiments.run("error-rates", "smoke", progress=False)
    kept = record.mistakes.drop_sel(mistake="first edition: depends").mean("seed")
    assert float(kept.sel(shape=["normal", "Student's t₃"]).max()) < 0.05 + 4 * 0.024  # 80 families
