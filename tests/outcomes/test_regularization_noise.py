"""What the chapter on noise shows is what the record holds, taken at each arm's own end."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bnbook.experiments import decay_and_dropout, half_thousand
from bnbook.experiments.ghost_dropout import arms
from bnbook.factors import crossed, labelled, names_of
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


# Overfitting, and other regularisers.


def rising(train: list[list[float]], test: list[list[float]]) -> xr.DataArray:
    """Accuracy (arm, seed, step, split) of two arms and one seed."""
    values = np.stack([train, test], axis=-1)[:, None]
    coords = {"arm": ["none", "batch"], "seed": [0], "step": range(len(train[0]))}
    return xr.DataArray(values, coords | {"split": ["train", "test"]}, (*coords, "split"))


def test_gaps_are_compared_where_both_are_as_accurate_in_training() -> None:
    accuracy = rising([[0.1, 0.5, 0.9], [0.1, 0.8, 1.0]], [[0.1, 0.4, 0.6], [0.1, 0.7, 0.9]])
    # at 0.9: without 0.9 − 0.6; with 0.9 − 0.8, half-way between its last two looks
    found = views.at_one_training_accuracy(accuracy, "none", "batch")
    assert float(found[0]) == pytest.approx(0.3 - 0.1)
    assert float(views.at_one_training_accuracy(accuracy, "batch", "none")[0]) == -float(found[0])


def test_a_look_at_which_training_fell_back_is_left_out_and_a_lost_network_has_no_gap() -> None:
    accuracy = rising([[0.1, 0.5, 0.4], [0.1, 0.3, 0.5]], [[0.1, 0.4, 0.9], [0.1, 0.2, 0.3]])
    found = views.at_one_training_accuracy(accuracy, "none", "batch")
    assert float(found[0]) == pytest.approx((0.5 - 0.4) - (0.5 - 0.3))
    lost = accuracy.copy()
    lost[1] = np.nan
    assert np.isnan(views.at_one_training_accuracy(lost, "none", "batch")[0])


def study_of_activations() -> xr.Dataset:
    """BN has a gap of 0.1 of the training accuracy, none of 0.3, at each look but the first."""
    arms = crossed(activation=("relu", "tanh"), optimizer=("sgd", "adam"), norm=("none", "batch"))
    train = np.array([0.2, 0.7, 0.95])
    gap = np.array([0.3 if arm["norm"] == "none" else 0.1 for arm in arms])
    test = train * (1 - gap[:, None])
    values = np.stack([np.broadcast_to(train, test.shape), test], -1)[:, None, ..., None]
    coords = {
        "arm": list(names_of(arms)),
        "seed": [0, 1],
        "step": [0, 1, 2],
        "split": ["train", "test"],
        "statistics": KINDS,
    }
    whole = xr.DataArray(values * np.ones((1, 2, 1, 1, 3)), coords, tuple(coords))
    return labelled(xr.Dataset({"accuracy": whole}), arms)


def test_the_gap_is_narrower_by_what_the_arms_differ_in_at_their_common_end() -> None:
    found = views.narrower_gap(study_of_activations())
    names = [f"{a}, {o}" for a in ("relu", "tanh") for o in ("sgd", "adam")]
    assert found.network.values.tolist() == names
    np.testing.assert_allclose(found, 0.95 * (0.3 - 0.1))


def test_the_gap_along_training_is_that_at_each_training_accuracy_that_was_reached() -> None:
    gap = views.gaps_along_training(study_of_activations()).gap
    drawn = gap.sel(activation="tanh", optimizer="adam", seed=1)
    at = drawn.training_accuracy.values
    for arm, share in (("none", 0.3), ("batch", 0.1)):
        expected = np.where(at <= 0.95, share * at, np.nan)
        np.testing.assert_allclose(drawn.sel(arm=arm), expected)


def few() -> xr.Dataset:
    """Test losses by arm; training losses are 0."""
    losses = {
        "none, alone": 1.0,
        "none, dropout": 0.7,
        "none, decay": 0.6,
        "none, both": 0.55,
        "batch, alone": 0.5,
        "batch, dropout": 0.4,
        "batch, decay": 0.45,
        "batch, both": 0.43,
    }
    assert list(losses) == list(names_of(decay_and_dropout.ARMS))
    values = np.zeros((8, 3, 2))
    values[:, :, 1] = np.array(list(losses.values()))[:, None]
    coords = {"arm": list(losses), "seed": range(3), "split": ["train", "test"]}
    made = xr.Dataset({"loss": xr.DataArray(values, coords, tuple(coords))})
    return labelled(made, decay_and_dropout.ARMS)


def test_what_dropout_takes_from_the_test_loss_beside_bn() -> None:
    found = views.dropout_beside(few())
    for name, expected in {
        "no decay": 0.1,
        "with decay": 0.02,
        "without BN, no decay": 0.3,
        "without BN, with decay": 0.05,
    }.items():
        np.testing.assert_allclose(found.sel(beside=name), expected)


def test_need_for_decay_is_a_difference_of_differences() -> None:
    found = views.less_need_for_decay(few())
    np.testing.assert_allclose(found.sel(beside="no dropout"), 0.4 - 0.05)
    np.testing.assert_allclose(found.sel(beside="with dropout"), 0.15 - (-0.03))


def company() -> xr.Dataset:
    """Noise that falls as m^−1 in the logits and as m^−½ in the first layer."""
    m = np.array([64, 128, 256, 512])
    noise = np.stack([3.0 * m**-0.5, 7.0 / m])[None, None] * np.ones((2, 4, 1, 1))
    arms = crossed(network=tuple(half_thousand.NETWORKS))
    coords = {
        "arm": list(names_of(arms)),
        "seed": range(4),
        "place": list(half_thousand.PLACES),
        "m": m,
    }
    made = xr.Dataset({"noise": xr.DataArray(noise, coords, tuple(coords))})
    return labelled(made, arms)


def test_noise_that_falls_as_one_over_m_is_an_eighth_and_other_noise_is_not() -> None:
    found = views.eighth(company())
    for name in half_thousand.NETWORKS:
        np.testing.assert_allclose(found.sel(network=name), 0, atol=1e-12)
        np.testing.assert_allclose(found.sel(network=f"{name}, first layer"), -0.5 * np.log(8))


def test_noise_is_drawn_in_units_of_that_at_64_beside_the_law() -> None:
    found = views.against_64(company()).noise
    np.testing.assert_allclose(found.sel(m=64), 1)
    np.testing.assert_allclose(found.sel(arm=views.LAW, m=512), 1 / 8)
    np.testing.assert_allclose(
        found.sel(place="logits"), (64 / found.m).broadcast_like(found.sel(place="logits"))
    )
