"""Curves show means over the seeds that did not diverge, with their intervals."""

import numpy as np
import pytest
import xarray as xr

from bnbook import figures, stats
from bnbook.figures.labels import apart

pytestmark = pytest.mark.usefixtures("quick")


def test_words_give_first_and_last_mean_with_interval_and_seeds(record: xr.Dataset) -> None:
    alt = figures.curves(record, "accuracy").alt
    assert "test accuracy (fraction) against step" in alt
    for arm in ("none", "batch"):
        first, last = (
            stats.interval(record.accuracy.sel(arm=arm, step=step).values) for step in (0, 1000)
        )
        assert f"{arm} from {first} at step 0 to {last} at step 1,000 (n = 6)" in alt


def test_a_diverged_run_counts_nowhere_not_even_before_it_diverged(lossy: xr.Dataset) -> None:
    kept = lossy.accuracy.sel(arm="none", seed=[0, 2, 3, 5])
    alt = figures.curves(lossy, "accuracy").alt
    first, last = (stats.interval(kept.sel(step=step).values) for step in (0, 1000))
    assert f"none from {first} at step 0 to {last} at step 1,000 (n = 4, 2 of 6 diverged)" in alt
    assert "(n = 6)" in alt


def test_without_a_word_from_the_record_a_gap_is_a_divergence(lossy: xr.Dataset) -> None:
    assert "2 of 6 diverged" in figures.curves(lossy.drop_vars("diverged_at"), "accuracy").alt


def test_a_step_that_was_never_measured_is_no_divergence(record: xr.Dataset) -> None:
    late = record.assign(accuracy=record.accuracy.where(record.step > 0))
    alt = figures.curves(late, "accuracy").alt
    assert "diverged" not in alt
    assert "at step 1 to" in alt


def test_a_derived_variable_without_arms_is_drawn(record: xr.Dataset) -> None:
    gain = stats.paired(record.accuracy, "batch", "none")
    figure = figures.curves(record.assign(gain=gain), "gain", by=None, ylabel="gain")
    assert "gain from" in figure.alt


def test_everything_diverged_is_said_and_not_an_error(ruined: xr.Dataset) -> None:
    assert "none: no line, all 6 diverged" in figures.curves(ruined, "accuracy").alt


def test_the_axis_starts_at_zero_on_a_logarithmic_scale(record: xr.Dataset) -> None:
    assert "from 0 to 1,000 on a logarithmic scale" in figures.curves(record, "accuracy").alt
    assert "logarithmic" not in figures.curves(record, "accuracy", logx=False).alt


def test_limits_hold_still_whatever_the_data(record: xr.Dataset) -> None:
    free = figures.curves(record, "accuracy")
    held = figures.curves(record, "accuracy", ylim=(0, 1))
    assert free.light != held.light


def test_lines_along_numbers_only(record: xr.Dataset) -> None:
    with pytest.raises(ValueError, match=r"'arm' is not a number \(none, batch\)"):
        figures.curves(record, "accuracy", over="arm", by=None, select={"step": 0})


@pytest.mark.parametrize("wanted", [[0, 1, 2], [50, 50, 50, 50], [90, 95, 100], [3.0], []])
def test_labels_never_overlap_nor_change_order(wanted: list[float]) -> None:
    heights = [10.0] * len(wanted)
    places = apart(wanted, heights, 100.0)
    gaps = np.diff(np.asarray(places)[np.argsort(wanted, kind="stable")])
    assert (gaps >= 10 - 1e-9).all()


def test_a_label_with_room_stays_level_with_its_line() -> None:
    assert apart([10.0, 50.0, 90.0], [10.0, 20.0, 10.0], 100.0) == [10.0, 50.0, 90.0]


def test_a_panel_named_like_an_arm_says_of_what_it_is(record: xr.Dataset) -> None:
    named = record.assign_coords(layer=["none", "batch"])
    alt = figures.curves(named, "drift", panels="layer").alt
    assert "layer: none: none from" in alt
