"""Where the answer of the dissection ends: other widths, batches, optimizers, skip connections."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import xarray as xr
from torch import Tensor

from bnbook import data
from bnbook.data import Dataset
from bnbook.experiments.dissection import PARTS, halved, put_aside, right
from bnbook.factors import Factors, crossed, name_of
from bnbook.nets import MLP, VGG, Residual, Spec
from bnbook.study import NATURAL, SCALES, Comparison, Experiment
from bnbook.train import SGD, Adam, Member, Optimizer
from bnbook.train.population import Population

TRIED = ("none", "batch", "good start", "mean only", "no gradient")
"""The parts of the dissection that every border asks about: floor, ceiling, and three between."""

RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)  # of the dissection, and one below
RATES_OF_ADAM = (0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)


@dataclass(frozen=True)
class Border:
    """One thing about the base that is changed: its network, optimizer, batch size or length.

    longer   every look is so many times as late, and so is the last
    """

    name: str
    net: MLP | VGG | Residual
    rule: Optimizer = SGD()
    rates: tuple[float, ...] = RATES
    batch_size: int = 32
    longer: int = 1


BASE = MLP((48,) * 8)  # "8 ReLU layers" of the dissection
DENSE = (
    Border("base", BASE),
    Border("narrow", MLP((24,) * 8)),
    Border("wide", MLP((192,) * 8)),
    Border("small batch", BASE, batch_size=8),
    Border("large batch", BASE, batch_size=128),
    Border("longer", BASE, longer=4),
    Border("Adam", BASE, Adam(), RATES_OF_ADAM),
    Border("residual", Residual(48, blocks=4)),  # of two layers each
)
CONVOLUTIONS = VGG(((8, 2), (16, 2), (32, 2)))  # of three-rates
CONVOLUTIONAL = (
    Border("base", CONVOLUTIONS, SGD(), RATES[:5], 64),
    Border("Adam", CONVOLUTIONS, Adam(), RATES_OF_ADAM[1:6], 64),
    Border("residual", Residual(16, blocks=3, convolutional=True), SGD(), RATES[:5], 64),
)
"""Six convolutions on natural images of 16 × 16 pixels, and seven, six of them in three blocks."""


@dataclass(frozen=True)
class Survey:
    """How every arm trains: at each border as the border says, watched after `looks` updates.

    The rate of an arm is chosen on `tuning` seeds, which do not judge, by examples put aside that
    neither train nor test any seed; those that judge train at that rate alone. `judges` is how
    many examples tell an accuracy. Images are averaged over squares of 2 × 2. `specs` are the
    networks of all arms: a record depends on their normalisers.
    """

    data: str
    looks: tuple[int, ...]
    borders: tuple[Border, ...]
    tuning: tuple[int, ...]
    judges: int = 500
    specs: tuple[Spec, ...] = ()

    def border(self, name: str) -> Border:
        """The border called `name`."""
        return next(each for each in self.borders if each.name == name)


def network(border: Border, part: str) -> Spec:
    """The network of a border with a part of batch normalization."""
    return replace(border.net, norm=PARTS[part].norm, norm_options=PARTS[part].options)


def measure(
    survey: Survey, arm: Factors, seeds: tuple[int, ...], device: str = "cpu"
) -> xr.Dataset:
    """One arm: the seeds of tuning at every rate, then every seed at the best of them.

    accuracy    (seed, look) on test examples
    tuned_rate  (seed,) the rate, the same for all seeds
    at_an_end  (seed,) 1 where it is the lowest or the highest that was tried, else 0
    Accuracies are by precise statistics, and 0.1, that of chance, for a network that has diverged.
    """
    border = survey.border(arm["border"])
    kept, aside = halved(data.load(survey.data)).to(device).apart()
    tried = accuracies(survey, arm, survey.tuning, border.rates, kept, aside)
    best = int(tried.mean((0, 2)).argmax())
    test = accuracies(survey, arm, seeds, (border.rates[best],), kept)
    rate = torch.full((len(seeds),), border.rates[best])
    end = torch.full((len(seeds),), float(best in (0, len(border.rates) - 1)))
    return xr.Dataset(
        {
            "accuracy": (("seed", "look"), test[:, 0], {"units": "1"}),
            "tuned_rate": (("seed",), rate, {"units": "1", "long_name": "learning rate"}),
            "at_an_end": (("seed",), end, {"units": "1"}),
        },
        {"look": range(len(survey.looks))},
    )


def accuracies(
    survey: Survey,
    arm: Factors,
    seeds: tuple[int, ...],
    rates: tuple[float, ...],
    kept: Dataset,
    aside: Dataset | None = None,
) -> Tensor:
    """Accuracy (seed, rate, look) on test examples, or on those put aside."""
    border, part = survey.border(arm["border"]), PARTS[arm["part"]]
    members = [Member(name_of(arm), seed, rate) for seed in seeds for rate in rates]
    spec = network(border, arm["part"])
    population = Population(spec, border.rule, border.batch_size, members, kept, start=part.start)
    judges = put_aside(population, aside) if aside else population.data.test
    seen = []
    for look in survey.looks:
        while population.steps_taken < look * border.longer:
            population.step()
        seen.append(right(population, judges, survey.judges).view(len(seeds), len(rates)))
    return torch.stack(seen, dim=2)


def plan(scale: str) -> Comparison:
    """Eight ReLU layers and what can be changed about them; convolutions in the lab."""
    survey, seeds = {
        "smoke": (
            Survey(
                "mnist-5k",
                (2, 4),
                tuple(each for each in DENSE if each.name in ("base", "Adam", "residual")),
                (100,),
                judges=50,
            ),
            2,
        ),
        "book": (Survey("mnist-5k", (4, 8, 16, 32, 64, 128), DENSE, (100, 101)), 8),
        "lab": (Survey(NATURAL, (8, 16, 32, 64, 128, 256), CONVOLUTIONAL, (100, 101)), 8),
        "paper": (
            Survey("mnist", (10, 30, 100, 300, 1000, 3000), DENSE, (100, 101, 102), 2_000),
            20,
        ),
    }[scale]
    specs = tuple(network(border, part) for border in survey.borders for part in TRIED)
    arms = crossed(border=tuple(each.name for each in survey.borders), part=TRIED)
    settings = replace(survey, specs=specs)
    return Comparison(arms, tuple(range(seeds)), measure, settings, settings.data)


EXPERIMENT = Experiment(
    name="borders",
    question="Where does the answer of the dissection end?",
    plan=plan,
    scales=SCALES,
)
