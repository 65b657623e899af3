"""Weight decay and its schedule of growing learning rates give the same directions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import xarray as xr

from bnbook import experiments
from bnbook.experiments.decay_schedule import Twins, angle, measure


@pytest.fixture(scope="module")
def record() -> xr.Dataset:
    return experiments.run("decay-schedule", "smoke", progress=False)


def test_the_twins_agree_to_twelve_digits_and_the_third_run_does_not(record: xr.Dataset) -> None:
    gap = record.direction_gap
    assert float(gap.sel(arm="growing learning rate").max()) < 1e-12
    assert float(gap.sel(arm="neither").isel(step=-1).min()) > 1e-3
    twins = record.loss.sel(arm=["weight decay", "growing learning rate"])
    np.testing.assert_allclose(twins.isel(arm=0), twins.isel(arm=1), rtol=1e-12)


def test_the_norms_of_the_twins_part_by_the_decay_to_the_power_of_the_step(
    record: xr.Dataset,
) -> None:
    settings = Twins()
    shrink = 1 - settings.learning_rate * settings.decay
    ratio = record.weight_norm.sel(arm="weight decay") / record.weight_norm.sel(
        arm="growing learning rate"
    )
    np.testing.assert_allclose(ratio.mean("seed"), shrink**record.step, rtol=1e-10)


def test_the_effective_rates_of_the_twins_agree_but_for_one_factor(record: xr.Dataset) -> None:
    settings = Twins()
    shrink = 1 - settings.learning_rate * settings.decay
    rates = record.effective_rate
    ratio = rates.sel(arm="growing learning rate") / rates.sel(arm="weight decay")
    np.testing.assert_allclose(ratio, 1 / shrink, rtol=1e-10)


def test_the_gradient_is_orthogonal_to_weights_before_bn(record: xr.Dataset) -> None:
    assert float(record.scale_gauge.max()) < 1e-12


def test_a_step_lengthens_undecayed_weights_as_pythagoras_says() -> None:
    settings = Twins(steps=1, every=1)
    first, second = measure(settings, 0).sel(arm="neither").weight_norm.values
    gradient = measure(settings, 0).sel(arm="neither", step=0).gradient_norm.item()
    assert second**2 == pytest.approx(first**2 + (0.5 * gradient) ** 2, rel=1e-12)


@pytest.mark.parametrize("tangent", [1e-12, 1e-6, 0.1, 1.0, 100.0])
def test_the_angle_is_exact_for_small_turns_too(tangent: float) -> None:
    before = torch.tensor([[2.0, 0.0]], dtype=torch.float64)
    after = torch.tensor([[3.0, 3.0 * tangent]], dtype=torch.float64)
    assert angle(before, after) == pytest.approx(math.atan(tangent), rel=1e-9)
