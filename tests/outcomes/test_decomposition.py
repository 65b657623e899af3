"""Variances of crossed experiments against the textbook, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bnbook.outcomes.decomposition import components, shares
from bnbook.stats import StatsError

ACTIVATION, OPTIMIZER = ["relu", "sigmoid", "tanh"], ["sgd", "adam"]


def table(cells: np.ndarray, seeds: int, noise: float = 0.0, rng_seed: int = 0) -> xr.DataArray:
    """Cells (activation, optimizer) seen with every seed, with independent noise."""
    rng = np.random.default_rng(rng_seed)
    values = cells[..., None] + noise * rng.normal(size=(*cells.shape, seeds))
    coords = {"activation": ACTIVATION, "optimizer": OPTIMIZER, "seed": range(seeds)}
    return xr.DataArray(values, coords, ("activation", "optimizer", "seed"), name="accuracy")


BY_HAND = np.array([[1.0, 2.0], [3.0, 6.0], [5.0, 7.0]])


def test_without_noise_the_variances_are_those_computed_by_hand() -> None:
    # rows 1.5, 4.5, 6; columns 3, 5; all 4. Effects of rows −2.5, 0.5, 2, of columns ∓1;
    # what is left: ½, −½, 0 and the other way round
    found = components(table(BY_HAND, 4)).mean("seed")
    assert found.sel(effect="activation").item() == pytest.approx((6.25 + 0.25 + 4) / 3)
    assert found.sel(effect="optimizer").item() == pytest.approx(1)
    assert found.sel(effect="activation × optimizer").item() == pytest.approx(4 * 0.25 / 6)
    assert found.sum().item() == pytest.approx(BY_HAND.var())


def test_the_parts_are_the_textbooks_mean_squares_with_seeds_as_blocks() -> None:
    """v_A = (MS_A − MS_{A×seed})·df_A / (levels of A × cells of the others × n), by loops."""
    values = table(BY_HAND, 5, noise=2.0)
    y = values.values
    levels, others, n = y.shape
    grand = y.mean()
    ss_effect = others * n * sum((y[i].mean() - grand) ** 2 for i in range(levels))
    ss_error = 0.0
    for i in range(levels):
        for s in range(n):
            left = y[i, :, s].mean() - y[i].mean() - y[:, :, s].mean() + grand
            ss_error += others * left**2
    mean_square = ss_effect / (levels - 1)
    mean_square_error = ss_error / ((levels - 1) * (n - 1))
    expected = (mean_square - mean_square_error) * (levels - 1) / (levels * others * n)
    found = components(values).sel(effect="activation").mean("seed").item()
    assert found == pytest.approx(expected, rel=1e-10)


def test_a_third_factor_adds_its_interactions_and_the_parts_still_add_up() -> None:
    rng = np.random.default_rng(1)
    cells = rng.normal(size=(2, 3, 2))
    values = xr.DataArray(
        np.repeat(cells[..., None], 3, -1), {"seed": range(3)}, ("a", "b", "c", "seed")
    )
    found = components(values).mean("seed")
    assert found.effect.values.tolist() == ["a", "b", "c", "a × b", "a × c", "b × c", "a × b × c"]
    assert found.sum().item() == pytest.approx(cells.var())
    assert shares(values).mean("seed").sum().item() == pytest.approx(1)


def test_noise_alone_has_no_variance_on_average_for_any_factor() -> None:
    nil = np.zeros((3, 2))
    runs = [components(table(nil, 4, 1.0, seed)).mean("seed") for seed in range(400)]
    mean = xr.concat(runs, "run").mean("run")
    # squares would give noise²/n·df/cells = 1/4·(2, 1, 2)/6 = 0.083, 0.042, 0.083
    # a run's value has a standard deviation of 0.1 or less, the mean one of 0.005
    np.testing.assert_allclose(mean, 0, atol=0.015)


def test_the_spread_of_the_pseudo_values_is_the_spread_of_the_estimate() -> None:
    runs = [components(table(BY_HAND, 10, 1.0, seed)) for seed in range(300)]
    estimates = xr.concat([run.mean("seed") for run in runs], "run").std("run")
    claimed = xr.concat([run.var("seed", ddof=1) / 10 for run in runs], "run").mean("run") ** 0.5
    main = ["activation", "optimizer"]
    np.testing.assert_allclose(claimed.sel(effect=main), estimates.sel(effect=main), rtol=0.15)


def test_shares_do_not_change_with_the_unit() -> None:
    values = table(BY_HAND, 5, 0.5)
    np.testing.assert_allclose(shares(values), shares(100 * values - 7), rtol=1e-9, atol=1e-12)


def test_cells_that_are_alike_share_nothing() -> None:
    assert bool(shares(table(np.full((3, 2), 0.1), 4)).isnull().all())


def test_cells_that_were_not_measured_and_too_few_seeds_are_errors() -> None:
    broken = table(BY_HAND, 4)
    broken[0, 0, 0] = np.nan
    with pytest.raises(StatsError, match="1 cells of 'accuracy' were not measured"):
        components(broken)
    with pytest.raises(StatsError, match="three seeds"):
        components(table(BY_HAND, 2))
