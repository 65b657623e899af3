"""Deep networks at initialisation: laws that their records obey."""

from __future__ import annotations

import numpy as np
import pytest

from bnbook import experiments
from bnbook.experiments.gradient_explosion import VARIANTS
from bnbook.factors import name_of


def test_under_bn_the_gain_of_the_weights_divides_their_gradients_and_changes_no_rank() -> None:
    record = experiments.run("deep-gradients", "smoke", progress=False)
    arms = record.arm.values[record.norm.values == "batch"]
    normalised = record.sel(arm=arms)
    weighted = normalised.weight_gradient * normalised.gain
    low, high = (weighted.isel(gain=i).values for i in (0, -1))
    # ε is all that tells the gains apart, and it tells in units that hardly vary over a batch
    assert np.isclose(low, high, rtol=0.05).mean() > 0.9
    ranks = normalised["rank"]
    np.testing.assert_allclose(ranks.isel(gain=0), ranks.isel(gain=-1), rtol=0.01)


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
