"""A name that a record does not have is an error that says which ones it has."""

from collections.abc import Callable
from typing import Any

import pytest
import xarray as xr

from bnbook import figures

pytestmark = pytest.mark.usefixtures("quick")

Draw = Callable[..., figures.Figure]
KINDS: dict[str, tuple[Draw, dict[str, Any]]] = {
    "curves": (figures.curves, {"variable": "accuracy"}),
    "percentiles": (figures.percentiles, {"select": {"layer": 0}}),
    "dots": (figures.dots, {"variable": "accuracy", "select": {"step": 0}}),
    "heatmap": (figures.heatmap, {"variable": "drift", "rows": "layer", "select": {"step": 0}}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_variable_names_the_nearest(kind: str, record: xr.Dataset) -> None:
    draw, how = KINDS[kind]
    with pytest.raises(ValueError, match="unknown variable 'acuracy'; did you mean 'accuracy'"):
        draw(record, **{**how, "variable": "acuracy"})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arm", ["bacth", ["none", "bacth"]])
def test_an_unknown_arm_names_the_nearest(kind: str, arm: Any, record: xr.Dataset) -> None:
    draw, how = KINDS[kind]
    select = {**how.get("select", {}), "arm": arm}
    with pytest.raises(ValueError, match="unknown arm 'bacth'; did you mean 'batch'"):
        draw(record, **{**how, "select": select})


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("label", [7, 2.5, "first"])
def test_an_unknown_label_names_the_known(kind: str, label: Any, record: xr.Dataset) -> None:
    draw, how = KINDS[kind]
    select = {**how.get("select", {}), "seed": label}
    with pytest.raises(ValueError, match=rf"unknown seed '{label}'. Known: 0, 1, 2, 3, 4, 5"):
        draw(record, **{**how, "select": select})


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_dimension_names_the_nearest(kind: str, record: xr.Dataset) -> None:
    draw, how = KINDS[kind]
    select = {**how.get("select", {}), "sead": 0}
    with pytest.raises(ValueError, match=r"unknown dimension of '\w+' 'sead'; .* 'seed'"):
        draw(record, **{**how, "select": select})


def test_a_dimension_left_over_says_how_to_choose(record: xr.Dataset) -> None:
    with pytest.raises(ValueError, match=r"dimension 'layer' \(0, 1\).*select=\{'layer': …\}"):
        figures.curves(record, "drift")


def test_a_dimension_to_draw_that_is_not_there_is_named(record: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="unknown dimension of 'accuracy' 'layer'"):
        figures.curves(record, "accuracy", panels="layer")


def test_a_selection_may_be_a_slice(record: xr.Dataset) -> None:
    figure = figures.curves(record, "accuracy", select={"step": slice(0, 10), "seed": [0, 1, 2]})
    assert "to 10 on" in figure.alt
    assert "n = 3" in figure.alt
