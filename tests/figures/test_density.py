"""Densities and the words that go with them."""

import numpy as np
import pytest
import xarray as xr

from bnbook import figures

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def counted() -> xr.Dataset:
    """Two arms, three seeds, four bins: the mass of one arm below 1, of the other mostly above."""
    values = np.array([[0.5, 0.5, 0.0, 0.0], [0.0, 0.25, 0.75, 0.0]])
    values = np.repeat(values[:, None], 3, axis=1)
    coords = {"arm": ["none", "batch"], "seed": range(3), "singular_value": [0.01, 0.1, 10, 100]}
    return xr.Dataset({"density": (("arm", "seed", "singular_value"), values)}, coords)


def test_words_say_where_an_arm_is_highest_and_how_much_lies_above_the_mark(
    counted: xr.Dataset,
) -> None:
    alt = figures.density(counted, "density", over="singular_value", mark=1).alt
    assert "A line marks 1." in alt
    assert "none is highest at 0.01 (0.5 [0.5, 0.5]), with 0 % of what is drawn above 1" in alt
    assert "batch is highest at 10 (0.75 [0.75, 0.75]), with 75 % of what is drawn above 1" in alt


def test_an_arm_without_a_value_is_said_to_have_none(counted: xr.Dataset) -> None:
    counted.density[0] = np.nan
    alt = figures.density(counted, "density", over="singular_value").alt
    assert "none: no line" in alt


def test_an_unknown_variable_names_the_nearest(counted: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="did you mean 'density'"):
        figures.density(counted, "densty", over="singular_value")
