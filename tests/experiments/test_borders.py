"""Borders of the answer: each changes one thing, and the base is the dissection's own network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import jaxtyping
import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bnbook import data, norms
from bnbook.experiments import borders, dissection
from bnbook.experiments.borders import CONVOLUTIONAL, DENSE, TRIED, Border, Survey, measure, network
from bnbook.experiments.dissection import PARTS, halved
from bnbook.nets import MLP
from bnbook.stats import MIN_SEEDS
from bnbook.study.runner import modules_of
from bnbook.train import SGD, Member, Population

PLAN = borders.plan("book")
SMALL = Survey("mnist-5k", (2, 4), DENSE, (100,), judges=50)


def at(name: str) -> Border:
    return next(each for each in DENSE if each.name == name)


@pytest.fixture
def unchecked() -> Iterator[None]:
    """Without the check of shapes: `Portion.of_member` has two sizes in between, for a moment."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("part", TRIED)
def test_the_base_is_the_dissections_own_arm(part: str) -> None:
    study = dissection.Study("mnist-5k", (2, 4), (0.1, 1.0), (100,), judges=50)
    theirs = dissection.measure(study, {"network": "8 ReLU layers", "part": part}, (0, 1))
    base = replace(at("base"), rates=study.rates)
    mine = measure(replace(SMALL, borders=(base,)), {"border": "base", "part": part}, (0, 1))
    np.testing.assert_array_equal(mine.tuned_rate, theirs.tuned_rate)
    np.testing.assert_allclose(mine.accuracy, theirs.accuracy, atol=0.021)  # one picture in 50


def test_a_dense_border_differs_from_the_base_in_one_thing() -> None:
    base = at("base")
    for each in DENSE:
        pairs = [
            (each.net, base.net),
            ((each.rule, each.rates), (base.rule, base.rates)),
            (each.batch_size, base.batch_size),
            (each.longer, base.longer),
        ]
        assert sum(a != b for a, b in pairs) == (each is not base), each.name


@pytest.mark.parametrize("border", [*DENSE, *CONVOLUTIONAL], ids=lambda each: str(each.net)[:8])
def test_every_arm_of_a_border_begins_with_the_same_weights(border: Border) -> None:
    shape = (1, 14, 14) if border in DENSE else (3, 16, 16)
    nets = [network(border, part).build(shape, 10, seed=3) for part in TRIED]
    for name in nets[0].weight_names():
        first, *others = (net.get_parameter(name) for net in nets)
        for other in others:
            torch.testing.assert_close(other, first)


def test_the_longer_run_is_looked_at_later() -> None:
    survey = replace(SMALL, borders=(replace(at("longer"), rates=(0.1,)),), looks=(1, 2))
    long = measure(survey, {"border": "longer", "part": "batch"}, (0,))
    survey = replace(SMALL, borders=(replace(at("base"), rates=(0.1,)),), looks=(4, 8))
    short = measure(survey, {"border": "base", "part": "batch"}, (0,))
    np.testing.assert_array_equal(long.accuracy, short.accuracy)


def test_the_border_adam_is_torchs_own_on_one_network() -> None:
    survey = replace(SMALL, borders=(replace(at("Adam"), rates=(0.003,)),), judges=200)
    found = measure(survey, {"border": "Adam", "part": "none"}, (0,)).accuracy[0, -1]

    kept, _ = halved(data.load(survey.data)).apart()
    clock = Population(at("Adam").net, SGD(), 32, [Member("none", 0, 0.0)], kept)
    layers = [torch.nn.Linear(a, b) for a, b in zip([196, *[48] * 8], [*[48] * 8, 10], strict=True)]
    same = at("Adam").net.build((1, 14, 14), 10, seed=0)
    for mine, name in zip(layers, same.weight_names(), strict=True):
        mine.weight.data.copy_(same.get_parameter(name))
        mine.bias.data.zero_()
    parts = [each for layer in layers for each in (layer, torch.nn.ReLU())][:-1]
    net = torch.nn.Sequential(torch.nn.Flatten(), *parts)
    optimizer = torch.optim.Adam(net.parameters(), 0.003)
    for _ in range(survey.looks[-1]):
        x, y = clock.next_batch()
        clock.step()  # with rate 0: it only goes on to the next batch
        optimizer.zero_grad()
        F.cross_entropy(net(x[0]), y[0]).backward()
        optimizer.step()
    x, y = clock.data.test[slice(200)]
    assert float((net(x[0]).argmax(1) == y[0]).float().mean()) == pytest.approx(
        float(found), abs=0.011
    )


def test_the_rate_is_chosen_by_the_tuning_seeds_alone() -> None:
    few, more = (measure(SMALL, {"border": "base", "part": "batch"}, s) for s in ((0,), (0, 1)))
    assert few.tuned_rate.values == pytest.approx(more.tuned_rate.values[:1])
    np.testing.assert_allclose(few.accuracy.values, more.accuracy.values[:1], atol=0.021)
    for scale in borders.EXPERIMENT.scales:
        plan = borders.plan(scale)
        assert not set(plan.settings.tuning) & set(plan.seeds)


def test_a_rate_at_an_end_of_its_grid_says_so() -> None:
    inside, low = (0.0001, 0.1, 1e20), (0.1, 1e20)
    for rates, expected in ((inside, 0.0), (low, 1.0)):
        survey = replace(SMALL, borders=(replace(at("base"), rates=rates),))
        found = measure(survey, {"border": "base", "part": "batch"}, (0,))
        assert float(found.tuned_rate[0]) == pytest.approx(0.1)
        assert float(found.at_an_end[0]) == expected


def test_a_record_depends_on_the_normalisers_of_all_its_arms() -> None:
    named = set(modules_of(PLAN))
    assert {norms.get(PARTS[part].norm).__module__ for part in TRIED} <= named
    assert {"bnbook.nets.residual", "bnbook.train.optimizers"} <= named
    assert len(PLAN.seeds) >= MIN_SEEDS


def test_every_part_descends_by_the_rule_of_its_border() -> None:
    """A part with a rule of its own would lose it here."""
    assert all(PARTS[part].rule == SGD() for part in TRIED)
    assert isinstance(at("base").net, MLP)
    assert at("base").net == dissection.NETWORKS["8 ReLU layers"]
