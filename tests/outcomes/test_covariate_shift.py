"""How the records on covariate shift are read, on numbers that are made up."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bnbook.factors import crossed, names_of
from bnbook.outcomes import covariate_shift as outcomes

SEEDS = [0, 1, 2]


@pytest.fixture
def cats() -> xr.Dataset:
    """Accuracy = 0.5, and for the fit to the target a part of its own for each place and seed."""
    coords = {
        "arm": ["source", "weighted", "target"],
        "inputs": ["inputs stay", "inputs shift"],
        "move": [0.0, 1.0, 2.0],
        "seed": SEEDS,
    }
    accuracy = xr.DataArray(np.full((3, 2, 3, 3), 0.5), coords, tuple(coords))
    accuracy.loc["target"] = 0.6 + np.arange(18).reshape(2, 3, 3) / 100
    accuracy.loc["source"] = 0.1  # has no part in it
    return accuracy.to_dataset(name="accuracy")


def test_what_weights_leave_is_read_where_the_claim_says(cats: xr.Dataset) -> None:
    found = outcomes.left_by_weights(cats)
    expected = {
        "the rule": [0.13, 0.14, 0.15],
        "the rule and the inputs": [0.22, 0.23, 0.24],
        "the inputs alone": [0.19, 0.20, 0.21],
    }
    assert found["shifts"].values.tolist() == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found.sel(shifts=name), values)


@pytest.fixture
def inputs() -> xr.Dataset:
    """Six arms whose accuracy at two looks is made of a level for the arm, the look, the seed."""
    arms = crossed(inputs=("standardised", "0 to 1", "off centre"), norm=("none", "batch"))
    levels = np.array([0.5, 0.6, 0.4, 0.6, 0.2, 0.55])
    accuracy = levels[:, None, None] + np.array([0.0, 0.1, 0.2])[:, None] + [0.0, 0.2]
    accuracy[4] -= np.array([0.0, 0.03, 0.06])[:, None]
    return xr.Dataset(
        {"accuracy": (("arm", "seed", "step"), accuracy)},
        {
            "arm": list(names_of(arms)),
            "inputs": ("arm", [arm["inputs"] for arm in arms]),
            "norm": ("arm", [arm["norm"] for arm in arms]),
            "seed": SEEDS,
            "step": [4, 8],
        },
    )


def test_speed_is_the_mean_over_the_looks(inputs: xr.Dataset) -> None:
    speed = outcomes.speed_from(inputs)
    np.testing.assert_allclose(speed.sel(inputs="0 to 1", norm="none"), [0.5, 0.6, 0.7])
    np.testing.assert_allclose(speed.sel(inputs="off centre", norm="batch"), [0.65, 0.75, 0.85])


def test_losses_off_centre_are_differences_of_speed(inputs: xr.Dataset) -> None:
    np.testing.assert_allclose(outcomes.slower_off_centre(inputs), [0.3, 0.33, 0.36])
    np.testing.assert_allclose(outcomes.spared_off_centre(inputs), [0.25, 0.28, 0.31])


def test_the_figure_has_the_inputs_as_arms(inputs: xr.Dataset) -> None:
    drawn = outcomes.learning_from(inputs)
    assert drawn.arm.values.tolist() == ["standardised", "0 to 1", "off centre"]
    np.testing.assert_array_equal(
        drawn.accuracy.sel(arm="off centre", norm="none"),
        inputs.accuracy.isel(arm=4).transpose(*drawn.accuracy.sel(norm="none", arm="0 to 1").dims),
    )


def test_motion_is_from_look_to_look() -> None:
    dims, coords = ("arm", "seed", "step"), {"arm": ["none"], "seed": [0], "step": [0, 1, 2]}
    record = xr.Dataset(
        {"centre_step": (dims, [[[0.0, 2.0, 3.0]]]), "correlation": (dims, [[[0.1, -0.2, 0.4]]])},
        coords,
    )
    motion = outcomes.cloud_motion(record).motion
    assert motion.step.values.tolist() == [1, 2]
    np.testing.assert_allclose(
        motion.sel(quantity="change of the correlation").squeeze(), [0.3, 0.6]
    )
    np.testing.assert_allclose(
        motion.sel(quantity="step of the centre, in spreads").squeeze(), [2.0, 3.0]
    )


@pytest.fixture
def residual() -> xr.Dataset:
    """What `progress` reads, made of a level of every arm and of every split and statistics."""
    arms = crossed(network=("halved images", "whole images"), norm=("none", "batch", "noisy-batch"))
    levels = np.array([0.1, 0.3, 0.2, 0.1, 0.45, 0.5])
    of_split = np.array([[0.01, 0.02, 0.03], [0.11, 0.12, 0.13]])
    accuracy = levels[:, None, None, None, None] + of_split[:, :, None]
    accuracy = np.broadcast_to(
        accuracy, (6, 3, 2, 3, 2)
    ).copy()  # arm, seed, split, statistics, step
    accuracy[4, :, 1, :, 1] += 0.2  # BN on whole images, on test examples, at the end
    return xr.Dataset(
        {
            "accuracy": (("arm", "seed", "split", "statistics", "step"), accuracy),
            "diverged_at": (("arm", "seed"), np.full((6, 3), np.nan)),
        },
        {
            "arm": list(names_of(arms)),
            "network": ("arm", [arm["network"] for arm in arms]),
            "norm": ("arm", [arm["norm"] for arm in arms]),
            "steps": ("arm", [10] * 6),
            "seed": SEEDS,
            "step": [0, 10],
            "split": ["train", "test"],
            "statistics": ["batch", "population", "precise"],
        },
        {"classes": '["a", "b"]'},
    )


def test_a_gain_is_by_the_size_of_images_and_by_what_is_looked_at(residual: xr.Dataset) -> None:
    found = outcomes.gain(residual)
    expected = {
        "halved images, while training": 0.2,
        "halved images, at the end": 0.2,
        "whole images, while training": 0.35,
        "whole images, at the end": 0.55,
    }
    assert found.seen.values.tolist() == list(expected)
    np.testing.assert_allclose(found.isel(seed=0), list(expected.values()))


def test_the_gain_of_whole_images_is_beyond_that_of_halved_ones(residual: xr.Dataset) -> None:
    found = outcomes.gain_of_whole_images(residual)
    assert found.seen.values.tolist() == ["while training", "at the end"]
    np.testing.assert_allclose(found.transpose("seed", "seen"), [[0.15, 0.35]] * 3)
