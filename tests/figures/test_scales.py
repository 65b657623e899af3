"""An axis has enough numbers on it to be read, and not too many."""

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes

from bnbook.figures import scales


@pytest.fixture
def ax() -> Iterator[Axes]:
    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


@pytest.mark.parametrize("ticks", [5, 6])
@pytest.mark.parametrize(
    ("low", "high"), [(2, 32), (4, 256), (64, 512), (0.01, 3), (1, 1000), (1, 1e9), (5, 7)]
)
def test_a_logarithmic_axis_is_read_by_three_numbers_or_more(
    low: float, high: float, ticks: int, ax: Axes
) -> None:
    scales.along(ax, np.array([low, high]), True, ticks=ticks)
    seen = [each for each in ax.get_xticks() if low <= each <= high]
    assert 3 <= len(seen) <= ticks + 1
    assert ax.get_xscale() == "log"


def test_few_places_that_are_apart_have_their_own_numbers(ax: Axes) -> None:
    sizes = [2.0, 4.0, 8.0, 16.0, 32.0]
    scales.along(ax, np.array(sizes * 2), True)
    assert ax.get_xticks().tolist() == sizes


def test_places_too_near_to_each_other_have_none(ax: Axes) -> None:
    scales.along(ax, np.array([4.0, 4.1, 60.0]), True)
    assert 4.1 not in ax.get_xticks()
