"""Statistics of the chapter on mathematics that are more than a difference."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bnbook.claims.bn_math import at_rate_of_others

RATES = [0.1, 0.3, 1.0]


def accuracies(seeds: int) -> xr.DataArray:
    values = np.random.default_rng(0).normal(0.9, 0.02, (2, seeds, len(RATES)))
    coords = {"order": ["before", "after"], "seed": range(seeds), "learning_rate": RATES}
    return xr.DataArray(values, coords, ("order", "seed", "learning_rate"))


@pytest.mark.parametrize("best", ["highest", "lowest"])
def test_a_seeds_rate_is_the_best_of_the_others_mean(best: str) -> None:
    values = accuracies(7)
    found = at_rate_of_others(values, best)
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
    before, after = (at_rate_of_others(each, "highest").sel(seed=3) for each in (values, lucky))
    chosen = values.sel(seed=3, order="before").values.tolist().index(before.sel(order="before"))
    assert after.sel(order="before").item() == lucky.sel(order="before", seed=3)[chosen].item()
