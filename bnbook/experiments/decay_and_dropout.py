"""Batch normalization beside other regularisers, where there are too few training examples."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
import xarray as xr
from torch import Tensor

from bnbook import data
from bnbook.data import Dataset
from bnbook.experiments.dissection import halved, put_aside
from bnbook.experiments.successors import train_on
from bnbook.factors import Factors, crossed, name_of
from bnbook.nets import MLP, Spec
from bnbook.probes.accuracy import predictions
from bnbook.study import Comparison, Experiment
from bnbook.train import SGD, Member, Population

DROPOUT = 0.3  # behind each hidden layer, one of the rates of ghost-dropout
DECAY = 0.01  # of every parameter; at η = 0.1 it takes 27 % in 320 steps
WITH = {
    "alone": (0.0, 0.0),
    "dropout": (DROPOUT, 0.0),
    "decay": (0.0, DECAY),
    "both": (DROPOUT, DECAY),
}
"""What stands beside the normaliser: a rate of dropout and a weight decay."""
ARMS = crossed(norm=("none", "batch"), beside=tuple(WITH))


@dataclass(frozen=True)
class Few:
    """Two wide hidden ReLU layers on few training examples; images averaged over 2 × 2 pixels.

    The learning rate of an arm is the one of `rates` with the lowest mean loss on examples put
    aside, which neither train nor test any seed, after training from other seeds, `tuning`.
    `specs` are the networks of all arms: a record depends on their normalisers.
    """

    data: str
    steps: int
    examples: int = 400
    batch_size: int = 50
    widths: tuple[int, ...] = (200, 200)
    rates: tuple[float, ...] = (0.01, 0.03, 0.1, 0.3, 1.0)
    tuning: tuple[int, ...] = (100, 101)
    specs: tuple[Spec, ...] = ()


def network(few: Few, arm: Factors) -> MLP:
    """The network of an arm."""
    return MLP(few.widths, norm=arm["norm"], dropout=WITH[arm["beside"]][0])


def measure(few: Few, arm: Factors, seeds: tuple[int, ...], device: str = "cpu") -> xr.Dataset:
    """One arm after its last step, by precise statistics, collected without dropout:

    loss, accuracy     (seed, split) on the examples that it trained on, and on test examples
    tuned_rate         (seed,) the same for all seeds
    A network that has diverged knows as much as chance.
    """
    kept, aside = halved(data.load(few.data)).to(device).apart()
    tried = _trained(few, arm, few.tuning, few.rates, kept)
    judges = put_aside(tried, aside)
    tried.data = replace(tried.data, test=judges)
    loss, _ = scores(tried, "test")
    best = few.rates[int(loss.view(len(few.tuning), -1).mean(0).argmin())]
    ends = _trained(few, arm, seeds, (best,), kept)
    found = [torch.stack(each, 1) for each in zip(*_both(ends), strict=True)]
    rate = torch.full((len(seeds),), best)
    return xr.Dataset(
        {
            "loss": (("seed", "split"), found[0], {"units": "nat", "long_name": "loss"}),
            "accuracy": (("seed", "split"), found[1], {"units": "1", "long_name": "accuracy"}),
            "tuned_rate": (("seed",), rate, {"units": "1", "long_name": "learning rate"}),
        },
        {"split": ["train", "test"]},
    )


def _both(population: Population) -> list[tuple[Tensor, Tensor]]:
    return [scores(population, split) for split in ("train", "test")]


def _trained(
    few: Few, arm: Factors, seeds: tuple[int, ...], rates: tuple[float, ...], kept: Dataset
) -> Population:
    """Every seed at every rate, after the last step."""
    members = [Member(name_of(arm), seed, rate) for seed in seeds for rate in rates]
    rule = SGD(weight_decay=WITH[arm["beside"]][1])
    population = Population(network(few, arm), rule, few.batch_size, members, kept)
    train_on(population, few.examples, few.batch_size)
    for _ in range(few.steps):
        population.step()
    return population


def scores(population: Population, split: str) -> tuple[Tensor, Tensor]:
    """Loss and accuracy (member,) by precise statistics; those of chance for the diverged."""
    logits, y = predictions(population.snapshot())[split, "precise"]
    loss = F.cross_entropy(logits.mT, y, reduction="none").mean(1)
    right = (logits.argmax(-1) == y).float().mean(1)
    classes = len(population.data.classes)
    lost = population.diverged_at.isfinite() | ~loss.isfinite()
    chance = torch.tensor(float(classes)).log().item()
    return loss.masked_fill(lost, chance).cpu(), right.masked_fill(lost, 1 / classes).cpu()


def plan(scale: str) -> Comparison:
    """Forty epochs of 400 examples at book scale."""
    few, seeds = {
        "smoke": (Few("mnist-5k", 4, 100, rates=(0.1, 1.0), tuning=(100,)), 2),
        "book": (Few("mnist-5k", 320), 8),
        "paper": (Few("mnist", 4_000, 1_000, widths=(1000, 1000)), 20),
    }[scale]
    few = replace(few, specs=tuple(network(few, arm) for arm in ARMS))
    return Comparison(ARMS, tuple(range(seeds)), measure, few, few.data)


EXPERIMENT = Experiment(
    name="decay-and-dropout",
    question="What do dropout and weight decay add to batch normalization where data are few?",
    plan=plan,
)
