"""Arms unfolded by their factors, chosen by their levels, and judged where others chose."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bnbook.factors import crossed, labelled, names_of
from bnbook.outcomes.arms import (
    at_choice_of_others,
    at_the_end,
    by_norm,
    having,
    on_the_way,
    only,
    unfold,
)
from bnbook.stats import StatsError

RATES = [0.1, 0.3, 1.0]


def accuracies(seeds: int) -> xr.DataArray:
    values = np.random.default_rng(0).normal(0.9, 0.02, (2, seeds, len(RATES)))
    coords = {"order": ["before", "after"], "seed": range(seeds), "learning_rate": RATES}
    return xr.DataArray(values, coords, ("order", "seed", "learning_rate"))


@pytest.mark.parametrize("best", ["highest", "lowest"])
def test_a_seeds_rate_is_the_best_of_the_others_mean(best: str) -> None:
    values = accuracies(7)
    found = at_choice_of_others(values, values if best == "highest" else -values, "learning_rate")
    for order in values.order.values:
        for seed in range(7):
            others = values.sel(order=order).drop_sel(seed=seed).values.mean(0)
            rate = others.argmax() if best == "highest" else others.argmin()
            expected = values.sel(order=order, seed=seed)[rate]
            assert found.sel(order=order, seed=seed).item() == expected.item()


def test_a_seed_cannot_bring_about_its_own_rate() -> None:
    values = accuracies(7)
    lucky = values.copy()
    lucky.loc[{"order": "before", "seed": 3, "learning_rate": 1.0}] = 2.0
    before, after = (
        at_choice_of_others(each, each, "learning_rate").sel(seed=3) for each in (values, lucky)
    )
    chosen = values.sel(seed=3, order="before").values.tolist().index(before.sel(order="before"))
    assert after.sel(order="before").item() == lucky.sel(order="before", seed=3)[chosen].item()


ARMS = crossed(activation=("tanh", "relu"), norm=("none", "batch"), depth=(10, 2))


def counted() -> xr.Dataset:
    """Each arm's place among the arms, for two seeds."""
    values = np.arange(8.0)[:, None] + np.array([0.0, 0.5])
    coords = {"arm": list(names_of(ARMS)), "seed": [0, 1]}
    return labelled(xr.Dataset({"place": (("arm", "seed"), values)}, coords), ARMS)


def test_arms_unfold_into_their_factors_in_their_own_order() -> None:
    unfolded = unfold(counted(), "activation", "norm", "depth").place
    assert unfolded.activation.values.tolist() == ["tanh", "relu"]
    assert unfolded.depth.values.tolist() == [10, 2]
    assert unfolded.sel(activation="relu", norm="none", depth=2, seed=1).item() == 5.5


def test_a_combination_that_is_no_arm_is_nan() -> None:
    whole = unfold(counted().isel(arm=slice(0, 7)), "activation", "norm", "depth").place
    assert bool(whole.sel(activation="relu", norm="batch", depth=2).isnull().all())
    assert int(whole.isnull().sum()) == 2


def test_factors_that_do_not_tell_arms_apart_or_do_not_exist_are_errors() -> None:
    with pytest.raises(StatsError, match="do not tell the arms apart"):
        unfold(counted(), "activation", "norm")
    with pytest.raises(StatsError, match="depth"):
        unfold(counted(), "activation", "norm", "dept")


def test_arms_are_chosen_by_the_levels_of_their_factors() -> None:
    deep = having(counted(), depth=10, activation=["relu"])
    assert deep.place.sel(seed=0).values.tolist() == [4, 6]
    assert by_norm(counted(), depth=2, activation="tanh").arm.values.tolist() == ["none", "batch"]
    with pytest.raises(StatsError, match="10"):
        having(counted(), depth=11)


def test_the_only_arm_with_some_factors_sets_no_others() -> None:
    arms = ({"norm": "none"}, {"norm": "batch"}, {"norm": "batch", "m": 4})
    values = xr.Dataset({"loss": ("arm", [1.0, 2.0, 3.0])}, {"arm": list(names_of(arms))})
    record = labelled(values, arms)
    assert float(only(record, norm="batch").loss) == 2
    assert set(only(record.loss, norm="batch", m=4).coords) == set()
    with pytest.raises(StatsError, match="0 arms have"):
        only(record, m=4)


def test_a_network_that_diverged_is_right_by_chance() -> None:
    coords = {"arm": ["none"], "seed": [0, 1], "step": [0, 5, 9]}
    kinds = {"split": ["train", "test"], "statistics": ["batch", "population"]}
    values = np.full((1, 2, 3, 2, 2), 0.5)
    values[0, 1, 2] = np.nan
    dims = ("arm", "seed", "step", "split", "statistics")
    made = xr.Dataset(
        {"accuracy": (dims, values)}, coords | kinds, {"classes": '["a", "b", "c", "d"]'}
    )
    assert at_the_end(made).values.tolist() == [[0.5, 0.25]]
    assert on_the_way(made).values.tolist() == [[0.5, 0.5]]
