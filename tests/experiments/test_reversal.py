"""The reversal's running averages are BN's own, and its arms differ in what they name."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bnbook import data, experiments
from bnbook.experiments.reversal import FACTORS, Reversal, _first, _population, follow
from bnbook.factors import names_of
from bnbook.nets import MLP
from bnbook.train import SGD, Member, Population

SETTINGS = Reversal(learning_rates=(0.5,))


@pytest.mark.parametrize("momentum", [0.1, 0.01])
def test_an_average_of_the_last_batchs_statistics_is_what_bn_with_that_momentum_keeps(
    momentum: float,
) -> None:
    digits = _first("mnist-5k", 300, 0)
    ours = _population(SETTINGS, digits, 3, "sigmoid", (1.0,))
    average = {name: buffer.clone() for name, buffer in ours.buffers.items()}
    spec = MLP((100, 100, 100), "sigmoid", "batch", norm_options=(("momentum", momentum),))
    theirs = Population(spec, SGD(), 60, [Member("batch", 3, 0.5)], digits)
    for _ in range(6):
        ours.step()
        follow(average, ours.buffers, momentum)
        theirs.step()
    for name, kept in theirs.buffers.items():
        if "running" in name:
            torch.testing.assert_close(average[name], kept, rtol=1e-4, atol=1e-6)


def test_arms_of_a_seed_start_from_the_same_weights_and_differ_in_gamma() -> None:
    digits = _first("mnist-5k", 300, 0)
    plain = _population(SETTINGS, digits, 1, "sigmoid", (0.0,))
    normed = _population(SETTINGS, digits, 1, "sigmoid", (1.0, 2.0))
    for name in plain.net.weight_names():
        for member in range(2):
            assert torch.equal(plain.params[name][0], normed.params[name][member])
    gains = normed.params["layers.1.norm.weight"]
    assert gains.unique(dim=1).flatten().tolist() == [1.0, 2.0]


def test_a_smaller_training_set_is_the_beginning_of_the_whole_one_with_the_same_test() -> None:
    part, whole = _first("mnist-5k", 1_000, 4), data.load("mnist-5k").split(4)
    assert len(part.train) == 1_000
    assert torch.equal(part.train.x, whole.train.x[:1_000])
    assert torch.equal(part.test.x, whole.test.x)


def test_without_bn_statistics_do_not_matter_and_there_is_no_gain_to_move() -> None:
    record = experiments.run("reversal", "smoke", progress=False)
    assert record.arm.values.tolist() == list(names_of(FACTORS))
    plain = record.sel(arm="none")
    by_averages = plain.accuracy.sel(statistics=["average 0.1", "average 0.001"])
    np.testing.assert_array_equal(
        by_averages.isel(statistics=0), plain.accuracy.sel(statistics="precise")
    )
    np.testing.assert_array_equal(by_averages.isel(statistics=0), by_averages.isel(statistics=1))
    assert bool((plain.gain == 1).all())


def test_a_wider_gain_leaves_less_of_the_sigmoid_straight() -> None:
    record = experiments.run("reversal", "smoke", progress=False)
    start = record.linearity.isel(step=0).mean(["seed", "layer", "learning_rate", "size"])
    assert float(start.sel(arm="batch, γ₀ = 2")) < float(start.sel(arm="batch")) < 1
    straight = record.linearity.sel(arm="batch, straight")
    np.testing.assert_allclose(straight, 1, atol=1e-6)
