"""The statistics behind the claims on smoothness, on records whose answers are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from bnbook import stats
from bnbook.factors import labelled, names_of
from bnbook.outcomes.smoothness import by_network, longer_steps, longest_step, smaller

GRID = tuple(10 ** (k / 3) for k in range(-9, 7))
ARMS = tuple(
    {"network": network, "norm": norm} for norm in ("none", "batch") for network in ("flat", "deep")
)
SEEDS = range(3)


def record(**variables: tuple[tuple[str, ...], np.ndarray]) -> xr.Dataset:
    steps = [0, 1, 10, 100]
    coords = {"seed": SEEDS, "step": steps, "mode": ["training", "evaluation"]}
    return labelled(xr.Dataset(variables, {"arm": list(names_of(ARMS)), **coords}), ARMS)


def test_arms_are_parted_into_networks_and_normalisers_and_nothing_is_lost() -> None:
    values = np.arange(4.0)[:, None] + np.arange(3.0) / 10
    parted = by_network(record(height=(("arm", "seed"), values)))
    assert parted.network.values.tolist() == ["flat", "deep"]
    assert parted.arm.values.tolist() == ["none", "batch"]
    for k, arm in enumerate(ARMS):
        found = parted.height.sel(network=arm["network"], arm=arm["norm"])
        np.testing.assert_array_equal(found, values[k])


@pytest.mark.parametrize("curvature", [0.5, 3.0, 40.0])
def test_the_longest_harmless_step_on_a_quadratic_is_twice_the_best_one(curvature: float) -> None:
    # L = ½λθ² at θ = 1: L(θ − αg)/L = (1 − αλ)², back at 1 at α = 2/λ
    fine = np.geomspace(1e-3, 1e2, 200)
    values = xr.DataArray((1 - fine * curvature) ** 2, {"step_size": fine}, ("step_size",))
    assert float(longest_step(values)) == pytest.approx(2 / curvature, rel=2e-3)


@pytest.mark.parametrize(
    ("value", "found"), [(0.9, GRID[-1]), (1.1, GRID[0]), (math.nan, math.nan)]
)
def test_a_loss_that_never_crosses_gives_the_end_of_the_grid(value: float, found: float) -> None:
    values = xr.DataArray(np.full(16, value), {"step_size": list(GRID)}, ("step_size",))
    assert float(longest_step(values)) == pytest.approx(found, nan_ok=True)


def test_an_infinite_loss_is_a_crossing() -> None:
    values = np.where(np.arange(16) < 10, 0.5, np.inf)
    found = float(longest_step(xr.DataArray(values, {"step_size": list(GRID)}, ("step_size",))))
    assert GRID[9] < found < GRID[10]


def test_the_effect_is_the_mean_log_ratio_over_looks_after_the_first() -> None:
    shape = (4, 3, 4, 2)
    values = np.exp(np.random.default_rng(0).normal(size=shape))
    made = record(rough=(("arm", "seed", "step", "mode"), values))
    effect = smaller(lambda r: r.rough)(made)
    assert effect.setting.values.tolist() == [
        f"{network}, {mode}" for network in ("flat", "deep") for mode in ("training", "evaluation")
    ]
    expected = (np.log(values[1, :, 1:, 0]) - np.log(values[3, :, 1:, 0])).mean(1)
    np.testing.assert_allclose(effect.sel(setting="deep, training"), expected, rtol=1e-12)
    values[1, 2, 3] = np.nan
    lost = smaller(lambda r: r.rough)(record(rough=(("arm", "seed", "step", "mode"), values)))
    assert lost.sel(setting="deep, training").isnull().values.tolist() == [False, False, True]


def test_longer_steps_count_only_the_first_minibatches() -> None:
    alphas, longest = np.array(GRID), np.array([0.1, 0.2, 0.4, 1.6])
    relative = np.where(alphas > longest[:, None], 10.0, 0.1)
    values = np.broadcast_to(relative[:, None, None, None, :], (4, 3, 4, 2, 16)).copy()
    values[:, :, [0, 3]] = 0.5  # what comes before and after them
    dims = ("arm", "seed", "step", "mode", "turn")
    made = record(sphere_relative_loss=(dims, values)).assign_coords(turn=alphas)
    effect = longer_steps(made)
    cell = math.log(GRID[1] / GRID[0])
    for network, ratio in (("flat", 4), ("deep", 8)):
        mean = stats.interval(effect.sel(setting=f"{network}, training").values).estimate
        assert mean == pytest.approx(math.log(ratio), abs=cell)
