"""Every experiment runs at smoke scale, and its record is what its plan declares."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from bnbook import experiments
from bnbook.experiments.covariate_shift import Cats
from bnbook.factors import names_of
from bnbook.study.base import EVERYWHERE
from bnbook.study.runner import Origin, modules_of


@pytest.mark.parametrize("name", experiments.names())
def test_an_experiment_runs_at_smoke_scale_and_gives_every_arm_and_seed(name: str) -> None:
    record = experiments.run(name, "smoke", progress=False)
    plan = experiments.get(name).plan("smoke")
    assert record.arm.values.tolist() == list(names_of(plan.factors))
    for factor in {factor for arm in plan.factors for factor in arm}:
        known = [(at, arm[factor]) for at, arm in enumerate(plan.factors) if factor in arm]
        assert all(record[factor].values[at] == level for at, level in known)
    assert record.seed.values.tolist() == list(plan.seeds)
    measured = [v for v in record.data_vars if v != "diverged_at"]
    assert all(np.isfinite(record[v]).any() for v in measured)
    assert all("units" in record[v].attrs for v in measured)


@pytest.mark.parametrize("name", experiments.names())
@pytest.mark.parametrize("scale", experiments.SCALES)
def test_an_experiment_declares_its_question_and_its_cost_at_each_scale(
    name: str, scale: str
) -> None:
    experiment = experiments.get(name)
    assert experiment.name == name
    assert experiment.question.endswith("?")
    assert set(EVERYWHERE) <= set(experiment.scales)
    if scale in experiment.scales:
        assert "×" in experiment.plan(scale).cost()
    else:
        with pytest.raises(experiments.ExperimentError, match="lab"):
            experiments.run(name, scale)


def test_an_unknown_experiment_names_the_nearest() -> None:
    with pytest.raises(experiments.ExperimentError, match="internal-shift"):
        experiments.get("internal-shfit")


def test_a_record_depends_on_the_normalisers_its_plan_names_and_on_no_others() -> None:
    named = set(modules_of(experiments.get("internal-shift").plan("smoke")))
    assert {"bnbook.norms.batch", "bnbook.norms.noisy_batch", "bnbook.norms.none"} <= named
    assert "bnbook.norms.layer" not in named


def test_two_scales_have_two_keys() -> None:
    experiment = experiments.get("covariate-shift")
    plans = [experiment.plan(scale) for scale in experiment.scales]
    assert len({Origin.of(experiment, plan).key(plan) for plan in plans}) == 3


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.5])
def test_importance_weights_are_the_ratio_of_the_two_densities(shift: float) -> None:
    x = np.linspace(-3, 3, 13)
    expected = norm.pdf(x, shift / 2) / norm.pdf(x, -shift / 2)
    points = np.stack([x, np.zeros_like(x)], axis=-1)
    np.testing.assert_allclose(Cats().weights(points, shift), expected, rtol=1e-12)


def test_weights_cost_examples_by_exp_of_the_squared_shift() -> None:
    # E[w]²/E[w²] under the source, by numerical integration instead of sampling
    shift = 1.0

    def moment(k: int) -> float:
        return quad(lambda x: np.exp(k * shift * x) * norm.pdf(x, -shift / 2), -12, 12)[0]

    assert moment(1) ** 2 / moment(2) == pytest.approx(np.exp(-(shift**2)), rel=1e-6)
    record = experiments.run("covariate-shift", "smoke", progress=False)
    effective = record.effective_examples.sel(arm="weighted", shift=shift).mean("seed")
    assert float(effective) / Cats().train_examples == pytest.approx(np.exp(-1), rel=0.15)


def test_the_rule_for_the_label_is_the_same_in_both_domains() -> None:
    cats, rng = Cats(sharpness=1e9), np.random.default_rng(0)
    for domain in ("source", "target"):
        x, y = cats.sample(domain, 2.0, 500, rng)
        np.testing.assert_array_equal(y, x[:, 1] > x[:, 0] ** 2 / 2)


def test_without_shift_both_domains_are_alike() -> None:
    record = experiments.run("covariate-shift", "smoke", progress=False)
    accuracy = record.accuracy.sel(shift=0.0).mean("seed")
    np.testing.assert_allclose(
        accuracy.sel(domain="source"), accuracy.sel(domain="target"), atol=0.01
    )
