"""Two hidden units seen by the same examples while the network learns, without BN and with it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import xarray as xr
from torch import Tensor

from bnbook import data
from bnbook.factors import Factors, crossed, name_of
from bnbook.nets import MLP, Spec
from bnbook.study import Comparison, Experiment
from bnbook.train import SGD, Member
from bnbook.train.population import Population

NORMS = ("none", "batch")
LEARNING_RATE = 0.5  # the network, the rate and the batches are those of internal-shift
BATCH_SIZE = 60
LAYER, UNITS = 1, 2  # the second hidden layer and its first two units, the source's z₂₁ and z₂₂


@dataclass(frozen=True)
class Watched:
    """Which examples two units are watched with, and after how many updates."""

    data: str
    looks: tuple[int, ...]
    examples: int = 200
    specs: tuple[Spec, ...] = ()


def network(norm: str) -> MLP:
    """Ioffe and Szegedy's network of 3 × 100 sigmoid units."""
    return MLP((100, 100, 100), "sigmoid", norm)


def measure(
    watched: Watched, arm: Factors, seeds: tuple[int, ...], device: str = "cpu"
) -> xr.Dataset:
    """One normaliser: what the sigmoids of two units are given for the same held-out examples.

    value        (seed, step, example, unit), the examples normalised as one batch
    label        (seed, example), the class of each example
    centre_step  (seed, step), see `centre_steps`
    correlation  (seed, step) of the two units over the examples
    """
    members = [Member(name_of(arm), seed, LEARNING_RATE) for seed in seeds]
    whole = data.load(watched.data).to(device)
    population = Population(network(arm["norm"]), SGD(), BATCH_SIZE, members, whole)
    found = []
    for look in watched.looks:
        while population.steps_taken < look:
            population.step()
        found.append(given(population, watched.examples))
    value = torch.stack(found, 1).cpu()
    label = population.data.test.labels[:, : value.shape[2]].cpu()
    words = "input of the sigmoid"
    return xr.Dataset(
        {
            "value": (
                ("seed", "step", "example", "unit"),
                value,
                {"units": "1", "long_name": words},
            ),
            "label": (("seed", "example"), label, {"units": "1"}),
            "centre_step": (
                ("seed", "step"),
                centre_steps(value),
                {"units": "spreads", "long_name": "step of the centre"},
            ),
            "correlation": (
                ("seed", "step"),
                correlation(value),
                {"units": "1", "long_name": "correlation of the two units"},
            ),
        },
        {"step": list(watched.looks), "unit": ["z₂₁", "z₂₂"]},
    )


def given(population: Population, examples: int) -> Tensor:
    """What two units' sigmoids are given (member, example, unit), normalised as one batch."""
    trace = population.snapshot().activations
    return trace.inputs[LAYER][:, :examples, :UNITS]


def centre_steps(value: Tensor) -> Tensor:
    """How far the centre of the cloud has moved since the look before, (member, look).

    ‖c_t − c_{t−1}‖/s_{t−1} with the centre c and the spread s, the root of the mean squared
    distance from it, of value (member, look, example, unit); 0 at the first look.
    """
    centre = value.mean(2)
    spread = (value - centre[:, :, None]).square().sum(3).mean(2).sqrt()
    moved = torch.zeros_like(spread)
    moved[:, 1:] = (centre[:, 1:] - centre[:, :-1]).norm(dim=2) / spread[:, :-1]
    return moved


def correlation(value: Tensor) -> Tensor:
    """Correlation (member, look) of two units over the examples of value (…, example, 2)."""
    one, other = (value - value.mean(2, keepdim=True)).unbind(3)
    return (one * other).sum(2) / (one.square().sum(2) * other.square().sum(2)).sqrt()


def plan(scale: str) -> Comparison:
    """The looks are close at first, where a step changes most."""
    watched, seeds = {
        "smoke": (Watched("mnist-5k", (0, 2, 4), 50), 2),
        "book": (Watched("mnist-5k", (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512)), 8),
        "paper": (Watched("mnist", (0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 50_000)), 20),
    }[scale]
    settings = Watched(watched.data, watched.looks, watched.examples, tuple(map(network, NORMS)))
    arms = crossed(norm=NORMS)
    return Comparison(arms, tuple(range(seeds)), measure, settings, settings.data)


EXPERIMENT = Experiment(
    name="two-units",
    question="How does what two hidden units are given move while the network learns?",
    plan=plan,
)
