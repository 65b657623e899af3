"""What is read off descent at the edge and off matched losses, from records made by hand."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from bnbook.experiments.edge_of_stability import ARMS
from bnbook.experiments.large_rates import ARMS as RATES
from bnbook.experiments.large_rates import HIGH, LARGE, LOW, SMALL
from bnbook.outcomes import learning_rate as outcomes


def edge_record(settled: float) -> xr.Dataset:
    """A record in which every product is `settled` in the last quarter and 9 before it."""
    step = np.arange(0, 101, 5)
    product = np.where(step > 75, settled, 9.0)
    shape = (len(ARMS), 2, len(step))
    decays = xr.DataArray([arm["decay"] for arm in ARMS], dims="arm")
    base = xr.DataArray(np.broadcast_to(product, shape), dims=("arm", "seed", "step"))
    record = xr.Dataset(
        {
            "sharpness": base * (1 + decays) / 4,
            "effective_rate": xr.full_like(base, 4.0) / (1 + decays),
            "angle": xr.ones_like(base) * np.sqrt(2 * decays),
        },
        {"step": step, "seed": [0, 1], "arm": [str(i) for i in range(len(ARMS))]},
    )
    for factor in ("norm", "decay", "rate"):
        record = record.assign_coords({factor: ("arm", [arm[factor] for arm in ARMS])})
    return record


def test_outcomes_look_at_the_last_quarter_alone() -> None:
    record = edge_record(2.5)
    for norm, settings in (("none", 4), ("batch", 4)):
        gap = outcomes.edge_gap(record, norm)
        assert gap.sizes == {"setting": settings, "seed": 2}
        np.testing.assert_allclose(gap, math.log(2.5 / 2))
    np.testing.assert_allclose(outcomes.turning(record), 0, atol=1e-12)
    np.testing.assert_allclose(outcomes.flattened(record), -math.log(1.002))
    assert outcomes.edges(record).sizes == {"network": 4, "decay": 3, "seed": 2, "step": 20}


def rates_record(train: list[float], test: list[float]) -> xr.Dataset:
    """A record with the same course in every arm, but for test losses times η·m."""
    factor = np.array([arm["rate"] * arm["m"] for arm in RATES])[:, None, None]
    shape = (len(RATES), 2, len(train))
    record = xr.Dataset(
        {
            "train_loss": (("arm", "seed", "path"), np.broadcast_to(train, shape)),
            "test_loss": (("arm", "seed", "path"), factor * np.broadcast_to(test, shape)),
        },
        {"arm": [str(i) for i in range(len(RATES))], "seed": [0, 1]},
    )
    for name in ("norm", "rate", "m"):
        record = record.assign_coords({name: ("arm", [arm[name] for arm in RATES])})
    return record


def test_test_losses_are_taken_where_the_training_loss_first_comes_down() -> None:
    """1 → 0.1 → 0.5 → 0.001: at 0.01 half way between the second and the last."""
    record = rates_record([1.0, 0.1, 0.5, 0.001], [3.0, 2.0, 9.0, 1.0])
    found = outcomes.at_training_loss(record, (0.1, 0.01, 1e-4)).isel(seed=0)
    scaled = found / np.array([arm["rate"] * arm["m"] for arm in RATES])[:, None]
    np.testing.assert_allclose(scaled.sel(training_loss=0.1), 2.0)
    np.testing.assert_allclose(scaled.sel(training_loss=0.01), 1.5)
    assert bool(scaled.sel(training_loss=1e-4).isnull().all())


def test_effects_of_rates_are_logs_of_matched_test_losses() -> None:
    record = rates_record([1.0, 0.001], [3.0, 3.0])
    assert outcomes.larger_rate(record).sizes == {"norm": 2, "seed": 2}
    np.testing.assert_allclose(outcomes.larger_rate(record), math.log(LOW / HIGH))
    np.testing.assert_allclose(outcomes.same_noise(record), math.log(HIGH * LARGE / (LOW * SMALL)))
    drawn = outcomes.along_training(record)
    assert drawn.test_loss.sizes == {"norm": 2, "arm": 3, "seed": 2, "training_loss": 7}
