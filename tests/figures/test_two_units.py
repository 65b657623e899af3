"""The cloud of two units: its points, and the way of its centre, are those of the record."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
import xarray as xr

from bnbook.figures import Figure, scatter
from bnbook.figures.plates.two_units import two_units

plate = sys.modules["bnbook.figures.plates.two_units"]  # the package has the function by this name


def made_up() -> xr.Dataset:
    """A square that moves by (1, 2) a look without BN, and stays with it."""
    square = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    moving = np.stack([square + np.array([k, 2 * k]) for k in range(3)])
    value = np.stack([moving, np.stack([square] * 3)])[:, None]
    dims = ("arm", "seed", "step", "example", "unit")
    coords = {"arm": ["none", "batch"], "seed": [0], "step": [0, 1, 4], "unit": ["z₂₁", "z₂₂"]}
    return xr.Dataset({"value": (dims, value)}, coords)


def test_the_words_name_the_network_its_points_and_their_centre() -> None:
    alt = two_units(made_up(), step=4, arm="none").alt
    assert "4 points (4 held-out example)" in alt
    assert "centred at (2.5, 4.5)" in alt
    assert "none, after 4 updates" in alt
    assert "batch, after 1 update." in two_units(made_up(), step=1, arm="batch").alt


def test_the_points_are_those_of_the_step() -> None:
    table = two_units(made_up(), step=1, arm="none").data
    drawn = np.array([line.split(",")[1:3] for line in table.strip().splitlines()[1:]], float)
    np.testing.assert_allclose(drawn, [[1, 2], [2, 2], [1, 3], [2, 3]])


def test_all_arms_and_steps_are_drawn_in_the_same_part_of_the_plane(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[dict[str, Any]] = []

    def noted(clouds: Any, **words: Any) -> Figure:
        asked.append(words)
        return scatter(clouds, **words)

    monkeypatch.setattr(plate, "scatter", noted)
    for arm in ("none", "batch"):
        for step in (0, 4):
            two_units(made_up(), step=step, arm=arm)
    assert len({(words["xlim"], words["ylim"]) for words in asked}) == 1
    (low, high), (bottom, top) = asked[0]["xlim"], asked[0]["ylim"]
    assert low < 0 < 3 < high
    assert bottom < 0 < 5 < top
    ways = [np.asarray(words["lines"][plate.CENTRE]) for words in asked]
    np.testing.assert_allclose(ways[0], [[0.5, 0.5]])
    np.testing.assert_allclose(ways[1], [[0.5, 0.5], [1.5, 2.5], [2.5, 4.5]])
    np.testing.assert_allclose(ways[3], [[0.5, 0.5]] * 3)
