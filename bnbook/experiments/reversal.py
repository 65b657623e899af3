"""When a sigmoid network with BN falls behind one without, and what it depends on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from torch import Tensor

from bnbook import data, probes
from bnbook.data import Dataset, Split
from bnbook.factors import Factors, names_of
from bnbook.nets import MLP
from bnbook.probes.accuracy import logits_of
from bnbook.study import Experiment, Measurement
from bnbook.train import SGD, Member, Population, log_spaced

Tensors = dict[str, Tensor]

ARMS: tuple[tuple[Factors, str, float], ...] = (
    ({"norm": "none"}, "sigmoid", 0.0),
    ({"norm": "batch"}, "sigmoid", 1.0),
    ({"norm": "batch", "γ₀": 2.0}, "sigmoid", 2.0),
    ({"norm": "batch", "units": "straight"}, "identity", 1.0),
)
"""Each arm with its activation and the initial γ of its BN layers, 0 for no BN. The last has no
nonlinearity at all: it is the linear classifier that the network contains."""
FACTORS = tuple(factors for factors, _, _ in ARMS)


@dataclass(frozen=True)
class Reversal:
    """Ioffe and Szegedy's network, 3 × 100 sigmoid units, batches of 60, plain SGD.

    Every arm trains at every one of `learning_rates` on the first so many training examples,
    `sizes`. Its test accuracy is read by the batch's statistics, by those of the training
    examples at the present weights, and by running averages with each of `averages` as the
    weight of a new batch. `looks` are the steps at which it is read, in order.
    """

    data: str = "mnist-5k"
    widths: tuple[int, ...] = (100, 100, 100)
    batch_size: int = 60
    learning_rates: tuple[float, ...] = (0.1, 0.5, 2.0)
    sizes: tuple[int, ...] = (1_000, 4_000)
    averages: tuple[float, ...] = (0.1, 0.01, 0.001)
    looks: tuple[int, ...] = (10, 30, 100, 200, 400, 600)

    @property
    def statistics(self) -> list[str]:
        """Labels of the ways to read an accuracy."""
        return ["batch", "precise", *(f"average {weight:g}" for weight in self.averages)]


Found = dict[str, NDArray[np.float64]]


def measure(settings: Reversal, seed: int) -> xr.Dataset:
    """Accuracies, and how linear the units are, of every arm, learning rate and size.

    `accuracy` (arm, learning_rate, size, step, statistics) is on test examples,
    `training_accuracy` on training ones by precise statistics, `linearity` (…, layer) of the
    units as `bnbook.probes.linearity`, `gain` (…, layer) the mean |γ|, 1 where there is none.
    """
    dims = ["size", "arm", "learning_rate", "step"]
    rows = [_all_arms(settings, _first(settings.data, size, seed), seed) for size in settings.sizes]
    units = {"accuracy": "1", "training_accuracy": "1", "linearity": "1", "gain": "1"}
    last = {"accuracy": ["statistics"], "linearity": ["layer"], "gain": ["layer"]}
    return xr.Dataset(
        {
            name: (
                [*dims, *last.get(name, [])],
                np.stack([row[name] for row in rows]),
                {"units": unit, "long_name": name.replace("_", " ")},
            )
            for name, unit in units.items()
        },
        {
            "arm": list(names_of(FACTORS)),
            "learning_rate": list(settings.learning_rates),
            "size": list(settings.sizes),
            "step": ("step", list(settings.looks), {"long_name": "updates"}),
            "statistics": settings.statistics,
            "layer": list(range(len(settings.widths))),
        },
    )


def _first(name: str, size: int, seed: int) -> Dataset:
    """What a seed is dealt of a data set, with only the first `size` training examples."""
    whole = data.load(name).split(seed)
    return replace(whole, train=Split(whole.train.x[:size], whole.train.y[:size]))


def _all_arms(settings: Reversal, dataset: Dataset, seed: int) -> Found:
    """What is found at each look, arrays (arm, learning_rate, step, …)."""
    found = []
    for activation, normed in dict.fromkeys((each, bool(gain)) for _, each, gain in ARMS):
        gains = tuple(g for _, each, g in ARMS if (each, bool(g)) == (activation, normed))
        found.append(_course(settings, dataset, seed, activation, gains))
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def _course(
    settings: Reversal,
    dataset: Dataset,
    seed: int,
    activation: str,
    gains: tuple[float, ...],
) -> Found:
    """Train one population of every gain at every learning rate, and look at it."""
    population = _population(settings, dataset, seed, activation, gains)
    averages = [
        {name: b.clone() for name, b in population.buffers.items()} for _ in settings.averages
    ]
    seen: list[dict[str, Tensor]] = []
    for step in range(1, max(settings.looks) + 1):
        population.step()
        for weight, average in zip(settings.averages, averages, strict=True):
            follow(average, population.buffers, weight)
        if step in settings.looks:
            seen.append(_look(population, averages))
    shape = (len(gains), len(settings.learning_rates))
    stacked = {name: torch.stack([look[name] for look in seen], 1) for name in seen[0]}
    return {name: v.unflatten(0, shape).double().numpy() for name, v in stacked.items()}


def _population(
    settings: Reversal, dataset: Dataset, seed: int, activation: str, gains: tuple[float, ...]
) -> Population:
    """Networks of one seed, one for each gain and learning rate.

    The momentum of BN is 1: its running statistics are those of the last batch, from which any
    running average follows.
    """
    norm = "batch" if gains[0] else "none"
    options = (("momentum", 1.0),) if gains[0] else ()
    spec = MLP(settings.widths, activation, norm, norm_options=options)
    members = [Member(f"{g:g}", seed, rate) for g in gains for rate in settings.learning_rates]
    population = Population(spec, SGD(), settings.batch_size, members, dataset)
    for name, parameter in population.params.items():
        if name.endswith("norm.weight"):
            parameter *= torch.tensor([float(m.arm) for m in members])[:, None]
    return population


def follow(average: Tensors, buffers: Tensors, weight: float) -> None:
    """Move running averages towards the last batch's statistics: a ← (1 − w)·a + w·batch."""
    for name, value in average.items():
        if value.is_floating_point():
            value.lerp_(buffers[name], weight)


def _look(population: Population, averages: list[Tensors]) -> dict[str, Tensor]:
    """Arrays (member, …) of what `measure` reports."""
    s = population.snapshot()
    seen = probes.get("accuracy")()(s)
    by_average = [_accuracy(s, average) for average in averages]
    gains = [p for name, p in population.params.items() if name.endswith("norm.weight")]
    linearity = probes.get("linearity")()(s)
    return {
        "accuracy": torch.stack([seen[:, 1, 0], seen[:, 1, 2], *by_average], 1),
        "training_accuracy": seen[:, 0, 2],
        "linearity": linearity,
        "gain": torch.stack([g.abs().mean(1) for g in gains], 1)
        if gains
        else torch.ones_like(linearity),
    }


def _accuracy(s: probes.Snapshot, buffers: Tensors) -> Tensor:
    """(member,) on the test examples that probes look at, by the statistics in `buffers`."""
    x, y = s.examples("test")
    guesses = logits_of(s, buffers, x[:, None], "population").argmax(-1)
    return (guesses == y).to(x.dtype).mean(-1)


def plan(scale: str) -> Measurement:
    """More seeds and longer runs at larger scales."""
    seeds, settings = {
        "smoke": (2, Reversal(learning_rates=(0.1, 1.0), looks=(1, 2, 5))),
        "book": (5, Reversal()),
        "paper": (
            10,
            Reversal("mnist", sizes=(4_000, 60_000), looks=log_spaced(10_000, 24)[1:]),
        ),
    }[scale]
    return Measurement(
        FACTORS, tuple(range(seeds)), measure, settings, data=settings.data, seeds_per_task=1
    )


EXPERIMENT = Experiment(
    name="reversal",
    question="When does a sigmoid network with BN end less accurate than one without?",
    plan=plan,
)
