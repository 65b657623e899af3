"""Test data unlike the training data: four kinds of mismatch, and which statistics survive them."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
import xarray as xr
from torch import Tensor

from bnbook import data, norms
from bnbook.data import Split
from bnbook.experiments.shaken import LAB
from bnbook.factors import Factors, crossed
from bnbook.nets import MLP, VGG, Network, Spec
from bnbook.study import NATURAL, SCALES, Comparison, Experiment, ExperimentError, draws
from bnbook.text import unknown
from bnbook.train import SGD, Member
from bnbook.train.population import Population

OPTIONS: dict[str, tuple[tuple[str, Any], ...]] = {
    "none": (),
    "batch": (),
    "renorm": (("warmup", 20),),  # in proportion to these short runs
    "layer": (),
}
ARMS = crossed(norm=tuple(OPTIONS))
STRENGTHS: dict[str, tuple[float, ...]] = {
    "noise": (0.0, 0.5, 1.0, 1.5, 2.0),
    "contrast": (0.0, 0.3, 0.6, 0.8, 0.9),
    "translation": (0.0, 1.0, 2.0, 3.0, 4.0),
    "labels": (0.0, 0.5, 0.8, 0.9, 1.0),
}
"""Kinds of mismatch, each with its strength at levels 0 (none) to 4."""
FAVOURED = 2  # classes that a shift of labels leaves


@dataclass(frozen=True)
class Mismatch:
    """How test data differ from training data; strength 0 gives them back as they are.

    noise         x + strength·N(0, 1), with the unit of x: a standard deviation of all pixels
    contrast      the mean image + (1 − strength)·(x − mean image), strength up to 1
    translation   x moved to the right by `strength` whole pixels, the paper's colour behind it
    labels        all examples of two classes, and of the others only a share 1 − strength

    The first three shift the inputs and leave the labels; the last leaves p(x | y) as it is.
    """

    kind: str
    strength: float

    def __post_init__(self) -> None:
        if self.kind not in STRENGTHS:
            raise ExperimentError(unknown("mismatch", self.kind, STRENGTHS))
        most = 1.0 if self.kind in ("contrast", "labels") else float("inf")
        if not 0 <= self.strength <= most:
            raise ExperimentError(f"{self}: the strength lies between 0 and {most:g}")
        if self.kind == "translation" and self.strength % 1:
            raise ExperimentError(f"{self}: pictures move by whole pixels")

    def __call__(self, x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Images (N, C, H, W) and labels (N,) as they are met at test time."""
        if self.strength == 0:
            return x, y
        if self.kind == "labels":
            chance = torch.rand(len(y), generator=generator)
            kept = (y < FAVOURED) | (chance >= self.strength)
            return x[kept], y[kept]
        return self._moved(x, generator), y

    def _moved(self, x: Tensor, generator: torch.Generator) -> Tensor:
        if self.kind == "noise":
            return x + self.strength * torch.randn(x.shape, generator=generator, dtype=x.dtype)
        if self.kind == "contrast":
            mean = x.mean(0, keepdim=True)
            return mean + (1 - self.strength) * (x - mean)
        pixels = min(int(self.strength), x.shape[-1])
        moved = torch.full_like(x, float(x.min()))
        moved[..., pixels:] = x[..., : x.shape[-1] - pixels]
        return moved


@dataclass(frozen=True)
class Deployment:
    """Networks trained on clean images, and how they are then used.

    They are dense, or VGG networks with these `stages` on images of half as many pixels a side.
    `adapted_on` are numbers of unlabelled test examples that statistics adapt to, and
    `pseudo_counts` how many examples the training statistics count for beside them.
    `test_batches` are sizes of test batches that are normalised by themselves. `judges` is the
    number of test examples that are used, None for all.
    """

    data: str = "mnist-5k"
    widths: tuple[int, ...] = (64, 64)
    stages: tuple[tuple[int, int], ...] = ()
    judges: int | None = None
    batch_size: int = 64
    learning_rate: float = 0.1
    steps: int = 400
    pseudo_counts: tuple[float, ...] = (0.0, 4.0, 16.0, 64.0, 256.0)
    adapted_on: tuple[int, ...] = (8, 64)
    test_batches: tuple[int, ...] = (2, 3, 4, 6, 8, 16, 32, 64, 128, 256)

    def network(self, norm: str) -> Spec:
        """The network with a normaliser."""
        if self.stages:
            return VGG(self.stages, norm=norm, norm_options=OPTIONS[norm], input_shrink=2)
        return MLP(self.widths, "relu", norm, norm_options=OPTIONS[norm])


def measure(
    settings: Deployment, arm: Factors, seeds: tuple[int, ...], device: str = "cpu"
) -> xr.Dataset:
    """Test accuracies of one normaliser under every mismatch.

    accuracy      (kind, level, statistics) by population statistics, and by those of test
                  batches of the training size
    adapted       (kind, level, examples, pseudo_count) by population statistics mixed with the
                  moments of some unlabelled test examples, judged on the others
    test_batch    (size,) without mismatch, by the statistics of test batches of a size
    """
    digits = data.load(settings.data)
    norm = arm["norm"]
    members = [Member(norm, seed, settings.learning_rate) for seed in seeds]
    population = Population(
        settings.network(norm), SGD(), settings.batch_size, members, digits.to(device)
    )
    for _ in range(settings.steps):
        population.step()
    found = [
        _used(settings, population.network(i).cpu(), digits.split(seed).test, seed)
        for i, seed in enumerate(seeds)
    ]
    return _described(xr.concat(found, "seed"))


def _used(settings: Deployment, net: Network, test: Split, seed: int) -> xr.Dataset:
    """One network under every mismatch; the test examples come in the seed's order."""
    order = torch.randperm(len(test), generator=torch.Generator().manual_seed(seed))
    order = order[: settings.judges]
    x, y = test.x[order], test.y[order]
    kinds = []
    for kind, strengths in STRENGTHS.items():
        levels = []
        for strength in strengths:
            generator = draws(seed)
            levels.append(_at(settings, net, *Mismatch(kind, strength)(x, y, generator)))
        kinds.append(xr.concat(levels, "level"))
    found = xr.concat(kinds, "kind").assign_coords(
        kind=list(STRENGTHS),
        level=range(len(strengths)),
        strength=(("kind", "level"), list(STRENGTHS.values())),
    )
    sizes = settings.test_batches
    found["test_batch"] = ("size", [_by_batch(net, x, y, n) for n in sizes])
    return found.assign_coords(size=list(sizes))


def _at(settings: Deployment, net: Network, x: Tensor, y: Tensor) -> xr.Dataset:
    """The accuracies of a network on these test examples; the first ones are adapted to."""
    rest = slice(max(settings.adapted_on), None)
    plain = [
        _accuracy(net, x[rest], y[rest]),
        _by_batch(net, x[rest], y[rest], settings.batch_size),
    ]
    adapted = [
        [
            _adapted(net, x[:n], count, x[rest], y[rest], plain[0])
            for count in settings.pseudo_counts
        ]
        for n in settings.adapted_on
    ]
    return xr.Dataset(
        {"accuracy": ("statistics", plain), "adapted": (("examples", "pseudo_count"), adapted)},
        {
            "statistics": ["population", "batch"],
            "examples": list(settings.adapted_on),
            "pseudo_count": list(settings.pseudo_counts),
        },
    )


def _adapted(
    net: Network, seen: Tensor, pseudo_count: float, x: Tensor, y: Tensor, plain: float
) -> float:
    """Accuracy on x after statistics were adapted to `seen`; `plain` if the network keeps none."""
    if not any(isinstance(m, norms.Norm) and m.keeps_statistics for m in net.modules()):
        return plain
    copied = copy.deepcopy(net)
    norms.adapt_statistics(copied, [seen], pseudo_count)
    return _accuracy(copied, x, y)


@torch.no_grad()
def _accuracy(net: Network, x: Tensor, y: Tensor) -> float:
    """Share of right answers by population statistics."""
    with norms.using(net, "population"):
        return float((net(x).argmax(-1) == y).float().mean())


@torch.no_grad()
def _by_batch(net: Network, x: Tensor, y: Tensor, size: int) -> float:
    """The same by the statistics of full test batches of `size`, or one smaller batch."""
    size = min(size, len(y))
    full = len(y) // size * size
    with norms.using(net, "batch"):
        right = [
            (net(part).argmax(-1) == labels).float().mean()
            for part, labels in zip(x[:full].split(size), y[:full].split(size), strict=True)
        ]
    return float(torch.stack(right).mean())


def _described(record: xr.Dataset) -> xr.Dataset:
    for name in record.data_vars:
        record[name].attrs = {"units": "1", "long_name": "test accuracy"}
    record["size"].attrs["long_name"] = "examples in a test batch"
    record["level"].attrs["long_name"] = "level of mismatch"
    record["pseudo_count"].attrs["long_name"] = "pseudo-count N"
    record["examples"].attrs["long_name"] = "test examples adapted to"
    return record


def plan(scale: str) -> Comparison:
    """Dense networks on digits, convolutions on natural images in the lab."""
    settings, seeds = {
        "smoke": (Deployment(steps=20, pseudo_counts=(0.0, 16.0), test_batches=(2, 8, 64)), 2),
        "book": (Deployment(), 10),
        "lab": (Deployment(NATURAL, stages=LAB, steps=1_000, judges=1_000), 8),
        "paper": (Deployment("mnist", (100, 100, 100), steps=20_000), 10),
    }[scale]
    return Comparison(ARMS, tuple(range(seeds)), measure, settings, settings.data)


EXPERIMENT = Experiment(
    name="mismatch",
    question="What do a network's statistics do when test data are unlike training data?",
    plan=plan,
    scales=SCALES,
)
