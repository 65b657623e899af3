"""A heatmap writes each mean with half the width of its interval."""

import re
from collections.abc import Callable
from contextvars import Context
from functools import partial
from typing import Any

import pytest
import xarray as xr

from bnbook import figures, stats

pytestmark = pytest.mark.usefixtures("quick")


def test_words_give_every_cell_and_the_extremes(record: xr.Dataset) -> None:
    alt = figures.heatmap(record, "drift", rows="layer", select={"step": 100}).alt
    means = {}
    for layer in (0, 1):
        for arm in ("none", "batch"):
            each = stats.interval(record.drift.sel(layer=layer, arm=arm, step=100).values)
            half = (each.high - each.low) / 2
            cell = f"{stats.number(each.estimate, half)} ± {stats.number(half, half)}"
            assert re.search(rf"layer {layer}: .*{arm} {re.escape(cell)}", alt)
            means[f"layer {layer}, {arm}"] = each.estimate
    assert f"({max(means, key=means.__getitem__)}); smallest" in alt
    assert f"({min(means, key=means.__getitem__)})." in alt


def test_cells_say_how_many_seeds_are_left(lossy: xr.Dataset) -> None:
    alt = figures.heatmap(lossy, "drift", rows="layer", select={"step": 100}).alt
    assert alt.count("n = 4") == 2


def test_a_cell_without_runs_is_drawn_and_named(ruined: xr.Dataset) -> None:
    alt = figures.heatmap(ruined, "drift", rows="layer", select={"step": 100}).alt
    assert alt.count("all 6 diverged") == 2


def test_colours_can_part_at_zero_spread_over_decades_and_hold_still(record: xr.Dataset) -> None:
    def drawn(**how: Any) -> bytes:
        return figures.heatmap(record, "drift", rows="layer", select={"step": 0}, **how).light

    assert len({drawn(), drawn(centre=0), drawn(log=True), drawn(limits=(0, 10))}) >= 3


def test_logarithmic_colours_need_positive_values(record: xr.Dataset) -> None:
    below = record.assign(drift=record.drift - 10)
    with pytest.raises(ValueError, match="need positive values; the smallest here is −"):
        figures.heatmap(below, "drift", rows="layer", select={"step": 0}, log=True)


@pytest.mark.parametrize("lost", [(), tuple(range(6))])
def test_a_cell_without_a_number_is_hatched_for_grey_is_a_number_too(
    lost: tuple[int, ...], records: Callable[..., xr.Dataset]
) -> None:
    made = records(arms=("none",), diverged=lost)
    draw = partial(figures.heatmap, made, "drift", rows="layer", select={"step": 100})
    drawn = Context().run(draw).vector  # at every width: a quick figure has no vectors
    assert (b"<pattern" in drawn) is bool(lost)
