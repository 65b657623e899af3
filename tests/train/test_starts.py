"""A start is what it says on the examples it used, and nothing afterwards."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bnbook import norms
from bnbook.data import Dataset, Split
from bnbook.nets import MLP, VGG, NetError, Network, ResNet, Spec, WithReference
from bnbook.norms.running import RunningNorm
from bnbook.train import (
    SGD,
    FrozenStatistics,
    Member,
    PlanError,
    Population,
    Standardised,
    TakeReference,
)
from bnbook.train.starts import chosen

MEMBERS = (Member("slow", 3, 0.05), Member("fast", 3, 0.2), Member("slow", 7, 0.05))
NETS: dict[str, Spec] = {
    "mlp": MLP((8, 6), "tanh"),
    "vgg": VGG(((4, 1), (6, 2)), activation="tanh"),
    "resnet": ResNet(8, scale=0.25, shortcut="project"),
}


def data(count: int = 64) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    x, y = 1 + torch.randn(90, 2, 6, 6, generator=generator), torch.arange(90) % 3
    return Dataset("toy", Split(x[:count], y[:count]), Split(x[64:], y[64:]), ("a", "b", "c"), "0")


def with_norm(spec: Any, norm: str) -> Spec:
    return type(spec)(**{**vars(spec), "norm": norm})


def built(spec: Spec, seed: int = 3) -> Network:
    return spec.build((2, 6, 6), 3, seed).double()


@pytest.mark.parametrize("name", NETS)
def test_a_standardised_network_computes_what_bn_computes_on_those_examples(name: str) -> None:
    plain, normalised = built(NETS[name]), built(with_norm(NETS[name], "batch"))
    Standardised(50)(plain, data().train, seed=5)
    for module in normalised.modules():
        if isinstance(module, RunningNorm):
            module.eps = 1e-30
    x = chosen(data().train, 50, 5).double()
    torch.testing.assert_close(plain(x), normalised(x), rtol=1e-9, atol=1e-9)


def test_a_network_that_has_a_normaliser_cannot_be_standardised() -> None:
    with pytest.raises(PlanError, match="it must be 'none'"):
        Standardised(50)(built(MLP((8,), norm="batch")), data().train, 0)


@pytest.mark.parametrize("name", ["mlp", "vgg"])
def test_frozen_statistics_are_those_of_bn_on_those_examples(name: str) -> None:
    frozen, normalised = (built(with_norm(NETS[name], norm)) for norm in ("frozen", "batch"))
    FrozenStatistics(50)(frozen, data().train, seed=5)
    x = chosen(data().train, 50, 5).double()
    torch.testing.assert_close(frozen(x), normalised(x), rtol=1e-9, atol=1e-9)
    before = {key: b.clone() for key, b in frozen.named_buffers()}
    frozen(1 + x)
    assert all(torch.equal(b, before[key]) for key, b in frozen.named_buffers())


@pytest.mark.parametrize("name", NETS)
def test_with_a_reference_examples_are_normalised_by_its_moments(name: str) -> None:
    spec = WithReference(with_norm(NETS[name], "reference"), 50)
    net, twin = built(spec), built(with_norm(NETS[name], "batch"))
    TakeReference()(net, data().train, seed=5)
    x, reference = torch.randn(4, 2, 6, 6).double(), chosen(data().train, 50, 5).double()
    norms.precise_statistics(twin, [reference])
    expected = twin.eval()(x)
    torch.testing.assert_close(net(x), expected, rtol=1e-9, atol=1e-9)
    trace = net(x, trace=True)
    torch.testing.assert_close(trace.logits, expected, rtol=1e-9, atol=1e-9)
    assert {len(h) for h in (*trace.linear, *trace.inputs, *trace.outputs)} == {4}


def test_in_use_the_reference_stays_at_home() -> None:
    net = built(WithReference(MLP((8, 6), norm="reference"), 50))
    TakeReference()(net, data().train, seed=5)
    for _ in range(200):
        net(torch.randn(4, 2, 6, 6).double())
    x = torch.randn(4, 2, 6, 6).double()
    in_training = net(x)
    net.reference.fill_(torch.nan)
    used = net.eval()(x)
    assert used.isfinite().all()
    # The running variance is the unbiased one: 50/49 of the one trained with.
    torch.testing.assert_close(used, in_training, rtol=0.05, atol=0.05)


def test_what_fits_no_reference_is_refused() -> None:
    with pytest.raises(NetError, match="only 'reference' looks"):
        WithReference(MLP((8,), norm="batch"), 50)
    with pytest.raises(NetError, match="two reference examples or more"):
        WithReference(MLP((8,), norm="reference"), 1)
    with pytest.raises(PlanError, match="MultilayerPerceptron takes no reference"):
        TakeReference()(built(MLP((8,))), data().train, 0)
    with pytest.raises(PlanError, match="the training set holds 64"):
        Standardised(65)(built(MLP((8,))), data().train, 0)


STARTED: dict[str, tuple[Spec, Any]] = {
    "standardised": (MLP((8, 6), "tanh"), Standardised(50)),
    "frozen": (MLP((8, 6), "tanh", "frozen"), FrozenStatistics(50)),
    "reference": (WithReference(MLP((8, 6), "tanh", "reference"), 50), TakeReference()),
}


@pytest.mark.parametrize("how", STARTED)
def test_a_population_starts_and_trains_as_each_network_would_alone(how: str) -> None:
    spec, start = STARTED[how]
    population = Population(spec, SGD(), 16, MEMBERS, data(), start=start, dtype=torch.float64)
    first = [population.network(i) for i in range(3)]
    batches = []
    for _ in range(4):
        batches.append(population.next_batch())
        population.step()
    for i, member in enumerate(MEMBERS):
        net = built(spec, member.seed)
        start(net, data().train, member.seed)
        same(net.state_dict(), first[i].state_dict())
        for x, y in batches:
            net.zero_grad()
            F.cross_entropy(net(x[i]), y[i]).backward()
            with torch.no_grad():
                for p in net.parameters():
                    assert p.grad is not None
                    p.sub_(member.learning_rate * p.grad)
        same(net.state_dict(), population.network(i).state_dict())


def same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-9, atol=1e-9)
