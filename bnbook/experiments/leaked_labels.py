"""Examples that see each other: what the others of its batch betray of one example."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import xarray as xr
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.func import vmap

from bnbook import data, norms
from bnbook.data import Split
from bnbook.experiments.dissection import halved
from bnbook.factors import Factors, name_of
from bnbook.nets import MLP, Network, Spec
from bnbook.study import Comparison, Experiment
from bnbook.train import SGD, Member
from bnbook.train.population import Population

ARMS: tuple[Factors, ...] = (
    {"norm": "batch", "statistics": "batch"},
    {"norm": "batch", "statistics": "population"},
    {"norm": "layer", "statistics": "batch"},
)


@dataclass(frozen=True)
class Leak:
    """Networks, and whoever reads one example's class off the logits of the others.

    A batch holds the same `size` − 1 test pictures each time, and one more, the victim. `known`
    victims are told their classes, to a ridge classifier that sees the logits of the others and
    nothing else; it is judged on `judged` victims more. `specs` are those of all arms.
    """

    data: str
    steps: int
    sizes: tuple[int, ...]
    known: int = 400
    judged: int = 300
    widths: tuple[int, ...] = (64, 64)
    batch_size: int = 32
    learning_rate: float = 0.1
    specs: tuple[Spec, ...] = ()


def measure(settings: Leak, arm: Factors, seeds: tuple[int, ...], device: str) -> xr.Dataset:
    """One arm: how often a victim's class is told (seed, size) by the logits of its companions."""
    digits = halved(data.load(settings.data)).to(device)
    members = [Member(name_of(arm), seed, settings.learning_rate) for seed in seeds]
    spec = MLP(settings.widths, norm=arm["norm"])
    population = Population(spec, SGD(), settings.batch_size, members, digits)
    for _ in range(settings.steps):
        population.step()
    told = [
        [
            _told(settings, population.network(i), digits.split(seed).test, arm, size)
            for size in settings.sizes
        ]
        for i, seed in enumerate(seeds)
    ]
    words = "accuracy of telling the class of an example by the others of its batch"
    return xr.Dataset(
        {"told": (("seed", "size"), told, {"units": "1", "long_name": words})},
        {"size": ("size", list(settings.sizes), {"long_name": "examples in a batch"})},
    )


def _told(settings: Leak, net: Network, test: Split, arm: Factors, size: int) -> float:
    """Share of the judged victims whose class the classifier tells."""
    victims = slice(size - 1, size - 1 + settings.known + settings.judged)
    with norms.using(net, arm["statistics"]):
        seen = betrayed(net, test.x[: size - 1], test.x[victims]).cpu().double().numpy()
    known, y = settings.known, test.y[victims].cpu().numpy()
    scaler = StandardScaler().fit(seen[:known])
    reader = RidgeClassifier().fit(scaler.transform(seen[:known]), y[:known])
    return float(reader.score(scaler.transform(seen[known:]), y[known:]))


@torch.no_grad()
def betrayed(net: Network, company: Tensor, victims: Tensor) -> Tensor:
    """Logits (victim, companions·classes) of the company, in a batch with each of the victims."""

    def beside(victim: Tensor) -> Tensor:
        logits = net(torch.cat([company, victim[None]]))
        assert isinstance(logits, Tensor)
        return logits[:-1].flatten()

    return vmap(beside)(victims)


def plan(scale: str) -> Comparison:
    """Batch statistics, the same network with population statistics, and layer normalization."""
    settings, seeds = {
        "smoke": (Leak("mnist-5k", 10, (4, 16), known=60, judged=40), 2),
        "book": (Leak("mnist-5k", 400, (4, 16, 64)), 8),
        "paper": (Leak("mnist", 10_000, (4, 16, 64, 256), 4_000, 2_000, (100,) * 3), 20),
    }[scale]
    specs = tuple(MLP(settings.widths, norm=arm["norm"]) for arm in ARMS)
    settings = replace(settings, specs=specs)
    return Comparison(ARMS, tuple(range(seeds)), measure, settings, settings.data)


EXPERIMENT = Experiment(
    name="leaked-labels",
    question="What do the other examples of its batch betray of an example?",
    plan=plan,
)
