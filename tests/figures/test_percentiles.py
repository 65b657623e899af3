"""Percentiles of one unit: means over seeds, or one network alone."""

import pytest
import xarray as xr

from bnbook import figures, stats

pytestmark = pytest.mark.usefixtures("quick")


def test_words_follow_each_percentile_from_first_to_last_step(record: xr.Dataset) -> None:
    alt = figures.percentiles(record, select={"layer": 1}).alt
    values = record.activation_percentiles.sel(layer=1, arm="batch")
    for percentile, name in ((15, "15 %"), (50, "median"), (85, "85 %")):
        first, last = (
            stats.interval(values.sel(percentile=percentile, step=step).values)
            for step in (0, 1000)
        )
        assert f"{name} from {first} to {last}" in alt
    assert "n = 6" in alt


def test_one_seed_shows_its_own_values(record: xr.Dataset) -> None:
    alt = figures.percentiles(record, select={"layer": 0, "seed": 3}).alt
    values = record.activation_percentiles.sel(layer=0, seed=3, arm="none", percentile=50)
    first, last = (stats.number(float(values.sel(step=step))) for step in (0, 1000))
    assert f"median from {first} to {last}" in alt
    assert "one seed" in alt


def test_arms_are_chosen_by_selection(record: xr.Dataset) -> None:
    alt = figures.percentiles(record, select={"layer": 0, "arm": ["batch"]}).alt
    assert "batch" in alt
    assert "none" not in alt


def test_the_order_of_percentiles_in_the_record_does_not_matter(record: xr.Dataset) -> None:
    turned = record.isel(percentile=slice(None, None, -1))
    drawn = [figures.percentiles(each, select={"layer": 0}) for each in (record, turned)]
    assert drawn[0] == drawn[1]


def test_an_arm_that_diverged_has_an_empty_panel_beside_the_others(lossy: xr.Dataset) -> None:
    alt = figures.percentiles(lossy, select={"layer": 0, "seed": 4}).alt
    assert "none (diverged): nothing to draw" in alt
    assert "batch, step 0 to 1,000" in alt
