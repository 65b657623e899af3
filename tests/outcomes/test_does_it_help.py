"""Outcomes by factor: what each of them is, on made-up records."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

from bnbook import figures
from bnbook.experiments import activations, multiplied_rates
from bnbook.experiments.reversal import FACTORS
from bnbook.factors import crossed, labelled, name_of, names_of
from bnbook.outcomes import does_it_help as outcomes

STEPS = [0, 1, 3, 7]
SEEDS = 4
NORMS = activations.NORMS
TEN = {"classes": json.dumps(list("0123456789"))}


def study() -> xr.Dataset:
    """A factor study whose accuracy rises by a quarter a look, and more with BN than without."""
    arms = crossed(
        activation=activations.ACTIVATIONS, optimizer=tuple(activations.OPTIMIZERS), norm=NORMS
    )
    rng = np.random.default_rng(0)
    gain = np.array(
        [0.1 * (arm["norm"] == "batch") + 0.05 * (arm["optimizer"] == "adam") for arm in arms]
    )
    path = np.linspace(0, 0.75, len(STEPS))
    values = (path + gain[:, None])[:, None, :, None, None] * np.ones((1, SEEDS, 1, 2, 3))
    values = values + 1e-3 * rng.normal(size=(len(arms), SEEDS, 1, 1, 1))
    coords = {
        "arm": list(names_of(arms)),
        "seed": range(SEEDS),
        "step": STEPS,
        "split": ["train", "test"],
        "statistics": ["batch", "population", "precise"],
    }
    accuracy = xr.DataArray(values, coords, tuple(coords))
    rate = xr.ones_like(accuracy.isel(step=0, split=0, statistics=0, drop=True))
    made = xr.Dataset({"accuracy": accuracy, "learning_rate": rate}, attrs=TEN)
    return labelled(made, arms)


def test_an_outcome_has_every_factor_and_seed() -> None:
    found = outcomes.factor_study(study())
    assert dict(found.sizes) == {"activation": 5, "optimizer": 2, "norm": 2, "seed": SEEDS}


def test_training_is_the_mean_over_looks_after_the_first_and_final_the_last() -> None:
    cell = {"activation": "tanh", "optimizer": "sgd", "norm": "batch"}
    found = outcomes.factor_study(study()).sel(cell).mean("seed")
    assert found.training.item() == pytest.approx(0.1 + (0.25 + 0.5 + 0.75) / 3, abs=2e-3)
    assert found.final.item() == pytest.approx(0.85, abs=2e-3)


def test_a_network_that_diverged_ends_at_chance() -> None:
    made = study()
    made.accuracy[0, 0, -1] = np.nan
    cell = {"activation": "relu", "optimizer": "sgd", "norm": "none", "seed": 0}
    assert outcomes.factor_study(made).final.sel(cell).item() == 0.1


def test_the_unclean_comparison_is_the_sum_of_two_clean_ones() -> None:
    found = outcomes.comparisons(study()).final.mean(["seed", "activation"])
    sgd, adam, unclean = (found.sel(comparison=name).item() for name in outcomes.COMPARISONS)
    assert sgd == pytest.approx(0.1, abs=2e-3)
    assert adam == pytest.approx(0.1, abs=2e-3)
    assert unclean == pytest.approx(0.15, abs=2e-3)


def test_columns_of_the_table_name_optimizer_and_norm() -> None:
    found = outcomes.as_table(outcomes.factor_study(study()))
    assert found.arm.values.tolist() == ["sgd, none", "sgd, batch", "adam, none", "adam, batch"]
    assert found.final.sel(arm="adam, batch").mean().item() == pytest.approx(0.9, abs=2e-3)


def test_shares_of_a_study_that_two_factors_decide() -> None:
    made = outcomes.factor_study(study())
    share = outcomes.study_shares(made, "final").share.mean("seed")
    # (0.1/2)² and (0.05/2)² are as 4 to 1
    assert share.sel(effect="norm").item() == pytest.approx(0.8, abs=0.01)
    assert share.sel(effect="optimizer").item() == pytest.approx(0.2, abs=0.01)
    among = outcomes.study_shares(made, "final", "with BN").share.mean("seed")
    assert among.sel(effect="optimizer").item() == pytest.approx(1, abs=0.02)


def test_a_map_shows_which_networks_diverged_and_keeps_the_others() -> None:
    arms = crossed(activation=["relu"], rate=(1.0, 3.0), init_scale=(1.0, 9.0), norm=NORMS)
    lost = name_of({"activation": "relu", "rate": 3.0, "init_scale": 9.0, "norm": "none"})
    coords = {"arm": list(names_of(arms)), "seed": [0, 1], "step": [5]}
    accuracy = xr.DataArray(np.full((8, 2, 1), 0.7), coords, tuple(coords))
    diverged = xr.full_like(accuracy.isel(step=0, drop=True), np.nan)
    accuracy.loc[{"arm": lost}], diverged.loc[{"arm": lost}] = np.nan, 2.0
    split = {"split": ["test"], "statistics": ["population"]}
    made = xr.Dataset({"accuracy": accuracy.expand_dims(split), "diverged_at": diverged})
    maps = outcomes.by_setting(labelled(made, arms))
    shown = figures.heatmap(
        maps,
        "accuracy",
        rows="init_scale",
        columns="learning_rate",
        select={"activation": "relu", "norm": "none"},
    )
    assert shown.alt.count("all 2 diverged") == 1
    assert shown.alt.count("0.7 ±") == 3


def reversal() -> xr.Dataset:
    """Gaps that depend on the learning rate alone."""
    rates, sizes, steps = [0.1, 0.5, 1.0], [10, 20], [1, 2, 4]
    kinds = ["batch", "precise"]
    coords = {
        "arm": list(names_of(FACTORS)),
        "seed": range(SEEDS),
        "learning_rate": rates,
        "size": sizes,
        "step": steps,
        "statistics": kinds,
    }
    rng = np.random.default_rng(1)
    shape = tuple(len(each) for each in coords.values())
    values = 0.5 + 1e-4 * rng.normal(size=shape)
    values[1:] += np.array([0.1, 0.2, 0.3])[:, None, None, None]
    return xr.Dataset({"accuracy": xr.DataArray(values, coords, tuple(coords))})


def test_a_gap_is_to_the_network_without_bn_of_the_same_seed() -> None:
    found = outcomes.gaps(reversal()).gap
    assert "none" not in found.arm.values
    assert found.sel(learning_rate=1.0).mean().item() == pytest.approx(0.3, abs=1e-3)


@pytest.mark.parametrize("among", outcomes.GAPS)
def test_what_decides_the_gap_is_found_and_the_shares_add_up(among: str) -> None:
    share = outcomes.gap_shares(reversal(), among).share.mean("seed")
    assert share.effect.values[0] == "learning rate"
    assert share.isel(effect=0).item() == pytest.approx(1, abs=0.01)
    assert share.effect.values[-1] == "all others"
    assert share.sum().item() == pytest.approx(1)


def test_only_the_last_two_looks_count_and_only_the_part_asked_for() -> None:
    made = reversal()
    made.accuracy.loc[{"step": 1, "arm": "batch"}] += 5
    made.accuracy.loc[{"learning_rate": 0.1, "arm": "batch", "size": 10}] += 5
    named = outcomes.gap_shares(made, "precise, higher rates").share.mean("seed")
    assert named.sel(effect="learning rate").item() == pytest.approx(1, abs=0.01)
    whole = outcomes.gap_shares(made, "precise statistics").share.mean("seed")
    assert whole.isel(effect=0).item() < 0.5


def multiples() -> xr.Dataset:
    """Networks that rise in a line of log(1 + step): plain to 0.8, with BN 1, 2 and 0.5 as fast."""
    speeds = dict(zip(multiplied_rates.SETTINGS, (1.0, 1.0, 2.0, 0.5), strict=True))
    steps = [0, 1, 3, 7, 15]
    path = 0.2 * np.arange(5)[None, None, None, :] * np.array(list(speeds.values()))[:, None]
    values = np.broadcast_to(np.minimum(path, 0.95), (2, SEEDS, 4, 5))
    coords = {"arm": ["relu", "sigmoid"], "seed": range(SEEDS), "setting": list(speeds)}
    accuracy = xr.DataArray(values, {**coords, "step": steps}, (*coords, "step"))
    first = accuracy.isel(step=0, drop=True)
    rate = first.copy(data=np.broadcast_to([0.1, 0.1, 0.5, 3.0], first.shape))
    made = xr.Dataset({"accuracy": accuracy, "rate": rate})
    return labelled(made, crossed(activation=multiplied_rates.ACTIVATIONS))


def test_steps_at_multiples_are_counted_to_what_the_plain_network_ends_with() -> None:
    record = multiples()  # the target is 0.95 · 0.8: at 3.8 plain looks, at 1.9 of twice the speed
    twice = np.log((2**3.8 - 1) / (2**1.9 - 1))
    for other in (multiplied_rates.PLAIN, outcomes.AT[1]):
        found = outcomes.as_accurate_as_plain(record, 5, other)
        np.testing.assert_allclose(found, twice)
    np.testing.assert_allclose(outcomes.as_accurate_as_plain(record, 1), 0, atol=1e-12)


def test_a_network_that_never_gets_there_leaves_the_ratio_open() -> None:
    found = outcomes.as_accurate_as_plain(multiples(), 30)
    assert (found.sel(bound="low") == -np.inf).all()
    assert (found.sel(bound="high") < 0).all()


def test_accuracy_at_multiples_and_the_plain_rate() -> None:
    record = multiples()
    np.testing.assert_allclose(outcomes.more_accurate_at(record, 5), 0.15)
    np.testing.assert_allclose(outcomes.more_accurate_at(record, 30, activation="sigmoid"), -0.4)
    assert outcomes.plain_rates(record) == {"relu": 0.1, "sigmoid": 0.1}
    drawn = figures.curves(outcomes.multiples(record), "accuracy", panels="activation")
    assert "sigmoid" in drawn.alt


def test_epochs_are_times_through_the_examples_that_tuning_left() -> None:
    arms = crossed(init=("glorot", "he"), choice=("shared", "tuned"), norm=NORMS)
    coords = {
        "arm": list(names_of(arms)),
        "seed": [0, 1],
        "step": [0, 64, 128],
        "split": ["train", "test"],
        "statistics": ["batch", "population", "precise"],
    }
    shape = (8, 2, 3, 2, 3)
    numbers = np.arange(np.prod(shape), dtype=float).reshape(shape)
    values = xr.DataArray(numbers, coords, tuple(coords))
    made = xr.Dataset({"accuracy": values}, attrs=TEN | {"data": "mnist-5k"})
    found = outcomes.epochs(labelled(made, arms)).accuracy
    # of 5,000 a fifth is put aside, and a fifth of the rest tests: 3,200 train, 60 a step
    assert found.epoch.values.tolist() == pytest.approx([0, 1.2, 2.4])
    here = found.sel(init="he", choice="tuned", arm="batch", seed=1)
    there = values.sel(arm="he, tuned, batch", seed=1, split="test", statistics="population")
    assert here.values.tolist() == there.values.tolist()


def test_areas_by_digit_are_those_at_the_end_with_bn_minus_without() -> None:
    area = np.full((2, 3, 2, 10), 0.9)
    area[1, :, 1] += np.arange(10) / 100
    coords = {"arm": ["none", "batch"], "seed": range(3), "step": [0, 9], "class": range(10)}
    made = xr.Dataset({"class_auc": xr.DataArray(area, coords, tuple(coords))}, attrs=TEN)
    found = outcomes.digit_areas(made)
    assert found["class"].values.tolist() == list("0123456789")
    np.testing.assert_allclose(found.transpose("seed", "class"), [np.arange(10) / 100] * 3)


def clock() -> xr.Dataset:
    """With BN at 95 % after 3 steps and not 15, each of which takes twice as long."""
    arms = crossed(choice=("shared", "tuned"), norm=NORMS)
    steps = np.array([0, 1, 3, 7, 15, 31])
    paths = {"none": [0, 0.1, 0.2, 0.3, 0.95, 1], "batch": [0, 0.2, 0.95, 0.96, 0.97, 1]}
    accuracy = np.array([paths[arm["norm"]] for arm in arms])[:, None] * np.ones((4, 2, 1))
    coords = {"arm": list(names_of(arms)), "seed": [0, 1], "step": steps}
    cost = np.array([1.0, 2.0, 1.0, 2.0])[:, None] * np.array([1.0, 5.0])
    made = xr.Dataset(
        {
            "accuracy": xr.DataArray(accuracy, coords, tuple(coords)),
            "step_time": (("arm", "seed"), cost),
        }
    )
    return labelled(made, arms)


def test_time_to_the_target_is_steps_times_the_time_of_a_step() -> None:
    found = outcomes.less_time(clock())
    assert set(found.race.values) == {
        f"{choice} rate, in {what}" for choice in ("shared", "tuned") for what in ("time", "steps")
    }
    for choice in ("shared", "tuned"):
        in_steps = found.sel(race=f"{choice} rate, in steps")
        np.testing.assert_allclose(in_steps, np.log(15 / 3))
        in_time = found.sel(race=f"{choice} rate, in time")
        np.testing.assert_allclose(in_time, in_steps - np.log(2))


def test_a_run_that_never_gets_there_has_a_time_without_end() -> None:
    made = clock()
    made.accuracy[0] = 0.5
    found = outcomes.less_time(made).sel(race="shared rate, in time")
    assert np.isinf(found.sel(bound="high")).all()
    assert np.isfinite(found.sel(bound="low")).all()


def test_by_the_clock_a_run_is_where_its_steps_have_brought_it() -> None:
    found = outcomes.by_clock(clock()).accuracy
    assert found.seconds.values[[0, -1]].tolist() == pytest.approx([0.001, 0.031])
    for (arm, cost), seed in zip([("none", 1.0), ("batch", 2.0)] * 2, [0, 0, 1, 1], strict=True):
        per_step = cost * (1, 5)[seed] / 1e3
        path = clock().accuracy.sel(arm=f"tuned, {arm}", seed=seed)
        here = found.sel(choice="tuned", arm=arm, seed=seed)
        for at, value in zip(found.seconds.values, here.values, strict=True):
            expected = np.interp(at, path.step.values * per_step, path.values)
            assert value == pytest.approx(expected, abs=1e-9)
