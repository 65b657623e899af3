"""Accuracy against batch size when Adam takes the steps."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import xarray as xr
from torch import Tensor
from torch.func import functional_call

from bnbook import data, norms
from bnbook.data import Dataset, Portion
from bnbook.experiments.dissection import halved, put_aside
from bnbook.factors import Factors, crossed, name_of
from bnbook.nets import MLP, Spec
from bnbook.nets.members import Tensors, over_members
from bnbook.study import Comparison, Experiment
from bnbook.train import Adam, Member, Optimizer
from bnbook.train.population import Population

NORMS = ("none", "batch", "layer")
SIZES = (2, 4, 8, 32, 128)
RATES = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03)


@dataclass(frozen=True)
class Race:
    """How every arm trains: until `examples` are seen, whatever the size of its batches.

    The rate of an arm is chosen from `rates` on `tuning` seeds, which do not judge, by examples
    put aside that neither train nor test any seed. Images are averaged over squares of 2 × 2.
    `specs` are the networks, one of each normaliser.
    """

    data: str
    examples: int
    rates: tuple[float, ...]
    tuning: tuple[int, ...]
    specs: tuple[Spec, ...]
    optimizer: Optimizer

    def network(self, norm: str) -> Spec:
        """The network with a normaliser."""
        return next(spec for spec in self.specs if spec.norm == norm)


def measure(race: Race, arm: Factors, seeds: tuple[int, ...], device: str = "cpu") -> xr.Dataset:
    """One normaliser at one batch size: tuning at every rate, then every seed at the best.

    accuracy    (seed,) on test examples at the end
    tuned_rate  (seed,) the rate, the same for all seeds
    at_an_end   (seed,) 1 where it is the lowest or the highest that was tried, else 0
    Accuracies are by running statistics, as the network would be used, and 0.1, that of chance,
    for one that has diverged.
    """
    kept, aside = halved(data.load(race.data)).to(device).apart()
    tried = accuracies(race, arm, race.tuning, race.rates, kept, aside)
    best = int(tried.mean(0).argmax())
    test = accuracies(race, arm, seeds, (race.rates[best],), kept)[:, 0]
    rate = torch.full((len(seeds),), race.rates[best])
    end = torch.full((len(seeds),), float(best in (0, len(race.rates) - 1)))
    return xr.Dataset(
        {
            "accuracy": (("seed",), test, {"units": "1", "long_name": "test accuracy"}),
            "tuned_rate": (("seed",), rate, {"units": "1", "long_name": "learning rate"}),
            "at_an_end": (("seed",), end, {"units": "1"}),
        }
    )


def accuracies(
    race: Race,
    arm: Factors,
    seeds: tuple[int, ...],
    rates: tuple[float, ...],
    kept: Dataset,
    aside: Dataset | None = None,
) -> Tensor:
    """Accuracy (seed, rate) at the end, on test examples or on those put aside."""
    members = [Member(name_of(arm), seed, rate) for seed in seeds for rate in rates]
    net = race.network(arm["norm"])
    population = Population(net, race.optimizer, arm["m"], members, kept)
    for _ in range(race.examples // arm["m"]):
        population.step()
    judges = put_aside(population, aside) if aside else population.data.test
    return in_use(population, judges).view(len(seeds), len(rates))


@torch.no_grad()
def in_use(population: Population, portion: Portion) -> Tensor:
    """Accuracy (member,) by running statistics; chance for the diverged."""
    net = population.net

    def predicted(params: Tensors, buffers: Tensors, x: Tensor) -> Tensor:
        return functional_call(net, (params, buffers), (x,))

    x, y = portion[slice(None)]
    with norms.using(net, "population"):
        logits = over_members(net, predicted, (0, 0, 0))(population.params, population.buffers, x)
    found = (logits.argmax(-1) == y).float().mean(1)
    lost = population.diverged_at.isfinite() | ~logits.isfinite().flatten(1).all(1)
    return found.masked_fill(lost, 1 / len(population.data.classes)).cpu()


def plan(scale: str) -> Comparison:
    """Two hidden layers, as in batch-sizes; at book scale one pass through a seed's digits."""
    data, examples, rates, tuning, widths, seeds = {
        "smoke": ("mnist-5k", 128, (0.001, 0.01), (100,), (64, 64), 2),
        "book": ("mnist-5k", 3_200, RATES[1:], (100, 101), (64, 64), 8),
        "paper": ("mnist", 48_000, RATES, (100, 101, 102), (100, 100, 100), 20),
    }[scale]
    specs = tuple(MLP(widths, "relu", norm) for norm in NORMS)
    race = Race(data, examples, rates, tuning, specs, Adam())
    arms = crossed(norm=NORMS, m=(2, 32) if scale == "smoke" else SIZES)
    return Comparison(arms, tuple(range(seeds)), measure, race, race.data)


EXPERIMENT = Experiment(
    name="batch-sizes-adam",
    question="Do small batches harm batch normalization under Adam, too?",
    plan=plan,
)
