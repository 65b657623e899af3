"""ROC figures say the area of every class, with its interval."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bnbook import figures, stats

pytestmark = pytest.mark.usefixtures("quick")
RATES = np.linspace(0, 1, 6)


@pytest.fixture
def table() -> xr.Dataset:
    """Two arms, six seeds, three classes of which the last has no test example."""
    random = np.random.default_rng(0)
    power = np.array([0.5, 0.2])[:, None, None] * np.exp(random.normal(0, 0.1, (2, 6, 3)))
    power[:, :, 2] = np.nan
    return xr.Dataset(
        {
            "roc_curve": (
                ("arm", "seed", "class", "false_positive_rate"),
                RATES ** power[..., None],
            ),
            "class_auc": (("arm", "seed", "class"), 1 / (1 + power)),
        },
        {
            "arm": ["none", "batch"],
            "seed": range(6),
            "class": [0, 1, 2],
            "false_positive_rate": RATES,
        },
    )


def test_words_give_the_area_of_every_class_and_arm_with_its_interval(table: xr.Dataset) -> None:
    alt = figures.roc(table, names=("red", "green", "blue")).alt
    for k, name in enumerate(("red", "green")):
        areas = [stats.interval(table.class_auc.sel(arm=a)[:, k].values) for a in ("none", "batch")]
        assert f"class {name}: none {areas[0]}, batch {areas[1]} (n = 6)" in alt
    assert "class blue: none none, batch none (n = 0)" in alt


def test_classes_without_names_are_numbered(table: xr.Dataset) -> None:
    assert "class 1: none" in figures.roc(table).alt


def test_other_numbers_of_names_are_refused(table: xr.Dataset) -> None:
    with pytest.raises(ValueError, match="2 names for 3 classes: red, green"):
        figures.roc(table, names=("red", "green"))


def test_better_curves_are_another_picture(table: xr.Dataset) -> None:
    better = table.assign(roc_curve=table.roc_curve**0.5)
    assert figures.roc(table).light != figures.roc(better).light
