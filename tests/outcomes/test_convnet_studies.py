"""Statistics of the two studies of convolutional networks, on records made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from bnbook.factors import labelled, names_of
from bnbook.outcomes.covariate_shift import less_gradient_shift
from bnbook.outcomes.smoothness import gap_below, noise_moves, only_one_trains, ranked, stability


def test_a_network_that_diverged_is_the_last_in_every_ranking() -> None:
    values = xr.DataArray(
        [[0.3, 0.2], [np.nan, 0.9], [0.1, 0.4]], {"arm": ["a", "b", "c"]}, ("arm", "seed")
    )
    assert ranked(values).argmin("arm").values.tolist() == [1, 0]
    assert bool(ranked(values).notnull().all())


def three_rates(diverged: float) -> xr.Dataset:
    """Final accuracies 0.5, 0.8 and `diverged` without BN, 0.55, 0.82 and 0.9 with it."""
    arms = tuple({"rate": r, "norm": k} for k in ("none", "batch") for r in (1e-4, 3e-3, 0.1))
    final = [0.5, 0.8, diverged, 0.55, 0.82, 0.9]
    values = np.stack([np.full(6, 0.1), final], axis=1)[:, None, :, None, None]
    made = xr.Dataset(
        {"accuracy": (("arm", "seed", "step", "split", "statistics"), values)},
        coords={
            "arm": list(names_of(arms)),
            "seed": [0],
            "step": [0, 300],
            "split": ["test"],
            "statistics": ["population"],
        },
        attrs={"classes": '["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]'},
    )
    return labelled(made, arms)


@pytest.mark.parametrize("diverged", [0.1, np.nan])
def test_a_network_that_diverged_did_not_train(diverged: float) -> None:
    found = only_one_trains(three_rates(diverged)).squeeze("seed")
    assert found.values.tolist() == pytest.approx([0.9 - 0.5, 0.5 - 0.1])


def test_gaps_at_the_lower_rates_are_with_bn_minus_without() -> None:
    gaps = gap_below(three_rates(0.1)).squeeze("seed")
    assert gaps.values.tolist() == pytest.approx([0.05, 0.02])
    assert gaps["rate"].values.tolist() == [1e-4, 3e-3]


def test_drift_is_kept_apart_by_how_far_the_looks_are_apart() -> None:
    looks = [0, 1, 5, 6, 20]
    drift = np.array([np.nan, 0.1, 2.0, 0.3, 4.0])[:, None, None] * np.ones((1, 1, 3))
    record = xr.Dataset(
        {"wasserstein_drift": (("step", "site", "layer"), drift)},
        coords={"step": looks, "site": ["input"]},
    )
    found = stability(record)
    assert found.sel(interval="one step").item() == pytest.approx(-0.2)
    assert found.sel(interval="many steps").item() == pytest.approx(-3.0)


def test_noise_moves_by_its_drift_over_that_without_bn_by_interval() -> None:
    looks, arms = [0, 1, 5, 6, 20], ["none", "batch", "noisy-batch"]
    course = np.array([np.nan, 0.1, 2.0, 0.3, 4.0])
    drift = np.stack([course, 9 * course, 3 * course])
    drift[2, 2] = 5 * course[2]
    record = xr.Dataset(
        {
            "wasserstein_drift": (
                ("arm", "seed", "step", "site", "layer"),
                drift[:, None, :, None, None],
            )
        },
        coords={"arm": arms, "seed": [0], "step": looks, "site": ["input"]},
    )
    found = noise_moves(record).squeeze("seed")
    assert found.sel(interval="one step").item() == pytest.approx(math.log(3))
    assert found.sel(interval="many steps").item() == pytest.approx(math.log((10 + 12) / 6))


def test_gradients_shift_less_by_the_mean_over_looks_and_layers_but_the_first() -> None:
    shift = np.array([[[9.0, 1.0, 3.0], [9.0, 2.0, 6.0]], [[0.0, 0.5, 1.5], [0.0, 1.0, 3.0]]])
    record = xr.Dataset(
        {"gradient_shift": (("arm", "seed", "step", "layer"), shift[:, None])},
        coords={"arm": ["none", "batch"], "seed": [0], "layer": [0, 1, 2]},
    )
    assert less_gradient_shift(record).item() == pytest.approx(math.log(2))
