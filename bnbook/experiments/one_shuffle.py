"""One order of the data for all epochs, or another each time."""

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
from bnbook.factors import Factors, crossed, name_of
from bnbook.nets import MLP, Network, Spec
from bnbook.study import Comparison, Experiment
from bnbook.train import SGD, Batches, Member, Sampler, Shuffled
from bnbook.train.population import Population


@dataclass(frozen=True)
class OneShuffle:
    """The examples as they are dealt, in random order, the same in every epoch."""

    def __call__(self, labels: Tensor, batch_size: int, generator: torch.Generator) -> Tensor:
        return torch.arange(len(labels) // batch_size * batch_size)


ORDERS: dict[str, Sampler] = {"one shuffle": OneShuffle(), "reshuffled": Shuffled()}
ACTIVATIONS = ("identity", "relu")


@dataclass(frozen=True)
class Epochs:
    """Networks of three hidden layers that see `examples` pictures over and over.

    `looks` are in epochs. The loss is that of all training examples at the weights of the moment,
    by their own statistics: what one would minimise with the whole set as a batch. `specs` are
    those of all arms.
    """

    data: str
    looks: tuple[int, ...]
    examples: int = 512
    widths: tuple[int, ...] = (48, 48, 48)
    batch_size: int = 16
    learning_rate: float = 0.03  # linear units without BN diverge at 0.1, and some at 0.05
    specs: tuple[Spec, ...] = ()


def network(settings: Epochs, arm: Factors) -> MLP:
    """The network of an arm."""
    return MLP(settings.widths, arm["activation"], arm["norm"])


def measure(settings: Epochs, arm: Factors, seeds: tuple[int, ...], device: str) -> xr.Dataset:
    """One arm: the loss on all training examples and the test accuracy, (seed, epoch)."""
    digits = halved(data.load(settings.data)).to(device)
    members = [Member(name_of(arm), seed, settings.learning_rate) for seed in seeds]
    population = Population(network(settings, arm), SGD(), settings.batch_size, members, digits)
    train_on(population, settings.examples, settings.batch_size)
    wholes = [digits.split(seed) for seed in seeds]
    labels = population.data.train.labels
    population.batches = Batches(labels, settings.batch_size, seeds, ORDERS[arm["order"]])
    seen = []
    for look in settings.looks:
        while population.steps_taken < look * population.batches.per_epoch:
            population.step()
        seen.append(
            [_looked(population.network(i), whole, settings) for i, whole in enumerate(wholes)]
        )
    loss, accuracy = torch.tensor(seen).unbind(-1)
    return xr.Dataset(
        {
            "loss": (("epoch", "seed"), loss, {"units": "nat", "long_name": "training loss"}),
            "accuracy": (("epoch", "seed"), accuracy, {"units": "1"}),
        },
        {"epoch": ("epoch", list(settings.looks), {"long_name": "epochs"})},
    )


@torch.no_grad()
def _looked(net: Network, whole: Dataset, settings: Epochs) -> tuple[float, float]:
    """Loss of a network on its training examples as one batch, and its accuracy in use."""
    x, y = whole.train.x[: settings.examples], whole.train.y[: settings.examples]
    if any(m.keeps_statistics for m in net.modules() if isinstance(m, norms.Norm)):
        norms.precise_statistics(net, [x])
    with norms.using(net, "population"):
        loss = F.cross_entropy(net(x), y)
        right = (net(whole.test.x).argmax(-1) == whole.test.y).float().mean()
    return float(loss), float(right)


def plan(scale: str) -> Comparison:
    """Linear networks and networks of ReLUs, with batch normalization and without."""
    settings, seeds = {
        "smoke": (Epochs("mnist-5k", (1, 2), examples=64), 2),
        "book": (Epochs("mnist-5k", (1, 3, 10, 30)), 8),
        "paper": (Epochs("mnist", (1, 3, 10, 30, 100), examples=10_000), 20),
    }[scale]
    arms = crossed(activation=ACTIVATIONS, norm=("batch", "none"), order=tuple(ORDERS))
    settings = replace(settings, specs=tuple(network(settings, arm) for arm in arms))
    return Comparison(arms, tuple(range(seeds)), measure, settings, settings.data)


EXPERIMENT = Experiment(
    name="one-shuffle",
    question="Does it matter with batch normalization whether data are shuffled once or always?",
    plan=plan,
)
