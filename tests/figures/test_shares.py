"""Shares are told and drawn with their intervals, or with the reason why there are none."""

import numpy as np
import pytest
import xarray as xr

from bnbook import figures

pytestmark = pytest.mark.usefixtures("quick")
DIMS = ("part", "outcome")


def table(**parts: tuple[float, float, float]) -> xr.Dataset:
    values = np.array([[limits, limits] for limits in parts.values()])
    found = {name: (DIMS, values[..., i]) for i, name in enumerate(("estimate", "low", "high"))}
    count = (DIMS, np.full(values.shape[:2], 8))
    return xr.Dataset(
        {**found, "n": count}, {"part": list(parts), "outcome": ["speed", "accuracy"]}
    )


def test_words_give_every_share_with_its_interval() -> None:
    alt = figures.shares(table(centring=(0.5, 0.4, 0.6), layer=(0.1, -0.1, 0.3))).alt
    assert "speed: centring 0.50 [0.40, 0.60]; layer 0.10 [−0.10, 0.30]." in alt
    assert alt.count("centring") == 2


def test_where_there_is_no_gain_nothing_is_shared() -> None:
    nothing = table(centring=(np.nan,) * 3)
    assert "centring no gain to share" in figures.shares(nothing).alt


def test_what_lies_beyond_the_axis_is_drawn_otherwise_than_what_ends_there() -> None:
    beyond = figures.shares(table(centring=(1.0, 0.0, 9.0)))
    at_the_end = figures.shares(table(centring=(1.0, 0.0, 1.5)))
    assert beyond.light != at_the_end.light


def test_a_table_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match="takes estimate, low, high and n by part and outcome"):
        figures.shares(table(centring=(1.0, 0.0, 1.5)).drop_vars("n"))
