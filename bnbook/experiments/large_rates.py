"""At one training loss, does a larger rate leave a lower test loss, and is its noise the cause?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
import xarray as xr
from torch import Tensor

from bnbook import data, norms
from bnbook.data import Dataset
from bnbook.experiments.dissection import halved
from bnbook.experiments.successors import train_on
from bnbook.factors import Factors, name_of
from bnbook.nets import MLP, Network
from bnbook.study import Comparison, Experiment
from bnbook.train import SGD, Member, Population

NORMS = ("none", "batch")
LOW, HIGH = 0.02, 0.3
SMALL, LARGE = 32, 480
"""As the rates, 15 apart: the low rate on small batches and the high one on large have one η/m."""

SETTINGS = ((LOW, SMALL), (HIGH, SMALL), (HIGH, LARGE))
ARMS: tuple[Factors, ...] = tuple(
    {"norm": norm, "rate": rate, "m": m} for norm in NORMS for rate, m in SETTINGS
)


@dataclass(frozen=True)
class Few:
    """Two hidden layers that see `examples` pictures of 14 × 14 over and over, by plain SGD.

    `looks` are in units of rate times steps, so that all arms go as far along the gradient. BN
    takes its statistics of 32 examples in every arm: of a large batch, each 32 by themselves.
    """

    data: str
    looks: tuple[float, ...]
    examples: int = LARGE
    widths: tuple[int, ...] = (48, 48)
    specs: tuple[MLP, ...] = ()


def network(settings: Few, norm: str) -> MLP:
    """The network of an arm."""
    if norm == "batch":
        return MLP(settings.widths, "relu", "ghost", (("ghost_size", SMALL),))
    return MLP(settings.widths, "relu", norm)


def measure(settings: Few, arm: Factors, seeds: tuple[int, ...], device: str) -> xr.Dataset:
    """One arm: the mean cross-entropy of training and of test examples, (look, seed).

    Both are of the network as it would be used, by the statistics of all its training examples.
    """
    digits = halved(data.load(settings.data)).to(device)
    members = [Member(name_of(arm), seed, arm["rate"]) for seed in seeds]
    population = Population(network(settings, arm["norm"]), SGD(), arm["m"], members, digits)
    train_on(population, settings.examples, arm["m"])
    wholes, seen = [digits.split(seed) for seed in seeds], []
    for look in settings.looks:
        while population.steps_taken < round(look / arm["rate"]):
            population.step()
        nets = [population.network(i) for i in range(len(seeds))]
        seen.append([_looked(*each, settings.examples) for each in zip(nets, wholes, strict=True)])
    train, test = torch.tensor(seen).double().unbind(-1)
    dims = ("path", "seed")
    return xr.Dataset(
        {
            "train_loss": (dims, train, {"units": "nat", "long_name": "training loss"}),
            "test_loss": (dims, test, {"units": "nat", "long_name": "test loss"}),
        },
        {"path": ("path", list(settings.looks), {"long_name": "rate times steps"})},
    )


@torch.no_grad()
def _looked(net: Network, whole: Dataset, examples: int) -> tuple[Tensor, Tensor]:
    """Losses on the examples that train and on those that test."""
    x, y = whole.train.x[:examples], whole.train.y[:examples]
    if any(m.keeps_statistics for m in net.modules() if isinstance(m, norms.Norm)):
        norms.precise_statistics(net, [x])
    with norms.using(net, "population"):
        return F.cross_entropy(net(x), y), F.cross_entropy(net(whole.test.x), whole.test.y)


def plan(scale: str) -> Comparison:
    """The same arms at every scale; more examples, steps and seeds at larger scales."""
    settings, seeds = {
        "smoke": (Few("mnist-5k", (0.3, 0.6)), 2),
        "book": (Few("mnist-5k", spaced(120.0, 24)), 8),
        "paper": (Few("mnist", spaced(1000.0, 40), 4_800, (300, 300)), 20),
    }[scale]
    settings = replace(settings, specs=tuple(network(settings, norm) for norm in NORMS))
    return Comparison(ARMS, tuple(range(seeds)), measure, settings, settings.data)


def spaced(last: float, looks: int) -> tuple[float, ...]:
    """Looks from the first step at the high rate to `last`, evenly spaced in the logarithm."""
    return tuple(round(HIGH * (last / HIGH) ** (i / (looks - 1)), 3) for i in range(looks))


EXPERIMENT = Experiment(
    name="large-rates",
    question="Does a larger rate leave a lower test loss at one training loss, and by its noise?",
    plan=plan,
)
