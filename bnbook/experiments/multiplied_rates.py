"""A convolutional network with BN at 1, 5 and 30 times the best learning rate of the plain one."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import xarray as xr
from torch import Tensor

from bnbook import data
from bnbook.data import Dataset
from bnbook.experiments.dissection import put_aside, right
from bnbook.experiments.shaken import LAB
from bnbook.factors import Factors, crossed
from bnbook.nets import VGG, Spec
from bnbook.study import NATURAL, SCALES, Comparison, Experiment
from bnbook.train import SGD, Member, log_spaced
from bnbook.train.population import Population

PLAIN, MULTIPLES = "none", (1, 5, 30)
"""The multiples are those of the source's table; the plain network stays at its own rate."""

SETTINGS = (PLAIN, *(f"batch, × {times}" for times in MULTIPLES))
ACTIVATIONS = ("relu", "sigmoid")


@dataclass(frozen=True)
class Race:
    """How every network trains, and on how many `judges` its accuracy is told.

    The plain network's best of `rates` is that with the highest accuracy, averaged over `looks`,
    on examples put aside that neither train nor test, over `tuning` seeds that do not judge.
    """

    data: str
    stages: tuple[tuple[int, int], ...]
    looks: tuple[int, ...]
    rates: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0)
    tuning: tuple[int, ...] = (100, 101)
    batch_size: int = 32
    judges: int = 500
    shrink: int = 2
    specs: tuple[Spec, ...] = ()

    def network(self, activation: str, norm: str) -> Spec:
        """A VGG network, which sees images averaged over squares of `shrink` pixels a side."""
        return VGG(self.stages, activation=activation, norm=norm, input_shrink=self.shrink)


def measure(race: Race, arm: Factors, seeds: tuple[int, ...], device: str = "cpu") -> xr.Dataset:
    """One kind of network: plain at its best rate, with BN at that rate, and at multiples of it.

    accuracy    (seed, setting, step) on test examples, by precise statistics; that of chance for
                a network that has diverged
    rate        (seed, setting) the learning rate; the same for all seeds
    """
    kept, aside = data.load(race.data).to(device).apart()
    plain, batch = (race.network(arm["activation"], norm) for norm in (PLAIN, "batch"))
    tried = [(seed, rate) for seed in race.tuning for rate in race.rates]
    told = raced(race, plain, tried, kept, aside).mean(1).view(len(race.tuning), -1).mean(0)
    best = race.rates[int(told.argmax())]
    rates = [best, *(best * times for times in MULTIPLES)]
    found = raced(race, plain, [(seed, best) for seed in seeds], kept).unsqueeze(1)
    pairs = [(seed, rate) for seed in seeds for rate in rates[1:]]
    normalised = raced(race, batch, pairs, kept).view(len(seeds), len(MULTIPLES), -1)
    names = {"setting": list(SETTINGS), "step": list(race.looks)}
    every = torch.tensor(rates).expand(len(seeds), -1)
    return xr.Dataset(
        {
            "accuracy": (
                ("seed", "setting", "step"),
                torch.cat([found, normalised], 1),
                {"units": "1", "long_name": "test accuracy"},
            ),
            "rate": (("seed", "setting"), every, {"units": "1", "long_name": "learning rate"}),
        },
        names,
    )


def raced(
    race: Race,
    net: Spec,
    runs: list[tuple[int, float]],
    kept: Dataset,
    aside: Dataset | None = None,
) -> Tensor:
    """Accuracy (run, look) of (seed, rate) after (rate): on test examples, or those put aside."""
    members = [Member(f"{rate:g}", seed, rate) for seed, rate in runs]
    population = Population(net, SGD(), race.batch_size, members, kept)
    judges = population.data.test if aside is None else put_aside(population, aside)
    seen = []
    for look in race.looks:
        while population.steps_taken < look:
            population.step()
        seen.append(right(population, judges, race.judges))
    return torch.stack(seen, 1)


def plan(scale: str) -> Comparison:
    """Digits of 14 × 14 pixels; in the lab natural images of 16 × 16, at paper scale of 32 × 32."""
    race, seeds = {
        "smoke": (
            Race("mnist-5k", ((4, 1), (6, 1)), (0, 2, 4), (0.1, 1.0), (100,), judges=100),
            2,
        ),
        "book": (Race("mnist-5k", ((8, 2), (16, 2), (32, 2)), log_spaced(300, 16)), 8),
        "lab": (Race(NATURAL, LAB, log_spaced(1_000, 16)), 8),
        "paper": (
            Race(NATURAL, VGG().stages, log_spaced(20_000, 24), batch_size=128, shrink=1),
            8,
        ),
    }[scale]
    specs = tuple(
        race.network(activation, norm) for activation in ACTIVATIONS for norm in (PLAIN, "batch")
    )
    arms, settings = crossed(activation=ACTIVATIONS), replace(race, specs=specs)
    return Comparison(arms, tuple(range(seeds)), measure, settings, race.data)


EXPERIMENT = Experiment(
    name="multiplied-rates",
    question="What do 5 and 30 times the plain network's best learning rate buy?",
    plan=plan,
    scales=SCALES,
)
