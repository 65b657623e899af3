"""Deep networks at initialisation: laws that their records obey."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bnbook import experiments
from bnbook.experiments.deep_gradients import ACTIVATIONS, Deep, measure
from bnbook.experiments.gradient_explosion import VARIANTS
from bnbook.factors import name_of


def test_under_bn_the_gain_of_the_weights_divides_their_gradients_and_changes_no_rank() -> None:
    # in float64, where ε = 10⁻²⁰ tells gains apart by no more than rounding does
    settings = Deep(layers=12, width=30, batch_size=16, gains=(0.5, 1.0, 2.0), eps=1e-20)
    arms = [name_of({"activation": name, "norm": "batch"}) for name in ACTIVATIONS]
    found = xr.concat([measure(settings, seed).sel(arm=arms) for seed in range(2)], "seed")
    for name in ("weight_gradient", "signal_gradient"):
        scaled = found[name] * found.gain
        assert np.allclose(scaled, scaled.sel(gain=[1.0]), rtol=1e-6, atol=0)
    assert np.allclose(found["rank"], found["rank"].sel(gain=[1.0]), rtol=1e-6, atol=0)


def test_rank_and_gap_of_a_record_are_of_one_representation() -> None:
    record = experiments.run("deep-gradients", "smoke", progress=False)
    m = 16
    expected = np.sqrt(1 / record["rank"] - 1 / m)
    np.testing.assert_allclose(record.orthogonality_gap, expected, rtol=1e-6)


def test_measured_growth_is_near_the_prediction_where_there_is_one() -> None:
    record = experiments.run("gradient-explosion", "smoke", progress=False)
    ratio = (record.growth / record.predicted).mean("seed")
    predicted = [name_of(v.factors) for v in VARIANTS if v.init == "he" and not v.residual]
    assert ratio.sel(arm=predicted).values == pytest.approx(1, abs=0.12)  # narrow networks
    assert ratio.isnull().sum() == len(VARIANTS) - len(predicted)


def test_the_variance_of_a_residual_network_grows_by_one_branch_a_block() -> None:
    record = experiments.run("gradient-explosion", "smoke", progress=False)
    found = record.variance.sel(arm="tanh, residual").mean("seed")
    np.testing.assert_allclose(found / found.isel(layer=0), 1 + found.layer, rtol=0.2)
