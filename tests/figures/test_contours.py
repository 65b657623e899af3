"""Contours say what stands at the centre and at the corners; functions say what they draw."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bnbook import figures, stats
from bnbook.figures.plates.bounds import BOUNDS, EXAMPLES, EXTENT, bounds, descent

pytestmark = pytest.mark.usefixtures("quick")


def plane(lost: bool = False) -> xr.Dataset:
    places, noise = np.linspace(-1, 1, 5), np.random.default_rng(0).normal(0, 0.01, 6)
    bowl = 1 + places[:, None] ** 2 + 2 * places**2
    values = (1 + noise)[None, :, None, None] * np.array([1.0, 3.0])[:, None, None, None] * bowl
    if lost:
        values[1] = np.nan
    return xr.Dataset(
        {"loss": (("arm", "seed", "up", "across"), values, {"units": "nat"})},
        {"arm": ["none", "batch"], "seed": range(6), "up": places, "across": places},
    )


def test_words_give_the_centre_and_the_corners_with_their_intervals() -> None:
    record = plane()
    alt = figures.contours(record, "loss", across="across", up="up", levels=(1, 2, 4)).alt
    for arm in ("none", "batch"):
        each = record.loss.sel(arm=arm)
        centre = stats.interval(each.sel(up=0, across=0).values)
        corners = stats.interval(each.isel(up=-1, across=-1).values)
        assert f"{arm}: {centre} at the centre, {corners} at the corners" in alt


def test_an_arm_that_diverged_is_named_and_drawn() -> None:
    alt = figures.contours(plane(True), "loss", across="across", up="up", levels=(1, 2)).alt
    assert "batch: every run diverged." in alt


def test_what_is_drawn_changes_with_the_levels() -> None:
    drawn = [
        figures.contours(plane(), "loss", across="across", up="up", levels=levels).light
        for levels in ((1, 2), (1, 3))
    ]
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_example_keeps_to_its_own_bounds(name: str) -> None:
    f, x = EXAMPLES[name], np.linspace(-EXTENT, EXTENT, 301)
    slopes = np.diff(f.value(x)) / np.diff(x)
    assert np.abs(slopes).max() <= f.lipschitz * (1 + 1e-9)
    assert np.abs(slopes).max() >= 0.9 * f.lipschitz
    for a in x[::20] if np.isfinite(f.smoothness) else ():
        off = f.value(x) - f.value(a) - f.slope(a) * (x - a)
        assert (np.abs(off) <= f.smoothness / 2 * (x - a) ** 2 + 1e-9).all()


@pytest.mark.parametrize("bound", BOUNDS)
def test_the_figure_of_a_bound_says_its_constant(bound: str) -> None:
    assert {"Lipschitz": "K = 3", "smooth": "β = 1"}[bound] in bounds("bowl", bound).alt
    assert ("no β" in bounds("kink", bound).alt) == (bound == "smooth")


@pytest.mark.parametrize(("product", "fate"), [(1.9, "converges"), (2.1, "diverges")])
def test_descent_says_its_fate(product: float, fate: str) -> None:
    assert fate in descent(product).alt


def test_curves_of_two_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="both are"):
        figures.functions({"f": ([1, 2], [1, 2, 3])})
