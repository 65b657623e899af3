"""The first race by the clock: how many steps to the target, and how long each of them takes."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cache

import torch
import torch.nn.functional as F
import xarray as xr
from torch import Tensor, nn

from bnbook import data
from bnbook.data import Split
from bnbook.factors import Factors, crossed, names_of
from bnbook.nets import MLP, Spec
from bnbook.study import Experiment, Measurement
from bnbook.train import SGD, Batches, Group, Member, Tuned, log_spaced
from bnbook.train.tuning import tuned

SHARED = 0.5  # this and RATES are those of first-race
RATES = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
ARMS = crossed(choice=("shared", "tuned"), norm=("none", "batch"))


@dataclass(frozen=True)
class Clock:
    """Three hidden layers of 100 sigmoid units, of torch's own layers, and plain SGD.

    Batches of 60 are the source's. All arms of a seed train side by side, one step of each in
    turn, so that what else the machine does falls on all of them; testing is not timed.
    `tuning` is on how many other seeds, and for how many steps, the rates of "tuned" are tried;
    `specs` are the networks that it trains.
    """

    data: str
    looks: tuple[int, ...]
    tuning: tuple[int, int]
    batch_size: int = 60
    widths: tuple[int, ...] = (100, 100, 100)
    specs: tuple[Spec, ...] = ()


def measure(settings: Clock, seed: int) -> xr.Dataset:
    """Of every arm of one seed:

    accuracy     (step,) on test examples by running statistics
    step_time    the median of its steps, in milliseconds
    """
    kept, _ = data.load(settings.data).apart()
    digits = kept.split(seed)
    batches = Batches(digits.train.y, settings.batch_size, [seed])
    runs = [
        Run(in_torch(settings, arm["norm"], digits.input_shape, seed), rate_of(settings, arm))
        for arm in ARMS
    ]
    accuracy, seconds = [], []
    for step in range(settings.looks[-1] + 1):
        if step in settings.looks:
            accuracy.append([run.right(digits.test) for run in runs])
        x, y = (part[batches[step][0]] for part in (digits.train.x, digits.train.y))
        for run in runs[step % len(runs) :] + runs[: step % len(runs)]:
            run.step(x, y)
    for run in runs:
        seconds.append(float(torch.tensor(run.seconds[1:]).median()))  # the first warms up
    step_time = ("arm", [1e3 * each for each in seconds])
    return xr.Dataset(
        {
            "accuracy": (("step", "arm"), accuracy, {"units": "1", "long_name": "test accuracy"}),
            "step_time": (*step_time, {"units": "ms", "long_name": "time of a step"}),
        },
        {"step": list(settings.looks), "arm": list(names_of(ARMS))},
    ).transpose("arm", ...)


class Run:
    """One network on its way, and how long each of its steps took."""

    def __init__(self, net: nn.Module, rate: float) -> None:
        self.net, self.rule = net, torch.optim.SGD(net.parameters(), rate)
        self.seconds: list[float] = []

    def step(self, x: Tensor, y: Tensor) -> None:
        """One timed update."""
        started = time.perf_counter()
        self.rule.zero_grad()
        F.cross_entropy(self.net(x), y).backward()
        self.rule.step()
        self.seconds.append(time.perf_counter() - started)

    @torch.no_grad()
    def right(self, test: Split) -> float:
        """Share of the test examples that it gets right by running statistics."""
        self.net.eval()
        found = (self.net(test.x).argmax(1) == test.y).double().mean()
        self.net.train()
        return float(found)


def network(settings: Clock, norm: str) -> MLP:
    """The network of this book that `in_torch` is."""
    return MLP(settings.widths, "sigmoid", norm, init="glorot")


def in_torch(settings: Clock, norm: str, shape: tuple[int, ...], seed: int) -> nn.Sequential:
    """`network` with the weights of a seed, of torch's own layers."""
    ours = network(settings, norm).build(shape, 10, seed)
    layers: list[nn.Module] = [nn.Flatten()]
    for each, width in zip(ours.layers, settings.widths, strict=True):
        layers.append(_copied(each.get_submodule("linear")))
        if norm == "batch":
            layers.append(nn.BatchNorm1d(width))
        layers.append(nn.Sigmoid())
    return nn.Sequential(*layers, _copied(ours.head))


def _copied(linear: nn.Module) -> nn.Linear:
    assert isinstance(linear, nn.Linear)
    made = nn.Linear(linear.in_features, linear.out_features, bias=linear.bias is not None)
    made.load_state_dict(linear.state_dict())
    return made


def rate_of(settings: Clock, arm: Factors) -> float:
    """The learning rate of an arm."""
    return SHARED if arm["choice"] == "shared" else best_rate(settings, arm["norm"])


@cache
def best_rate(settings: Clock, norm: str) -> float:
    """The rate that suits a network best, tuned as everywhere in the book, with examples aside."""
    _, aside = data.load(settings.data).apart()
    tries, steps = settings.tuning
    how = Tuned(RATES, tuple(range(1000, 1000 + tries)), steps)
    member = Member(norm, 0, how)
    group = Group(
        settings.data, network(settings, norm), SGD(), settings.batch_size, (member,), 1, (), ()
    )
    (found,) = tuned(group, aside).members
    assert isinstance(found.learning_rate, float)
    return found.learning_rate


def plan(scale: str) -> Measurement:
    """Seeds train one after the other in one process, so that nothing of ours runs beside."""
    seeds, settings = {
        "smoke": (2, Clock("mnist-5k", log_spaced(20, 5), (1, 5))),
        "book": (8, Clock("mnist-5k", log_spaced(1_000, 16), (2, 300))),
        "paper": (10, Clock("mnist", log_spaced(50_000, 40), (2, 10_000))),
    }[scale]
    specs = tuple(network(settings, norm) for norm in ("none", "batch"))
    settings = replace(settings, specs=specs)
    return Measurement(
        ARMS, tuple(range(seeds)), measure, settings, data=settings.data, seeds_per_task=seeds
    )


EXPERIMENT = Experiment(
    name="race-by-clock",
    question="Does batch normalization save time, when each of its steps takes longer?",
    plan=plan,
)
