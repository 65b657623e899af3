"""What came after batch normalization: ways to train deep networks with and without normalisers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import xarray as xr
from torch import Tensor

from bnbook import data
from bnbook.data import Dataset, Portion
from bnbook.experiments.dissection import halved, put_aside, right
from bnbook.factors import Factors, name_of
from bnbook.nets import Residual, Spec, ViT
from bnbook.study import Comparison, Experiment
from bnbook.train import SGD, Adam, AdaptivelyClipped, Batches, Member, Optimizer
from bnbook.train.population import Population

LEARNS = 0.5
"""Test accuracy, five times that of chance, from which a network counts as one that trains."""


@dataclass(frozen=True)
class Recipe:
    """How a network is kept trainable: a normaliser, a way to join branches, a rule around SGD."""

    norm: str = "none"
    branch: str = "plain"
    clipped: bool = False


RECIPES = {
    "none": Recipe(),
    "batch": Recipe("batch"),
    "layer": Recipe("layer"),
    "rms": Recipe("rms"),
    "dyt": Recipe("dyt"),
    "frn": Recipe("frn"),
    "rezero": Recipe(branch="rezero"),
    "fixup": Recipe(branch="fixup"),
    "scaled weights": Recipe("scaled-weight-std", "scaled", clipped=True),
}
"""The arms by what stands in the place of batch normalization."""

CLIP = 0.1
"""Longest step's gradient of a filter in units of the filter, with "scaled weights"."""


@dataclass(frozen=True)
class Kind:
    """A network, the recipes that suit it, how it descends, and the pictures that it sees.

    halved       pictures are averaged over squares of 2 × 2
    every_rate   the seeds that judge train at all rates, which tells how high a rate is borne, and
                 not only at the one that the tuning chose; too long for convolutions
    """

    net: Residual | ViT
    recipes: tuple[str, ...]
    rates: tuple[float, ...]
    rule: Optimizer = SGD()
    halved: bool = True
    every_rate: bool = True


KINDS = {
    "residual MLP": Kind(
        Residual(48, 7),
        ("none", "batch", "layer", "rms", "dyt", "rezero", "fixup", "scaled weights"),
        (0.01, 0.03, 0.1, 0.3, 1.0, 3.0),
    ),
    "convnet": Kind(
        Residual(8, 2, convolutional=True),
        ("none", "batch", "layer", "frn", "rezero", "scaled weights"),
        (0.01, 0.03, 0.1, 0.3),
        SGD(momentum=0.9),
        every_rate=False,
    ),
    "transformer": Kind(
        ViT(7, 24, 48, 2, 2),
        ("none", "batch", "layer", "rms", "dyt", "rezero"),
        (0.001, 0.003, 0.01, 0.03, 0.1),
        Adam(),
        halved=False,
    ),
}
"""16 dense layers of 48 units; 6 layers of 8 channels; 2 blocks of 24 channels, 16 patches."""


@dataclass(frozen=True)
class Run:
    """How long the networks of one kind train, and after which updates they are looked at."""

    kind: str
    looks: tuple[int, ...]


@dataclass(frozen=True)
class Race:
    """How every arm trains: each seed at each rate of its kind.

    The rate of an arm is chosen on `tuning` seeds, which do not judge, by examples put aside that
    neither train nor test any seed. `judges` is how many examples tell an accuracy. Without
    `every_rate` the seeds that judge train at the chosen one only, whatever their kind. `specs`
    and `rules` are what all arms use: a record depends on them.
    """

    data: str
    runs: tuple[Run, ...]
    tuning: tuple[int, ...]
    batch_size: int = 32
    judges: int = 400
    every_rate: bool = True
    specs: tuple[Spec, ...] = ()
    rules: tuple[Optimizer, ...] = ()


def network(arm: Factors) -> Spec:
    """The network of an arm."""
    recipe = RECIPES[arm["recipe"]]
    return replace(KINDS[arm["network"]].net, norm=recipe.norm, branch=recipe.branch)


def rule(arm: Factors) -> Optimizer:
    """The optimizer of an arm."""
    plain = KINDS[arm["network"]].rule
    return AdaptivelyClipped(plain, CLIP) if RECIPES[arm["recipe"]].clipped else plain


def measure(race: Race, arm: Factors, seeds: tuple[int, ...], device: str = "cpu") -> xr.Dataset:
    """One arm: every seed at every learning rate, after the same with the seeds of tuning.

    accuracy    (seed, look) on test examples, at the rate that the arm was given by its tuning
    by_rate     (seed, place) at the end, at every rate that was trained at, the lowest first
    rate_at     (seed, place) those rates; NaN where a kind has fewer than another
    tuned_rate  (seed,) the rate; the same for all seeds
    Accuracies are by precise statistics, and 0.1, that of chance, where a network has diverged.
    An arm with a factor "examples" trains on so many of each seed's training examples.
    """
    kind = KINDS[arm["network"]]
    looks = next(run.looks for run in race.runs if run.kind == arm["network"])
    whole = data.load(race.data)
    kept, aside = (halved(whole) if kind.halved else whole).to(device).apart()
    tried = _accuracies(race, arm, race.tuning, kind.rates, looks, kept, aside)
    best = int(tried.mean((0, 2)).argmax())
    everywhere = race.every_rate and kind.every_rate
    rates = kind.rates if everywhere else (kind.rates[best],)
    test = _accuracies(race, arm, seeds, rates, looks, kept)
    places = max(len(each.rates) for each in KINDS.values())
    by_rate, rate_at = torch.full((2, len(seeds), places), torch.nan)
    by_rate[:, : len(rates)], rate_at[:, : len(rates)] = test[..., -1], torch.tensor(rates)
    at = rates.index(kind.rates[best])
    return xr.Dataset(
        {
            "accuracy": (("seed", "look"), test[:, at], {"units": "1"}),
            "by_rate": (("seed", "place"), by_rate, {"units": "1"}),
            "rate_at": (("seed", "place"), rate_at, {"units": "1"}),
            "tuned_rate": (("seed",), rate_at[:, at], {"units": "1", "long_name": "learning rate"}),
        },
        {"look": range(len(looks)), "place": range(places)},
    )


def _accuracies(
    race: Race,
    arm: Factors,
    seeds: tuple[int, ...],
    rates: tuple[float, ...],
    looks: tuple[int, ...],
    kept: Dataset,
    aside: Dataset | None = None,
) -> Tensor:
    """Accuracy (seed, rate, look) on test examples, or on those put aside."""
    members = [Member(name_of(arm), seed, rate) for seed in seeds for rate in rates]
    population = Population(network(arm), rule(arm), race.batch_size, members, kept)
    if "examples" in arm:
        train_on(population, int(arm["examples"]), race.batch_size)
    judges: Portion = put_aside(population, aside) if aside else population.data.test
    seen = []
    for look in looks:
        while population.steps_taken < look:
            population.step()
        seen.append(right(population, judges, race.judges).view(len(seeds), len(rates)))
    return torch.stack(seen, dim=2)


def train_on(population: Population, examples: int, batch_size: int) -> None:
    """Leave every member the first of its training examples, before the first step.

    They come in random order with each class in its share. The pictures stay standardised by
    the mean and the deviation of all of them: two numbers.
    """
    train = population.data.train
    train = replace(train, rows=train.rows[:, :examples])
    population.data = replace(population.data, train=train)
    population.batches = Batches(train.labels, batch_size, population.batches.seeds)


def study(race: Race, arms: tuple[Factors, ...], seeds: int) -> Comparison:
    """The comparison of some arms, whose record depends on all that they use."""
    used = replace(race, specs=tuple(map(network, arms)), rules=tuple(map(rule, arms)))
    return Comparison(arms, tuple(range(seeds)), measure, used, race.data)


def plan(scale: str) -> Comparison:
    """Three kinds of networks, each with the recipes that suit it."""
    race, seeds = {
        "smoke": (
            Race(
                "mnist-5k",
                (Run("residual MLP", (2, 4)), Run("convnet", (1, 2)), Run("transformer", (2, 4))),
                (100,),
                judges=50,
            ),
            2,
        ),
        "book": (
            Race(
                "mnist-5k",
                (
                    Run("residual MLP", (8, 16, 32, 64, 128)),
                    Run("convnet", (6, 12, 24, 48, 96)),
                    Run("transformer", (6, 12, 24, 48, 96)),
                ),
                (100, 101),
                judges=300,
            ),
            8,
        ),
        "paper": (
            Race(
                "mnist",
                (
                    Run("residual MLP", (30, 100, 300, 1000, 3000, 10_000)),
                    Run("convnet", (10, 30, 100, 300, 1000, 3000)),
                    Run("transformer", (30, 100, 300, 1000, 3000, 10_000)),
                ),
                (100, 101, 102),
                judges=2_000,
            ),
            20,
        ),
    }[scale]
    arms: tuple[Factors, ...] = tuple(
        {"network": run.kind, "recipe": recipe}
        for run in race.runs
        for recipe in KINDS[run.kind].recipes
    )
    return study(race, arms, seeds)


EXPERIMENT = Experiment(
    name="successors",
    question="Which of the ways that came after batch normalization match it, and where?",
    plan=plan,
)
