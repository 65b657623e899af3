"""Dropout: its rate, its scale, and that stacked networks draw what each would draw alone."""

from __future__ import annotations

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bnbook import norms
from bnbook.data import Dataset, Split
from bnbook.folding import fold
from bnbook.nets import MLP, Dropout, NetError
from bnbook.train import SGD, Batches, Member, Population

MANY = 1_000_000


def dropout(rate: float, seed: int = 3) -> Dropout:
    layer = Dropout(rate)
    layer.seed_noise(torch.Generator().manual_seed(seed))
    return layer


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_values_are_zero_at_the_rate_and_scaled_by_what_is_kept(rate: float) -> None:
    found = dropout(rate)(torch.full((MANY, 1), 3.0))
    zero = (found == 0).double().mean().item()
    assert zero == pytest.approx(rate, abs=4 * math.sqrt(rate * (1 - rate) / MANY))
    torch.testing.assert_close(
        found[found != 0], torch.full_like(found[found != 0], 3 / (1 - rate))
    )


@pytest.mark.parametrize("rate", [0.2, 0.5])
def test_the_mean_is_kept_and_the_variance_is_p_over_keep(rate: float) -> None:
    found = dropout(rate)(torch.ones(MANY, 1, dtype=torch.float64))
    deviation = math.sqrt(rate / (1 - rate))
    assert found.mean().item() == pytest.approx(1, abs=4 * deviation / math.sqrt(MANY))
    assert found.var().item() == pytest.approx(rate / (1 - rate), rel=0.01)


def test_masks_differ_between_passes_examples_and_units() -> None:
    layer, h = dropout(0.5), torch.ones(400, 400)
    first, second = layer(h) > 0, layer(h) > 0
    for one, other in ((first, second), (first[1:], first[:-1]), (first[:, 1:], first[:, :-1])):
        assert (one == other).double().mean().item() == pytest.approx(0.5, abs=0.006)


def test_in_use_and_while_statistics_are_collected_nothing_is_dropped() -> None:
    h, layer = torch.randn(8, 5), dropout(0.5)
    assert torch.equal(layer.eval()(h), h)
    with norms.using(layer.train(), "collect"):
        assert torch.equal(layer(h), h)
    assert layer.draws == 0


def test_a_look_shows_the_coming_mask_and_moves_nothing_on() -> None:
    layer, h = dropout(0.5), torch.ones(50, 20)
    with norms.using(layer, "batch"):
        looked = layer(h)
        assert torch.equal(layer(h), looked)
    assert torch.equal(layer(h), looked)
    assert not torch.equal(layer(h), looked)


def test_dropout_stands_behind_every_hidden_layer_or_the_last_alone() -> None:
    x = torch.randn(64, 6)
    for place, expected in (("hidden", [True, True, True]), ("last", [False, False, True])):
        net = MLP((40, 40, 40), "sigmoid", dropout=0.5, dropout_at=place).build((6,), 3, 0)
        assert [bool((h == 0).any()) for h in net(x, trace=True).outputs] == expected


def test_dropout_changes_neither_weights_nor_the_noise_of_a_normaliser() -> None:
    spec = MLP((7, 5), "tanh", "noisy-batch")
    without = spec.build((6,), 3, 4).state_dict()
    with_it = MLP((7, 5), "tanh", "noisy-batch", dropout=0.3).build((6,), 3, 4).state_dict()
    for name, value in without.items():
        assert torch.equal(with_it[name], value)


def test_rate_zero_is_the_network_without_dropout() -> None:
    net, x = MLP((7,), dropout=0.0).build((6,), 3, 4), torch.randn(9, 6)
    assert torch.equal(net(x), MLP((7,)).build((6,), 3, 4)(x))


def toy_data() -> Dataset:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(90, 6, generator=generator), torch.arange(90) % 3
    return Dataset("toy", Split(x[:64], y[:64]), Split(x[64:], y[64:]), tuple("abc"), "0" * 16)


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_a_stacked_run_with_dropout_equals_each_member_alone(norm: str) -> None:
    data, spec = toy_data(), MLP((8, 6), "tanh", norm, dropout=0.4)
    members = (Member("slow", 3, 0.05), Member("fast", 3, 0.2), Member("slow", 7, 0.05))
    population = Population(spec, SGD(), 16, members, data, dtype=torch.float64)
    for _ in range(10):
        population.step()
    for i, member in enumerate(members):
        net = spec.build((6,), 3, member.seed).double()
        assert isinstance(member.learning_rate, float)
        rule = torch.optim.SGD(net.parameters(), member.learning_rate)
        batches = Batches(data.train.y, 16, [member.seed])
        for step in range(10):
            rows = batches[step][0]
            rule.zero_grad()
            F.cross_entropy(net(data.train.x[rows].double()), data.train.y[rows]).backward()
            rule.step()
        for name, expected in net.state_dict().items():
            stacked = (population.params | population.buffers)[name][i]
            torch.testing.assert_close(stacked, expected, rtol=1e-7, atol=1e-9)


def test_a_probe_differentiates_the_mask_that_the_coming_step_uses() -> None:
    spec, members = MLP((8, 6), "tanh", "batch", dropout=0.4), (Member("a", 0, 0.1),)
    population = Population(spec, SGD(), 16, members, toy_data(), dtype=torch.float64)
    population.step()
    expected: dict[str, Tensor] = population.snapshot().next_params
    population.step()
    for name, value in expected.items():
        torch.testing.assert_close(population.params[name], value)


def test_folding_goes_across_dropout() -> None:
    net = MLP((8, 6), "relu", "batch", order="after", dropout=0.4).build((6,), 3, 0).double()
    x = torch.randn(16, 6, dtype=torch.float64)
    for _ in range(5):
        net(x)
    expected = copy.deepcopy(net.eval())(x)
    torch.testing.assert_close(fold(net)(x), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("rate", [-0.1, 1.0, 1.5, math.nan])
def test_a_rate_at_which_nothing_can_be_dropped_or_nothing_is_left_is_refused(rate: float) -> None:
    with pytest.raises(NetError, match="at least 0 and below 1"):
        MLP((5,), dropout=rate)
    with pytest.raises(NetError, match="at least 0 and below 1"):
        Dropout(rate)


def test_an_unknown_place_of_dropout_names_the_known_ones() -> None:
    with pytest.raises(NetError, match="hidden"):
        MLP((5,), dropout=0.5, dropout_at="hiden")
