"""Networks that are trained apart and averaged: clients with all classes, or with two each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
import xarray as xr
from torch import Tensor

from bnbook import data, norms
from bnbook.data import Dataset, Split
from bnbook.experiments.dissection import halved
from bnbook.factors import Factors, crossed, name_of
from bnbook.nets import MLP, Network, Spec
from bnbook.study import Comparison, Experiment
from bnbook.train import SGD, Member
from bnbook.train.population import Population

CLIENTS = 5
NORMS = ("batch", "group", "none")
DEALS = ("alike", "two classes")


@dataclass(frozen=True)
class Federation:
    """Clients that start from one network, train apart, and are averaged; then again.

    Each of `CLIENTS` takes `local_steps` by itself, then all parameters and running statistics
    become their mean over the clients, in every one of `looks[-1]` rounds. `specs` are the
    networks of all arms. Source: mcmahan2017communication.
    """

    data: str
    looks: tuple[int, ...]
    local_steps: int = 10
    widths: tuple[int, ...] = (64, 64)
    batch_size: int = 32
    learning_rate: float = 0.1
    specs: tuple[Spec, ...] = ()


def measure(settings: Federation, arm: Factors, seeds: tuple[int, ...], device: str) -> xr.Dataset:
    """One arm: test accuracy of the averaged network, (seed, round).

    accuracy   by the averaged running statistics
    precise    by statistics of 500 training examples of all clients, at the averaged weights
    apart      of the clients before they are averaged, by their own statistics, on average
    """
    digits = halved(data.load(settings.data)).to(device)
    wholes = {seed: digits.split(seed) for seed in seeds}
    deals = {
        _id(seed, client): client_data(wholes[seed], client, arm["deal"])
        for seed in seeds
        for client in range(CLIENTS)
    }
    members = [Member(name_of(arm), each, settings.learning_rate) for each in deals]
    spec = MLP(settings.widths, norm=arm["norm"])
    population = Population(spec, SGD(), settings.batch_size, members, deals)
    shape, classes = digits.input_shape, len(digits.classes)
    start_as(population, [spec.build(shape, classes, seed).to(device) for seed in seeds], CLIENTS)
    seen: dict[str, list[list[float]]] = {"accuracy": [], "precise": [], "apart": []}
    for look in settings.looks:
        while population.steps_taken < look * settings.local_steps:
            if population.steps_taken % settings.local_steps == 0:
                average(population, CLIENTS)
            population.step()
        alone = [_right(population.network(i), wholes[seed].test) for i, seed in _each(seeds)]
        seen["apart"].append(torch.tensor(alone).view(len(seeds), CLIENTS).mean(1).tolist())
        average(population, CLIENTS)
        both = [_looked(population, i, wholes[seed]) for i, seed in enumerate(seeds)]
        for name, values in zip(("accuracy", "precise"), zip(*both, strict=True), strict=True):
            seen[name].append(list(values))
    return xr.Dataset(
        {name: (("round", "seed"), values, {"units": "1"}) for name, values in seen.items()},
        {"round": ("round", list(settings.looks), {"long_name": "rounds"})},
    )


def _id(seed: int, client: int) -> int:
    """The seed of a client: the order of its data, and nothing else, hangs on it."""
    return 1_000 * (seed + 1) + client


def _each(seeds: tuple[int, ...]) -> list[tuple[int, int]]:
    """Places of the members, with the seed of each."""
    return [
        (i * CLIENTS + client, seed) for i, seed in enumerate(seeds) for client in range(CLIENTS)
    ]


def client_data(whole: Dataset, client: int, deal: str) -> Dataset:
    """What one client trains on: a fifth of the examples, or all those of a fifth of the classes.

    Every client has as many as the smallest, and the same test examples.
    """
    y = whole.train.y
    per_client = len(whole.classes) // CLIENTS
    if deal == "alike":
        rows = torch.arange(len(y))[client::CLIENTS]
    else:
        rows = (y // per_client == client).nonzero().flatten()
    size = min(int((y // per_client == each).sum()) for each in range(CLIENTS))
    rows = rows[: min(size, len(y) // CLIENTS)]
    return replace(whole, train=Split(whole.train.x[rows], y[rows]))


def start_as(population: Population, nets: list[Any], copies: int) -> None:
    """Give `copies` members in a row the parameters and buffers of each of `nets`.

    What a member has and `nets` lack, such as a bias that BN makes redundant, stays at its start.
    """
    states = [net.state_dict() for net in nets]
    for tensors in (population.params, population.buffers):
        for name, stacked in tensors.items():
            if name in states[0]:
                each = torch.stack([state[name] for state in states])
                stacked.copy_(each.repeat_interleave(copies, dim=0))


def average(population: Population, copies: int) -> None:
    """Replace every `copies` members in a row by their mean, running statistics included."""
    for tensors in (population.params, population.buffers):
        for stacked in tensors.values():
            if stacked.is_floating_point():
                stacked.copy_(mean_of(stacked, copies))


def mean_of(stacked: Tensor, copies: int) -> Tensor:
    """The mean over every `copies` entries (member, …) in a row, in the place of each."""
    mean = stacked.unflatten(0, (-1, copies)).mean(1, keepdim=True)
    return mean.expand(-1, copies, *stacked.shape[1:]).flatten(0, 1)


def _looked(population: Population, place: int, whole: Dataset) -> tuple[float, float]:
    """Accuracy of an averaged network by its averaged statistics, and by precise ones."""
    net = population.network(place * CLIENTS)
    averaged = _right(net, whole.test)
    if not any(m.keeps_statistics for m in net.modules() if isinstance(m, norms.Norm)):
        return averaged, averaged
    norms.precise_statistics(net, [whole.train.x[:500]])
    return averaged, _right(net, whole.test)


@torch.no_grad()
def _right(net: Network, test: Split) -> float:
    with norms.using(net, "population"):
        return float((net(test.x).argmax(-1) == test.y).float().mean())


def plan(scale: str) -> Comparison:
    """Three normalisers; clients with all classes, and with two each."""
    settings, seeds = {
        "smoke": (Federation("mnist-5k", (1, 2), 3), 2),
        "book": (Federation("mnist-5k", (1, 2, 5, 10, 20)), 8),
        "paper": (Federation("mnist", (1, 2, 5, 10, 20, 50, 100), 50, (100,) * 3), 20),
    }[scale]
    arms = crossed(norm=NORMS, deal=DEALS)
    settings = replace(settings, specs=tuple(MLP(settings.widths, norm=n) for n in NORMS))
    return Comparison(arms, tuple(range(seeds)), measure, settings, settings.data)


EXPERIMENT = Experiment(
    name="averaged-clients",
    question="What becomes of batch normalization where networks are averaged?",
    plan=plan,
)
