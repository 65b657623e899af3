"""Dots show every seed that did not diverge."""

import pytest
import xarray as xr

from bnbook import figures, stats

pytestmark = pytest.mark.usefixtures("quick")


def test_words_give_mean_interval_and_range(lossy: xr.Dataset) -> None:
    alt = figures.dots(lossy, "accuracy", select={"step": 1000}).alt
    batch = lossy.accuracy.sel(arm="batch", step=1000).values
    low, high = stats.number(batch.min()), stats.number(batch.max())
    assert f"batch: {stats.interval(batch)}, from {low} to {high} (n = 6)." in alt
    assert "(n = 4, 2 of 6 diverged)" in alt


def test_pairs_are_joined_and_said_to_be(record: xr.Dataset) -> None:
    joined = figures.dots(record, "accuracy", select={"step": 0})
    apart = figures.dots(record, "accuracy", select={"step": 0}, paired=False)
    assert "joined" in joined.alt
    assert "joined" not in apart.alt
    assert joined.light != apart.light


def test_a_numeric_setting_can_stand_for_the_arms(record: xr.Dataset) -> None:
    alt = figures.dots(record, "drift", by="layer", select={"arm": "batch", "step": 0}).alt
    assert "layer 0" in alt
    assert "layer 1" in alt


def test_everything_diverged_is_said_and_not_an_error(ruined: xr.Dataset) -> None:
    alt = figures.dots(ruined, "accuracy", select={"step": 0}).alt
    assert "none: no dots, all 6 diverged" in alt
