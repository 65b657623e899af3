"""The dissection of convolutions: arms that differ in their part alone, trained as torch would."""

from __future__ import annotations

from collections.abc import Iterator

import jaxtyping
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bnbook import data
from bnbook.experiments import convolutional_dissection as convolutions
from bnbook.experiments.borders import CONVOLUTIONAL
from bnbook.experiments.convolutional_dissection import CONVOLUTIONS, NETWORK, measure, network
from bnbook.experiments.dissection import PARTS, Study, halved
from bnbook.nets import WithReference
from bnbook.stats import MIN_SEEDS
from bnbook.study.runner import modules_of
from bnbook.train import SGD, Member
from bnbook.train.population import Population

PLAN = convolutions.plan("book")


@pytest.fixture(autouse=True)
def unchecked() -> Iterator[None]:
    """Without the check of shapes: `Portion.of_member` has two sizes in between, for a moment."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


@pytest.mark.parametrize(
    "part", [name for name in PARTS if name not in ("no noise", "weight norm")]
)
def test_every_arm_begins_with_the_weights_of_the_plain_one(part: str) -> None:
    one, plain = (network({"part": name}).build((1, 14, 14), 10, seed=3) for name in (part, "none"))
    assert one.weight_names() == plain.weight_names()
    for name in one.weight_names():
        torch.testing.assert_close(one.get_parameter(name), plain.get_parameter(name))


def test_the_arm_without_noise_has_those_weights_behind_its_reference() -> None:
    spec = network({"part": "no noise"})
    assert isinstance(spec, WithReference)
    plain = CONVOLUTIONS.build((1, 14, 14), 10, seed=3)
    inner = spec.build((1, 14, 14), 10, seed=3)
    mine = dict(inner.named_parameters())
    for name in plain.weight_names():
        (same,) = (p for other, p in mine.items() if other.endswith(name))
        torch.testing.assert_close(same, plain.get_parameter(name))


def test_normalised_weights_are_as_long_as_those_of_he() -> None:
    """He's filters have the expected squared length 2; here every one has it exactly."""
    net = network({"part": "weight norm"}).build((1, 14, 14), 10, seed=3)
    image = torch.zeros(1, 1, 14, 14)
    image[0, 0, 7, 7] = 1.0  # the response to an impulse is the filter, turned
    with torch.no_grad():
        trace = net(image, trace=True)
        flat = net(torch.zeros_like(image), trace=True)
    response = (trace.linear[0] - flat.linear[0])[0].flatten(1)
    torch.testing.assert_close(response.norm(dim=1), torch.full((8,), 2**0.5))


def test_plain_convolutions_train_as_torchs_own_do() -> None:
    """One network, one rate, written out with `torch.nn` and `torch.optim`."""
    study = Study("mnist-5k", (1, 6), (0.05,), (100,), judges=200)
    found = measure(study, {"network": NETWORK, "part": "none"}, (0,))

    kept, _ = halved(data.load(study.data)).apart()
    clock = Population(CONVOLUTIONS, SGD(), 32, [Member("none", 0, 0.0)], kept)
    same = CONVOLUTIONS.build((1, 14, 14), 10, seed=0)
    parts: list[nn.Module] = []
    for below, above, ends in (
        (1, 8, 0),
        (8, 8, 1),
        (8, 16, 0),
        (16, 16, 1),
        (16, 32, 0),
        (32, 32, 1),
    ):
        parts += [nn.Conv2d(below, above, 3, padding=1), nn.ReLU()]
        parts += [nn.MaxPool2d(2)] if ends else []
    net = nn.Sequential(*parts, nn.Flatten(), nn.Linear(32, 10))
    mine = [each for each in net if isinstance(each, nn.Conv2d | nn.Linear)]
    for layer, name in zip(mine, same.weight_names(), strict=True):
        layer.weight.data.copy_(same.get_parameter(name))
        assert layer.bias is not None
        layer.bias.data.zero_()
    optimizer = torch.optim.SGD(net.parameters(), 0.05)
    for _ in range(6):
        x, y = clock.next_batch()
        clock.step()  # with rate 0: it only goes on to the next batch
        optimizer.zero_grad()
        F.cross_entropy(net(x[0]), y[0]).backward()
        optimizer.step()
    x, y = clock.data.test[slice(200)]
    right = float((net(x[0]).argmax(1) == y[0]).float().mean())
    assert right == pytest.approx(float(found.accuracy[0, -1]), abs=0.011)


def test_the_own_rate_is_one_of_the_grid_and_the_seeds_of_tuning_choose_it() -> None:
    study = Study("mnist-5k", (2, 8), (0.0001, 0.1, 1e20), (100,), judges=100)
    one, two = (measure(study, {"network": NETWORK, "part": "batch"}, s) for s in ((0,), (0, 1)))
    assert two.tuned_rate.values.tolist() == [0.1, 0.1]
    assert one.tuned_rate.values.tolist() == [0.1]
    assert two.sizes == {"seed": 2, "step": 2, "rate": 3}
    np.testing.assert_array_equal(two.accuracy[:, -1], two.by_rate.sel(rate=0.1))
    np.testing.assert_allclose(one.accuracy[0], two.accuracy[0], atol=0.021)
    assert (two.by_rate.sel(rate=1e20) == np.float32(0.1)).all(), "who diverged guesses"


def test_the_study_has_all_parts_and_the_network_of_the_borders() -> None:
    assert [arm["part"] for arm in PLAN.factors] == list(PARTS)
    assert CONVOLUTIONAL[0].net == CONVOLUTIONS
    assert len(PLAN.seeds) >= MIN_SEEDS
    for scale in convolutions.EXPERIMENT.scales:
        plan = convolutions.plan(scale)
        assert not set(plan.settings.tuning) & set(plan.seeds)
        assert {arm["part"] for arm in plan.factors} <= set(PARTS)
    assert {"bnbook.nets.vgg", "bnbook.norms.weight_norm"} <= set(modules_of(PLAN))
