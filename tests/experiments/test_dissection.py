"""The dissection: arms differ in exactly what they name, and outcomes are read as they are said."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import xarray as xr

from bnbook import data, norms
from bnbook.experiments import dissection
from bnbook.experiments.dissection import (
    NETWORKS,
    PAIRS,
    PARTS,
    Study,
    halved,
    measure,
    network,
    put_aside,
)
from bnbook.outcomes import the_answer
from bnbook.stats import Interval
from bnbook.train import SGD, Member, Population

PLAN = dissection.plan("book")
ALL = [*PARTS, *PAIRS]


def weights(part: str, name: str = "8 ReLU layers") -> list[torch.Tensor]:
    """What the linear maps of an arm are at the start, as they are used."""
    spec = network({"network": name, "part": part})
    net = spec.build((1, 14, 14), 10, seed=3)
    used = []
    for each in net.weight_names()[:-1]:
        layer = net.get_submodule(each.removesuffix(".linear.weight"))
        used.append(layer.norm.transform_weight(layer.linear.weight).detach())
    return used


@pytest.mark.parametrize("part", ALL)
def test_every_arm_begins_with_the_same_directions_of_weights(part: str) -> None:
    for mine, plain in zip(weights(part), weights("none"), strict=True):
        cosine = torch.nn.functional.cosine_similarity(mine, plain)
        torch.testing.assert_close(cosine, torch.ones_like(cosine))


@pytest.mark.parametrize("name", NETWORKS)
def test_normalised_filters_are_as_long_as_those_of_the_other_arms(name: str) -> None:
    """Within what rows of so many random weights vary by; Glorot's first layer has longer ones."""
    mine, plain = (
        float(torch.cat([w.norm(dim=1) for w in weights(part, name)[1:]]).mean())
        for part in ("weight norm", "none")
    )
    assert mine == pytest.approx(plain, rel=0.05)


def test_a_record_depends_on_the_normalisers_of_all_its_arms() -> None:
    from bnbook.study.runner import modules_of

    named = set(modules_of(PLAN))
    for part in (*PARTS.values(), *PAIRS.values()):
        assert norms.get(part.norm).__module__ in named


def test_nobody_trains_on_what_chooses_a_rate_or_judges() -> None:
    kept, aside = halved(data.load(PLAN.settings.data)).apart()
    arm = {"network": "3 ReLU layers", "part": "none"}
    members = [Member("none", seed, 0.1) for seed in (0, 1)]
    population = Population(network(arm), SGD(), 32, members, kept)
    chosen = put_aside(population, aside)
    for member in range(2):
        portions = (population.data.train, population.data.test, chosen)
        pictures = [portion.x[portion.rows[member]].flatten(1) for portion in portions]
        train, test, apart = ({tuple(x) for x in part.tolist()} for part in pictures)
        assert not train & test
        assert not train & apart
        assert not test & apart
    assert not set(PLAN.settings.tuning) & set(PLAN.seeds)


def test_a_halved_picture_is_the_means_of_squares() -> None:
    whole = data.load("mnist-5k")
    small = halved(whole)
    assert small.input_shape == (1, 14, 14)
    corner = whole.pool.x[3, 0, 10:12, 14:16].double().mean()
    assert float(small.pool.x[3, 0, 5, 7]) == pytest.approx(float(corner))


def test_the_rate_is_chosen_by_the_tuning_seeds_alone() -> None:
    study = Study("mnist-5k", (2, 4), (0.1, 1.0), (100,), judges=50)
    arm = {"network": "3 ReLU layers", "part": "batch"}
    few, more = measure(study, arm, (0,)), measure(study, arm, (0, 1))
    assert few.tuned_rate.values == pytest.approx(more.tuned_rate.values[:1])
    np.testing.assert_allclose(few.by_rate.values, more.by_rate.values[:1])
    chosen = int(np.argmin(abs(np.array(study.rates) - float(few.tuned_rate[0]))))
    np.testing.assert_array_equal(few.accuracy[:, -1], few.by_rate[:, chosen])


def test_a_network_that_diverges_has_the_accuracy_of_chance() -> None:
    study = Study("mnist-5k", (4,), (0.1, 1e20), (100,), judges=50)
    found = measure(study, {"network": "3 ReLU layers", "part": "none"}, (0,))
    assert found.by_rate.values[0, 1] == pytest.approx(0.1)
    assert float(found.tuned_rate[0]) == pytest.approx(0.1)


def made_up(**accuracy: list[float]) -> xr.Dataset:
    """A record of one network: eight seeds, each with its own offset, `accuracy` at three looks."""
    offsets = 0.01 * np.arange(8)
    values = np.array(list(accuracy.values()))[:, None, :] + offsets[None, :, None]
    rates = np.array([0.1, 1.0, 10.0])
    ends = np.where(rates <= 1.0, values[..., -1:], 0.1)
    names = [name.replace("_", " ") for name in accuracy]
    return xr.Dataset(
        {
            "accuracy": (("arm", "seed", "step"), values),
            "by_rate": (("arm", "seed", "rate"), ends),
        },
        {
            "arm": [f"deep, {name}" for name in names],
            "network": ("arm", ["deep"] * len(names)),
            "part": ("arm", names),
            "seed": range(8),
            "step": [1, 10, 100],
            "rate": rates,
        },
    )


RECORD = made_up(
    none=[0.1, 0.2, 0.3], batch=[0.5, 0.8, 0.8], mean_only=[0.3, 0.5, 0.55], layer=[0.1, 0.2, 0.3]
)


def test_outcomes_are_those_of_arithmetic() -> None:
    found = the_answer.studied(RECORD).isel(seed=0, network=0)
    np.testing.assert_allclose(found.speed, [0.2, 0.7, 0.45, 0.2])
    np.testing.assert_allclose(found.accuracy, [0.3, 0.8, 0.55, 0.3])
    np.testing.assert_allclose(found.tolerance, [-1.5, 0.0, 0.0, -1.5])


def test_a_share_of_the_gain_is_the_ratio_of_the_gains() -> None:
    table = the_answer.kept(RECORD).sel(network="deep", outcome="speed")
    assert float(table.estimate.sel(part="mean only")) == pytest.approx(0.5)
    assert float(table.estimate.sel(part="layer")) == pytest.approx(0.0)
    assert (table.n == 8).all()


def test_the_answer_names_who_keeps_most_and_who_keeps_little() -> None:
    record = made_up(
        none=[0.1, 0.2, 0.3], batch=[0.5, 0.8, 0.8], frozen=[0.4, 0.7, 0.8], layer=[0.1] * 3
    )
    text = the_answer.answer(record, "deep")
    most, little = text.split("Less than half")
    share = the_answer.share_of(the_answer.studied(record).speed.isel(network=0), "frozen")
    assert f"the statistics of the start, kept ({Interval(*share)})" in most
    assert "layer normalization" in little
    same = made_up(none=[0.5, 0.5, 0.5], batch=[0.5, 0.5, 0.5], layer=[0.1] * 3)
    assert "cannot be told from nothing" in the_answer.answer(same, "deep")


def test_a_pair_is_measured_against_the_better_of_its_parts() -> None:
    record = made_up(
        none=[0.1] * 3,
        batch=[0.8] * 3,
        good_start=[0.3] * 3,
        length_fixed=[0.4] * 3,
        start_and_length=[0.6] * 3,
    )
    found = the_answer.together(record)
    assert found.pair.values.tolist() == ["start and length, deep"]
    np.testing.assert_allclose(found.values, 0.2)


def test_the_smoke_study_is_the_books_in_the_small() -> None:
    small = dissection.plan("smoke")
    assert {arm["part"] for arm in small.factors} == set(ALL)
