"""What the chapter on noise shows is what the record holds, taken at each arm's own end."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bnbook.experiments.ghost_dropout import arms
from bnbook.factors import labelled
from bnbook.outcomes import regularization_noise as views

NAMES = [arm.name for arm in arms(10)]
STEPS = [0, 10, 40]
KINDS = ["batch", "population", "precise"]


@pytest.fixture(scope="module")
def record() -> xr.Dataset:
    """Values that say where they come from: 100·arm + 10·split + kind, plus the step's share."""
    ends = np.array([[40.0 if name == "batch, batch size = 16" else 10.0] * 2 for name in NAMES])
    arm, split, kind = np.ix_(range(len(NAMES)), range(2), range(3))
    value = (100.0 * arm + 10 * split + kind)[:, None, None] + np.zeros((1, 2, 3, 1, 1))
    value = value + np.array([0.1, 0.2, 0.3])[:, None, None]
    value[:, :, 2] = np.where(ends[..., None, None] == 40, value[:, :, 2], np.nan)
    noise = np.exp(-1.0 * np.arange(len(NAMES)))[:, None, None] * np.ones((1, 2, 3))
    looks = ("arm", "seed", "step")
    made = xr.Dataset(
        {
            "loss": ((*looks, "split", "statistics"), value),
            "accuracy": ((*looks, "split", "statistics"), value / 1e4),
            "logit_noise": (looks, noise),
            "steps": (("arm", "seed"), ends),
            "diverged_at": (("arm", "seed"), np.full_like(ends, np.nan)),
        },
        {"arm": NAMES, "seed": [0, 1], "step": STEPS, "split": ["train", "test"]}
        | {"statistics": KINDS},
    )
    return labelled(made, [arm.factors for arm in arms(10)])


def test_the_last_look_is_each_arms_own(record: xr.Dataset) -> None:
    found = views.last(record, "loss").sel(split="train")
    index = NAMES.index("batch, batch size = 16")
    assert found.sel(arm="batch, batch size = 16").values.tolist() == pytest.approx(
        [100 * index + 1.3] * 2
    )
    assert found.sel(arm="ghost, m = 4").values.tolist() == pytest.approx([1.2] * 2)


def test_a_diverged_arm_has_no_end(record: xr.Dataset) -> None:
    lost = record.copy(deep=True)
    lost.loss[0, 1, 1:] = np.nan  # as `train` leaves it from the look after the step of divergence
    found = views.gap(lost).sel(arm=NAMES[0])
    assert np.isfinite(found[0])
    assert np.isnan(found[1])


def test_the_gap_is_test_minus_train_by_population_statistics(record: xr.Dataset) -> None:
    np.testing.assert_allclose(views.gap(record), 10)


def test_sizes_and_rates_are_those_of_their_arms(record: xr.Dataset) -> None:
    sizes = views.by_size(record)
    assert sizes["size"].values.tolist() == [4, 8, 16, 32, 64]
    at = sizes.loss.sel(size=64, split="test", statistics="precise", seed=0)
    assert float(at) == pytest.approx(100 * NAMES.index("batch") + 12.2)
    rates = views.by_rate(record)
    assert rates["rate"].values.tolist() == [0, 0.1, 0.3, 0.5]
    at = rates.loss.sel(rate=0.3, split="train", statistics="batch", seed=1)
    assert float(at) == pytest.approx(100 * NAMES.index("batch, dropout = 0.3") + 0.2)


def test_families_are_laid_out_by_the_noise_of_their_arms(record: xr.Dataset) -> None:
    both = views.by_noise(record)
    expected = np.exp(-1.0 * NAMES.index("ghost, m = 8"))
    at = both.gap.sel(family="ghosts of 4 to 64").sel(noise=expected, method="nearest")
    np.testing.assert_allclose(at, 10)
    assert np.all(np.diff(both.noise) > 0)
    assert both.gap.notnull().any("seed").sum("noise").values.tolist() == [5, 4]


def test_growth_has_two_parts_that_add_up() -> None:
    looks = ("arm", "step")
    grown = xr.Dataset({"across": (looks, [[0.0, 2.0]]), "outwards": (looks, [[0.0, -0.5]])})
    parts = views.growth_parts(grown).grown
    assert parts.part.values.tolist() == ["squared steps", "push outwards"]
    assert parts.sum("part").values.tolist() == [[0.0, 1.5]]
