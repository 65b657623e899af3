"""The same pictures standardised, as they are, and off centre, without BN and with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import xarray as xr
from torch import Tensor

from bnbook import data
from bnbook.data import Dataset, Dealt, Portion
from bnbook.experiments.dissection import halved, put_aside, right
from bnbook.factors import Factors, crossed, name_of
from bnbook.nets import MLP, Spec
from bnbook.study import Comparison, Experiment
from bnbook.train import SGD, Member
from bnbook.train.population import Population

NORMS = ("none", "batch")
INPUTS = ("standardised", "0 to 1", "off centre")
OFF = 1.0  # how far from 0 the mean of pictures off centre is, in standard deviations
WHITE = 255.0  # the brightest pixel as it is stored


@dataclass(frozen=True)
class Scales:
    """How every arm trains: each seed at the rate of its arm, watched after `looks` updates.

    The rate is chosen from `rates` on `tuning` seeds, which do not judge, by examples put aside
    that neither train nor test any seed, seen as the arm sees all: the highest accuracy, averaged
    over looks and seeds. `judges` is how many examples tell an accuracy. `specs` are the networks
    of the arms: a record depends on their normalisers.
    """

    data: str
    looks: tuple[int, ...]
    rates: tuple[float, ...]
    tuning: tuple[int, ...]
    judges: int = 500
    batch_size: int = 32
    specs: tuple[Spec, ...] = ()


def network(norm: str) -> MLP:
    """Three hidden layers of 48 ReLU units, as in the dissection."""
    return MLP((48,) * 3, "relu", norm)


def seen(portion: Portion, inputs: str) -> Portion:
    """A portion as an arm sees it.

    standardised    (x − μ)/σ with the mean and the deviation of all pixels of the training examples
    0 to 1          x/255, as pixels are stored
    off centre      (x − μ)/σ + 1: the same deviation, another mean
    """
    assert portion.mean is not None
    assert portion.std is not None
    if inputs == "0 to 1":
        white = torch.full_like(portion.std, WHITE)
        return replace(portion, mean=torch.zeros_like(portion.mean), std=white)
    if inputs == "off centre":
        return replace(portion, mean=portion.mean - OFF * portion.std)
    return portion


def measure(
    scales: Scales, arm: Factors, seeds: tuple[int, ...], device: str = "cpu"
) -> xr.Dataset:
    """One arm: the seeds of tuning at every rate, then every seed at the best of them.

    accuracy    (seed, step) on test examples
    tuned_rate  (seed,) the rate, the same for all seeds
    at_an_end   (seed,) 1 where it is the lowest or the highest that was tried, else 0
    Accuracies are by precise statistics, and 0.1, that of chance, for a network that has diverged.
    """
    kept, aside = halved(data.load(scales.data)).to(device).apart()
    tried = accuracies(scales, arm, scales.tuning, scales.rates, kept, aside)
    best = int(tried.mean((0, 2)).argmax())
    test = accuracies(scales, arm, seeds, (scales.rates[best],), kept)
    rate = torch.full((len(seeds),), scales.rates[best])
    end = torch.full((len(seeds),), float(best in (0, len(scales.rates) - 1)))
    words = "test accuracy"
    return xr.Dataset(
        {
            "accuracy": (("seed", "step"), test[:, 0], {"units": "1", "long_name": words}),
            "tuned_rate": (("seed",), rate, {"units": "1", "long_name": "learning rate"}),
            "at_an_end": (("seed",), end, {"units": "1"}),
        },
        {"step": list(scales.looks)},
    )


def accuracies(
    scales: Scales,
    arm: Factors,
    seeds: tuple[int, ...],
    rates: tuple[float, ...],
    kept: Dataset,
    aside: Dataset | None = None,
) -> Tensor:
    """Accuracy (seed, rate, look) on test examples, or on those put aside."""
    members = [Member(name_of(arm), seed, rate) for seed in seeds for rate in rates]
    population = Population(network(arm["norm"]), SGD(), scales.batch_size, members, kept)
    judges = put_aside(population, aside) if aside else population.data.test
    judges, train = seen(judges, arm["inputs"]), seen(population.data.train, arm["inputs"])
    population.data = Dealt(train, judges, population.data.classes)
    found = []
    for look in scales.looks:
        while population.steps_taken < look:
            population.step()
        found.append(right(population, judges, scales.judges).view(len(seeds), len(rates)))
    return torch.stack(found, dim=2)


def plan(scale: str) -> Comparison:
    """Six arms; at larger scales for longer, with more seeds, on all the digits."""
    scales, seeds = {
        "smoke": (Scales("mnist-5k", (2, 4), (0.03, 0.3), (100,), judges=50), 2),
        "book": (
            Scales(
                "mnist-5k",
                (4, 8, 16, 32, 64, 128),
                (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
                (100, 101),
            ),
            8,
        ),
        "paper": (
            Scales(
                "mnist",
                (10, 30, 100, 300, 1000, 3000),
                (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
                (100, 101, 102),
                judges=2_000,
            ),
            20,
        ),
    }[scale]
    scales = replace(scales, specs=tuple(map(network, NORMS)))
    arms = crossed(inputs=INPUTS, norm=NORMS)
    return Comparison(arms, tuple(range(seeds)), measure, scales, scales.data)


EXPERIMENT = Experiment(
    name="input-scale",
    question="Does a network learn faster from standardised inputs, and does BN need them?",
    plan=plan,
)
