"""How the records on small batches are read."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bnbook import experiments
from bnbook.factors import crossed, names_of
from bnbook.outcomes.arms import at_choice_of_others
from bnbook.outcomes.small_batches import (
    behind_in_convolutions,
    by_arm_and_size,
    by_size,
    films,
    in_use,
    kept_by_groups_in_convolutions,
    loss_parts,
    lost_beyond_groups_in_convolutions,
    lost_by_convolutions,
    lost_under_adam,
    unfair,
)


def test_a_seed_takes_the_rate_that_is_best_for_the_other_seeds() -> None:
    coords = {"rate": [0.1, 0.2]}
    scores = xr.DataArray([[0.9, 0.2], [0.1, 0.3], [0.1, 0.35]], coords, ("seed", "rate"))
    values = xr.Dataset({"rate_taken": (("seed", "rate"), [[0, 1]] * 3)}, coords)
    taken = at_choice_of_others(values, scores, "rate").rate_taken
    # without seed 0 the second rate is ahead; with it, the first, although it is worst for both
    assert taken.values.tolist() == [1, 0, 0]


def test_every_arm_and_size_is_found_where_it_was_trained() -> None:
    whole = experiments.run("batch-sizes", "smoke", progress=False)
    table = by_size(whole)
    cell = table.accuracy.sel(
        setting="η matched", budget="equal steps", arm="group", m=4, split="test"
    )
    same = whole.accuracy.sel(arm="group, m = 4", budget="equal steps", rate=0.05, split="test")
    np.testing.assert_array_equal(cell.transpose("seed", ...), same.transpose("seed", ...))
    assert bool(table.accuracy.sel(arm="batch", m=1).isnull().all())
    assert next(iter(table.arm.values)) == "none"


def test_the_parts_of_the_loss_sum_to_the_loss_in_use() -> None:
    whole = experiments.run("batch-sizes", "smoke", progress=False)
    used = by_size(whole).loss.sel(
        setting="η tuned", budget="equal examples", arm="batch", split="test"
    )
    total = loss_parts(whole).sum("part", skipna=False)
    expected = used.sel(statistics="population").sel(m=total.m)
    np.testing.assert_allclose(total, expected.transpose(*total.dims), rtol=1e-5)


def test_batches_and_rows_become_dimensions() -> None:
    found = unfair(experiments.run("few-classes", "smoke", progress=False))
    assert found.sizes["batches"] == 5
    assert "renorm" in found.arm
    assert set(films(experiments.run("correlated-rows", "smoke", progress=False)).dims) == {
        "arm",
        "rows",
        "seed",
    }


def test_two_more_ways_to_use_a_network_stand_beside_the_four_networks() -> None:
    record = experiments.run("mismatch", "smoke", progress=False)
    found = in_use(record).accuracy
    assert list(found.arm.values) == [*record.arm.values, "test batches (batch)", "adapted (batch)"]
    at = {"kind": "contrast", "level": 3, "pseudo_count": 16.0}
    expected = record.adapted.sel(at | {"arm": "batch", "examples": 64})
    np.testing.assert_array_equal(found.sel(at | {"arm": "adapted (batch)"}), expected)


def race(norms: tuple[str, ...], accuracy: list[list[float]]) -> xr.Dataset:
    """A race of batch sizes 2, 8 and 32 with two seeds."""
    arms = crossed(norm=norms, m=(2, 8, 32))
    return xr.Dataset(
        {"accuracy": (("arm", "seed"), accuracy)},
        {
            "arm": list(names_of(arms)),
            "norm": ("arm", [arm["norm"] for arm in arms]),
            "m": ("arm", [arm["m"] for arm in arms]),
            "seed": [0, 1],
        },
    )


def test_what_bn_loses_under_adam_is_read_at_two_and_at_thirty_two() -> None:
    plain = [[0.9, 0.9], [0.9, 0.9], [0.8, 0.8]]
    record = race(("none", "batch"), [*plain, [0.3, 0.4], [0.6, 0.6], [0.7, 0.9]])
    np.testing.assert_allclose(lost_under_adam(record), [0.4, 0.5])
    np.testing.assert_allclose(by_arm_and_size(record).sel(arm="none", m=32), [0.8, 0.8])


def test_what_convolutions_lose_is_of_their_lead_over_no_normaliser() -> None:
    plain, batch = [[0.9, 0.9], [0.9, 0.9], [0.8, 0.8]], [[0.3, 0.4], [0.6, 0.6], [0.7, 0.9]]
    group = [[0.9, 0.8], [0.1, 0.1], [0.9, 0.9]]
    record = race(("none", "batch", "group"), [*plain, *batch, *group])
    np.testing.assert_allclose(lost_by_convolutions(record), [0.5, 0.6])
    np.testing.assert_allclose(kept_by_groups_in_convolutions(record), [-0.1, -0.2])
    np.testing.assert_allclose(lost_beyond_groups_in_convolutions(record), [0.4, 0.4])
    np.testing.assert_allclose(behind_in_convolutions(record), [0.6, 0.5])
