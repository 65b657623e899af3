"""Batch normalization taken apart: what is left when one of its parts goes, or alone remains."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
import xarray as xr
from torch import Tensor
from torch.func import functional_call

from bnbook import data, norms
from bnbook.data import Dataset, Portion, Split
from bnbook.factors import Factors, crossed, name_of
from bnbook.nets import MLP, Spec, WithReference
from bnbook.nets.members import Tensors, over_members
from bnbook.study import Comparison, Experiment
from bnbook.train import (
    SGD,
    Clipped,
    FixedLength,
    FrozenStatistics,
    Member,
    Optimizer,
    Standardised,
    Start,
    TakeReference,
)
from bnbook.train.population import Population

REFERENCE = 128
"""Examples of the reference batch, four batches of the study."""

KNOWN = 256
"""Examples by which a start is made, and precise statistics are taken."""

WIDTH = 48
NETWORKS = {
    "3 ReLU layers": MLP((WIDTH,) * 3),
    "8 ReLU layers": MLP((WIDTH,) * 8),
    "16 ReLU layers": MLP((WIDTH,) * 16),
    "4 sigmoid layers": MLP((WIDTH,) * 4, "sigmoid", init="glorot"),
}


@dataclass(frozen=True)
class Part:
    """What an arm has of batch normalization: a normaliser, a rule around SGD, a start."""

    norm: str = "none"
    options: tuple[tuple[str, Any], ...] = ()
    rule: Optimizer = SGD()
    start: Start | None = None


FIXED, START = FixedLength(SGD()), Standardised(KNOWN)
PARTS = {
    "none": Part(),
    "batch": Part("batch"),
    "good start": Part(start=START),
    "frozen": Part("frozen", start=FrozenStatistics(KNOWN)),
    "mean only": Part("mean-only"),
    "variance only": Part("variance-only"),
    "no affine": Part("batch", (("affine", False),)),
    "no gradient": Part("detached"),
    "no noise": Part("reference", start=TakeReference()),
    "unstable": Part("noisy-batch"),
    "weight norm": Part("weight-norm"),
    "length fixed": Part(rule=FIXED),
    "batch with length fixed": Part("batch", rule=FIXED),
    "clipped": Part(rule=Clipped(SGD(), 1.0)),
    "layer": Part("layer"),
}
"""The arms; "none" is the floor and "batch" the ceiling."""

PAIRS = {
    "start and length": Part(rule=FIXED, start=START),
    "start and clipping": Part(rule=Clipped(SGD(), 1.0), start=START),
    "mean and weight norm": Part("weight-norm+mean"),
}
"""Two parts together, where each alone may do little."""

PAIRED_IN = ("8 ReLU layers", "4 sigmoid layers")
LEARNS = 0.5
"""Test accuracy, five times that of chance, from which a network counts as one that trains."""


@dataclass(frozen=True)
class Study:
    """How every arm trains: each seed at each of `rates`, watched after `looks` updates.

    The rate of an arm is chosen on `tuning` seeds, which do not judge, by examples put aside that
    neither train nor test any seed. `judges` is how many examples tell an accuracy. Images are
    averaged over squares of 2 × 2. `specs` are the networks of all arms: a record depends on
    their normalisers.
    """

    data: str
    looks: tuple[int, ...]
    rates: tuple[float, ...]
    tuning: tuple[int, ...]
    batch_size: int = 32
    judges: int = 500
    specs: tuple[Spec, ...] = ()


def network(arm: Factors) -> Spec:
    """The network of an arm, with its normaliser."""
    bare, part = NETWORKS[arm["network"]], PARTS.get(arm["part"]) or PAIRS[arm["part"]]
    options = part.options
    if part.norm.startswith("weight-norm"):  # rows as long as those of the other arms' weights
        options = (("gain", math.sqrt(2) if bare.init == "he" else 1.0),)
    spec = replace(bare, norm=part.norm, norm_options=options)
    return WithReference(spec, REFERENCE) if part.norm == "reference" else spec


def measure(study: Study, arm: Factors, seeds: tuple[int, ...], device: str = "cpu") -> xr.Dataset:
    """One arm: every seed, and every seed of tuning, at every learning rate, in one population.

    accuracy    (seed, step) on test examples, at the rate that the arm was given by its tuning
    by_rate     (seed, rate) at the end, for every rate
    tuned_rate  the rate; the same for all seeds
    Accuracies are by precise statistics, of training examples at the present weights (those of
    "frozen" are its own), and 0.1, that of chance, for a network that has diverged.
    """
    part = PARTS.get(arm["part"]) or PAIRS[arm["part"]]
    kept, aside = halved(data.load(study.data)).to(device).apart()
    everyone = (*study.tuning, *seeds)
    members = [Member(name_of(arm), seed, rate) for seed in everyone for rate in study.rates]
    population = Population(
        network(arm), part.rule, study.batch_size, members, kept, start=part.start
    )
    judges = put_aside(population, aside), population.data.test
    shape = (len(everyone), len(study.rates))
    seen = []
    for look in study.looks:
        while population.steps_taken < look:
            population.step()
        seen.append([right(population, each, study.judges).view(shape) for each in judges])
    validation, test = (torch.stack(each, dim=2) for each in zip(*seen, strict=True))
    best = int(validation[: len(study.tuning)].mean((0, 2)).argmax())
    test = test[len(study.tuning) :]
    rate = torch.full((len(seeds),), study.rates[best])
    return xr.Dataset(
        {
            "accuracy": (("seed", "step"), test[:, best], {"units": "1"}),
            "by_rate": (("seed", "rate"), test[..., -1], {"units": "1"}),
            "tuned_rate": (("seed",), rate, {"units": "1", "long_name": "learning rate"}),
        },
        {"step": list(study.looks), "rate": list(study.rates)},
    )


def halved(whole: Dataset) -> Dataset:
    """The same pictures with half as many pixels a side, each the mean of four."""
    train, test = (Split(F.avg_pool2d(s.x, 2), s.y) for s in (whole.train, whole.test))
    pool = whole.pool and replace(whole.pool, x=F.avg_pool2d(whole.pool.x.float(), 2))
    return replace(whole, train=train, test=test, pool=pool)


def put_aside(population: Population, aside: Dataset) -> Portion:
    """What was put aside, as each member sees it: standardised by its own training examples."""
    assert aside.pool is not None
    rows = torch.arange(len(aside.pool), device=aside.pool.y.device)
    shared = rows.expand(len(population.members), -1)
    return replace(population.data.train, x=aside.pool.x, y=aside.pool.y, rows=shared)


@torch.no_grad()
def right(population: Population, portion: Portion, examples: int) -> Tensor:
    """Accuracy (member,) on the first examples, by precise statistics; chance for the diverged."""
    net, buffers = population.net, population.buffers
    layers = [m for m in net.modules() if isinstance(m, norms.Norm)]
    if any(m.keeps_statistics and not isinstance(m, norms.get("frozen")) for m in layers):
        buffers = _precise(population)

    def predicted(params: Tensors, buffers: Tensors, x: Tensor) -> Tensor:
        return functional_call(net, (params, buffers), (x,))

    x, y = portion[slice(examples)]
    with norms.using(net, "population"):
        logits = over_members(net, predicted, (0, 0, 0))(population.params, buffers, x)
    found = (logits.argmax(-1) == y).float().mean(1)
    lost = population.diverged_at.isfinite() | ~logits.isfinite().flatten(1).all(1)
    return found.masked_fill(lost, 1 / len(population.data.classes)).cpu()


def _precise(population: Population) -> Tensors:
    """Buffers with the moments of the first training examples at the present weights."""
    x, _ = population.data.train[slice(KNOWN)]

    def pooled(params: Tensors, buffers: Tensors, x: Tensor) -> Tensors:
        own = {name: b.clone() for name, b in buffers.items()}
        functional_call(population.net, (params, own), (x,))
        return own

    fresh = {
        name: torch.zeros_like(b) if name.endswith("num_batches_tracked") else b
        for name, b in population.buffers.items()
    }
    with norms.using(population.net, "collect"):
        return over_members(population.net, pooled, (0, 0, 0))(population.params, fresh, x)


def plan(scale: str) -> Comparison:
    """Four dense networks; at larger scales for longer, with more seeds, on all the digits."""
    settings, seeds, networks = {
        "smoke": (
            Study("mnist-5k", (2, 4), (0.1, 1.0), (100,)),
            2,
            ("3 ReLU layers", "4 sigmoid layers"),
        ),
        "book": (
            Study(
                "mnist-5k",
                (4, 8, 16, 32, 64, 128),
                (0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
                (100, 101),
            ),
            8,
            tuple(NETWORKS),
        ),
        "paper": (
            Study(
                "mnist",
                (10, 30, 100, 300, 1000, 3000, 10_000),
                (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0),
                (100, 101, 102),
            ),
            20,
            tuple(NETWORKS),
        ),
    }[scale]
    arms = crossed(network=networks, part=tuple(PARTS))
    paired_in = [name for name in PAIRED_IN if name in networks]
    arms += crossed(network=paired_in, part=tuple(PAIRS))
    study = replace(settings, specs=tuple(map(network, arms)))
    return Comparison(arms, tuple(range(seeds)), measure, study, study.data)


EXPERIMENT = Experiment(
    name="dissection",
    question="Which part of batch normalization does the work?",
    plan=plan,
)
