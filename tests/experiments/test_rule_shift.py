"""When the rule moves: accuracies against integrals, and weights that know of no label."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.special import expit
from scipy.stats import norm

from bnbook import experiments
from bnbook.experiments.rule_shift import INPUTS, NewRule


@pytest.fixture(scope="module")
def record() -> xr.Dataset:
    return experiments.run("rule-shift", "smoke", progress=False)


def integrated(line: np.ndarray, shift: float, move: float) -> float:
    """Accuracy at the target of the line c + a·x₁ + b·x₂ = 0, by a sum over a fine grid."""
    coat, ears = np.meshgrid(np.linspace(-7, 7, 701), np.linspace(-7, 7, 701), indexing="ij")
    density = norm.pdf(coat, shift / 2) * norm.pdf(ears)
    cat = expit(6 * (ears - move - coat**2 / 2))
    called = line[0] + line[1] * coat + line[2] * ears > 0
    return float((density * np.where(called, cat, 1 - cat)).sum() * 0.02**2)


@pytest.mark.parametrize("inputs", INPUTS)
@pytest.mark.parametrize("move", [0.0, 1.0, 2.0])
def test_an_accuracy_is_the_integral_under_the_moved_rule(
    record: xr.Dataset, inputs: str, move: float
) -> None:
    at = record.sel(inputs=inputs, move=move)
    for arm in record.arm.values:
        for seed in record.seed.values:
            one = at.sel(arm=arm, seed=seed)
            expected = integrated(one.line.values, INPUTS[inputs], move)
            # five standard deviations of the mean of 20,000 answers
            assert float(one.accuracy) == pytest.approx(expected, abs=5 * 0.5 / 20_000**0.5)


def test_with_the_same_inputs_weights_change_nothing(record: xr.Dataset) -> None:
    same = record.sel(inputs="inputs stay")
    xr.testing.assert_equal(same.sel(arm="weighted", drop=True), same.sel(arm="source", drop=True))


def test_the_fit_to_the_source_knows_nothing_of_the_move() -> None:
    new = NewRule(moves=(0.0, 2.0))
    draws = [new.sample("source", 1.5, move, 100, np.random.default_rng(3)) for move in new.moves]
    np.testing.assert_array_equal(draws[0][1], draws[1][1])


def test_a_rule_that_has_moved_asks_for_longer_ears() -> None:
    new, x = NewRule(), np.array([[0.5, 1.2], [-1.0, 0.3]])
    lifted = x + np.array([0.0, 0.7])
    np.testing.assert_allclose(new.rule(lifted, 0.7), new.cats.rule(x), rtol=1e-12)
    np.testing.assert_allclose(new.rule(x, 0.0), new.cats.rule(x), rtol=1e-12)
