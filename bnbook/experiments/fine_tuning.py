"""Networks with BN that go on with a few other pictures: do their statistics move, or stay?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import xarray as xr

from bnbook import data
from bnbook.data import Dataset, Split
from bnbook.experiments.averaged_clients import start_as
from bnbook.experiments.dissection import halved
from bnbook.factors import Factors, crossed, name_of
from bnbook.nets import MLP, Spec
from bnbook.probes.accuracy import predictions
from bnbook.study import Comparison, Experiment
from bnbook.train import SGD, Member
from bnbook.train.population import Population

STATISTICS = {"moving": "batch", "frozen": "frozen"}
"""The normaliser of the second training: statistics of its batches, or those of the first kept."""


@dataclass(frozen=True)
class Tuning:
    """First all digits for `steps`, then `examples` mirrored ones for `more` steps, at each rate.

    Pictures are mirrored at their diagonal, and the digits stay what they are. `specs` are the
    networks of the arms.
    """

    data: str
    steps: int
    more: int
    rates: tuple[float, ...]
    examples: int = 200
    widths: tuple[int, ...] = (64, 64)
    batch_size: int = 32
    learning_rate: float = 0.1
    specs: tuple[Spec, ...] = ()


def mirrored(whole: Dataset, examples: int) -> Dataset:
    """The first training examples and all test ones, with rows for columns."""
    train, test = (Split(s.x.transpose(2, 3), s.y) for s in (whole.train, whole.test))
    return replace(whole, train=Split(train.x[:examples], train.y[:examples]), test=test)


def measure(settings: Tuning, arm: Factors, seeds: tuple[int, ...], device: str) -> xr.Dataset:
    """One arm: accuracy (seed, rate) on mirrored test digits, by the statistics it ends with."""
    digits = halved(data.load(settings.data)).to(device)
    members = [Member(name_of(arm), seed, settings.learning_rate) for seed in seeds]
    first = Population(
        MLP(settings.widths, norm="batch"), SGD(), settings.batch_size, members, digits
    )
    for _ in range(settings.steps):
        first.step()
    known = [first.network(i) for i in range(len(seeds))]
    wholes = {seed: mirrored(digits.split(seed), settings.examples) for seed in seeds}
    second = Population(
        MLP(settings.widths, norm=STATISTICS[arm["statistics"]]),
        SGD(),
        int(arm["m"]),
        [Member(name_of(arm), seed, rate) for seed in seeds for rate in settings.rates],
        wholes,
    )
    start_as(second, known, len(settings.rates))
    for _ in range(settings.more):
        second.step()
    logits, y = predictions(second.snapshot())["test", "population"]
    right = (logits.argmax(-1) == y).float().mean(-1).view(len(seeds), -1)
    return xr.Dataset(
        {"accuracy": (("seed", "rate"), right, {"units": "1", "long_name": "test accuracy"})},
        {"rate": list(settings.rates)},
    )


def plan(scale: str) -> Comparison:
    """Small batches and larger ones, with statistics that move and ones that do not."""
    settings, sizes, seeds = {
        "smoke": (Tuning("mnist-5k", 10, 4, (0.01, 0.1)), (4, 16), 2),
        "book": (Tuning("mnist-5k", 400, 200, (0.01, 0.03, 0.1)), (2, 4, 16), 8),
        "paper": (Tuning("mnist", 10_000, 2_000, (0.003, 0.01, 0.03, 0.1)), (2, 4, 16, 64), 20),
    }[scale]
    specs = tuple(MLP(settings.widths, norm=norm) for norm in STATISTICS.values())
    settings = replace(settings, specs=specs)
    arms = crossed(statistics=tuple(STATISTICS), m=sizes)
    return Comparison(arms, tuple(range(seeds)), measure, settings, settings.data)


EXPERIMENT = Experiment(
    name="fine-tuning",
    question="Should statistics move or stay when a network with BN is trained on, in the small?",
    plan=plan,
)
