"""Histograms show means over seeds, and the law they are to be held against."""

import numpy as np
import pytest
import xarray as xr

from bnbook import figures

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def binned() -> xr.Dataset:
    density = np.full((2, 5, 4), 0.5)
    density[1, :, 2] = 0.9
    return xr.Dataset(
        {
            "density": (("arm", "seed", "place"), density, {"units": "1"}),
            "law": (("arm", "seed", "place"), np.full((2, 5, 4), 0.5)),
        },
        {"arm": ["none", "batch"], "seed": range(5), "place": [-0.75, -0.25, 0.25, 0.75]},
    )


def test_words_name_the_bin_that_is_furthest_from_the_law(binned: xr.Dataset) -> None:
    alt = figures.histogram(binned, "density", "law", over="place").alt
    assert "batch: highest 0.9 at 0.25" in alt
    assert "furthest from the law at 0.25, 0.9 against 0.5 (n = 5)" in alt


def test_the_law_is_drawn(binned: xr.Dataset) -> None:
    other = binned.assign(law=binned.law * 1.5)
    first, second = (
        figures.histogram(each, "density", "law", over="place", ylim=(0, 1))
        for each in (binned, other)
    )
    assert first.light != second.light


def test_one_bin_is_no_histogram(binned: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="two bins"):
        figures.histogram(binned.isel(place=[0]), "density", "law", over="place")
