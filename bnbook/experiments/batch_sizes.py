"""Eight normalisers at up to fifteen batch sizes and several learning rates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
import xarray as xr
from torch import Tensor

from bnbook import data, norms
from bnbook.data import Dataset, Portion
from bnbook.factors import Factors, name_of
from bnbook.nets import MLP
from bnbook.probes import Snapshot, accuracy, gradient_norm
from bnbook.probes.base import SPLITS, STATISTICS
from bnbook.study import Comparison, Experiment
from bnbook.train import SGD, Member
from bnbook.train.population import Population

GHOST = 4  # examples in a ghost batch: small, so that only the gradient's batch grows
OPTIONS: dict[str, tuple[tuple[str, Any], ...]] = {
    "none": (),
    "batch": (),
    "renorm": (("warmup", 20),),  # the source's 5,000 steps, in proportion to these short runs
    "layer": (),
    "group": (),
    "weight-std": (("gain", "fan-in"),),  # alone; with the source's gain of 1 it diverges
    "weight-std+batch": (),
    "ghost": (("ghost_size", GHOST),),
}
"""The normalisers, and what is not their default."""

BUDGETS = ("equal examples", "equal steps")


@dataclass(frozen=True)
class Sizes:
    """How much every arm trains: until `examples` are seen, and until `steps` are taken.

    One run gives both looks. `rates` are the learning rates at which every arm and seed trains.
    """

    data: str
    widths: tuple[int, ...]
    examples: int
    steps: int
    rates: tuple[float, ...]


def possible(norm: str, m: int) -> bool:
    """Whether a dense network can train so: BN has no statistics of one example."""
    if norm == "ghost":
        return m % GHOST == 0
    return m > 1 or not norms.get(norm).keeps_statistics


def measure(sizes: Sizes, arm: Factors, seeds: tuple[int, ...], device: str = "cpu") -> xr.Dataset:
    """One normaliser at one batch size, every seed at every learning rate, in one population.

    accuracy, loss   by split and statistics, after equal examples and after equal steps; a
                     network that diverged has the accuracy of chance and no loss
    validation       accuracy by population statistics on examples put aside, that neither
                     train nor test any seed
    gradient         norm of the loss gradient of the first layer's weights, before training
    """
    norm, m = arm["norm"], arm["m"]
    members = [Member(name_of(arm), seed, rate) for seed in seeds for rate in sizes.rates]
    kept, aside = data.load(sizes.data).to(device).apart()
    spec = MLP(sizes.widths, "relu", norm, norm_options=OPTIONS[norm])
    population = Population(spec, SGD(), m, members, kept)
    validation = _validation(population, aside)
    shape = (len(seeds), len(sizes.rates))
    gradient = gradient_norm.GradientNorm()(population.snapshot())[:, 0].cpu().view(shape)
    seen = {}
    for look in sorted({max(1, sizes.examples // m), sizes.steps}):
        while population.steps_taken < look:
            population.step()
        seen[look] = _look(population, validation, shape)
    looks = [seen[max(1, sizes.examples // m)], seen[sizes.steps]]
    found = xr.concat(looks, "budget").assign_coords(budget=list(BUDGETS), rate=list(sizes.rates))
    found["gradient"] = (("seed", "rate"), gradient, {"units": "1"})
    found["rate"].attrs = {"long_name": "learning rate"}
    return found


def _validation(population: Population, aside: Dataset) -> Portion:
    """What is put aside, as each member sees it: standardised by its own training examples."""
    assert aside.pool is not None
    rows = torch.arange(len(aside.pool), device=aside.pool.y.device)
    shared = rows.expand(len(population.members), -1)
    return replace(population.data.train, x=aside.pool.x, y=aside.pool.y, rows=shared)


def _look(population: Population, aside: Portion, shape: tuple[int, int]) -> xr.Dataset:
    """Accuracy and loss (seed, rate, split, statistics), and the accuracy on what is put aside."""
    snapshot = population.snapshot()
    loss, right = accuracy.Loss()(snapshot).cpu(), accuracy.Accuracy()(snapshot).cpu()
    lost = population.diverged_at.cpu().isfinite() | ~loss.isfinite().flatten(1).all(1)
    chance = 1 / len(population.data.classes)
    right[lost], loss[lost] = chance, torch.nan
    validation = _accuracy(snapshot, aside)
    validation[lost] = chance
    dims = ("seed", "rate", "split", "statistics")
    return xr.Dataset(
        {
            "accuracy": (dims, right.unflatten(0, shape), {"units": "1"}),
            "loss": (dims, loss.unflatten(0, shape), {"units": "nat"}),
            "validation": (dims[:2], validation.view(shape), {"units": "1"}),
        },
        {"split": list(SPLITS), "statistics": list(STATISTICS)},
    )


def _accuracy(s: Snapshot, portion: Portion) -> Tensor:
    """Accuracy (member,) by population statistics."""
    x, y = portion[slice(None)]
    logits = accuracy.logits_of(s, s.buffers, x[:, None], "population")
    return (logits.argmax(-1) == y).float().mean(1).cpu()


SMALL = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
"""The sizes that the replication report left open."""
MATCHED = 0.05  # the learning rate that all arms share when none is tuned


def plan(scale: str) -> Comparison:
    """Two hidden layers of 64; all sizes of the sources, and those they did not try.

    At book scale "equal examples" is two epochs: batches of one take a step an example.
    """
    rates = (0.003, 0.0125, MATCHED, 0.2, 0.8)
    settings, seeds, sizes = {
        "smoke": (Sizes("mnist-5k", (64, 64), 40, 5, rates[1:3]), 2, (1, 2, 4, 32)),
        "book": (Sizes("mnist-5k", (64, 64), 6_400, 400, rates), 8, (*SMALL, 16, 32, 64, 128)),
        "paper": (
            Sizes("mnist", (100, 100, 100), 50_000, 2000, (0.01, 0.02, 0.05, 0.1, 0.25)),
            10,
            (*SMALL, 16, 32, 64, 128, 256),
        ),
    }[scale]
    arms = [{"norm": norm, "m": m} for m in sizes for norm in OPTIONS if possible(norm, m)]
    return Comparison(tuple(arms), tuple(range(seeds)), measure, settings, settings.data)


EXPERIMENT = Experiment(
    name="batch-sizes",
    question="What does each normaliser lose when the batch is small?",
    plan=plan,
)
