"""Normalizing each feature, or whitening all together: the number of steps, and their price."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr

from bnbook import data
from bnbook.data import Split
from bnbook.factors import crossed
from bnbook.nets import MLP, MultilayerPerceptron
from bnbook.study import Experiment, Measurement

NORMS = ("none", "batch", "whitening-zca", "whitening-iterative")
WINDOW = 5  # steps over which the training loss is averaged before it is compared with the target


@dataclass(frozen=True)
class Race:
    """Two hidden layers of 64 ReLU units, batches of 256, every layer whitened whole.

    Each arm runs at each learning rate and is credited with its best.
    """

    data: str = "mnist-5k"
    widths: tuple[int, ...] = (64, 64)
    batch_size: int = 256
    learning_rates: tuple[float, ...] = (0.3, 1.0, 3.0, 6.0)
    target: float = 0.2
    steps: int = 120
    rounds: int = 15

    def build(self, arm: str, seed: int) -> MultilayerPerceptron:
        """The arm's network; the same weights for every arm of a seed."""
        options: tuple[tuple[str, Any], ...] = (("groups", 1),) if "whitening" in arm else ()
        return MLP(self.widths, "relu", arm, options).build((28, 28), 10, seed)


def measure(settings: Race, seed: int) -> xr.Dataset:
    """Updates until the training loss is at the target, and seconds of one update.

    `steps_to_target` is (arm, learning_rate), and the last step where the target was not
    `reached`. `step_time` is (arm, summary), the minimum and the
    median over rounds; in a round each arm takes one step, so that what else the machine does
    falls on all of them.
    """
    found = np.array(
        [
            [_steps_to_target(settings, arm, rate, seed) for rate in settings.learning_rates]
            for arm in NORMS
        ],
        float,
    )
    dims = ("arm", "learning_rate")
    times = _step_times(settings, seed)
    summaries = np.stack([times.min(0), np.median(times, 0)], 1)
    return xr.Dataset(
        {
            "steps_to_target": (dims, found.clip(max=settings.steps), {"units": "step"}),
            "reached": (dims, np.isfinite(found).astype(float), {"units": "1"}),
            "step_time": (("arm", "summary"), summaries * 1e3, {"units": "ms"}),
        },
        {
            "arm": list(NORMS),
            "learning_rate": list(settings.learning_rates),
            "summary": ["minimum", "median"],
        },
    )


def _steps_to_target(settings: Race, arm: str, rate: float, seed: int) -> float:
    step, losses = _training(settings, arm, rate, seed), []
    for taken in range(1, settings.steps + 1):
        losses.append(step())
        if not np.isfinite(losses[-1]):
            break
        if taken >= WINDOW and sum(losses[-WINDOW:]) / WINDOW <= settings.target:
            return float(taken)
    return math.inf


def _step_times(settings: Race, seed: int) -> np.ndarray:
    """Seconds (round, arm), after one round of warming up."""
    trainings = [_training(settings, arm, 0.01, seed) for arm in NORMS]
    seconds = np.empty((settings.rounds + 1, len(NORMS)))
    for i in range(settings.rounds + 1):
        for j, step in enumerate(trainings):
            started = time.perf_counter()
            step()
            seconds[i, j] = time.perf_counter() - started
    return seconds[1:]


def _training(settings: Race, arm: str, rate: float, seed: int) -> Callable[[], float]:
    """A function that takes one step of SGD and returns the loss before it."""
    train = data.load(settings.data).split(seed).train
    net, generator = settings.build(arm, seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(net.parameters(), rate)
    return partial(_step, settings.batch_size, train, net, optimizer, generator)


def _step(
    batch_size: int,
    train: Split,
    net: MultilayerPerceptron,
    optimizer: torch.optim.Optimizer,
    generator: torch.Generator,
) -> float:
    chosen = torch.randint(len(train), (batch_size,), generator=generator)
    optimizer.zero_grad()
    loss = F.cross_entropy(net(train.x[chosen]), train.y[chosen])
    loss.backward()
    optimizer.step()
    return loss.item()


def plan(scale: str) -> Measurement:
    """More seeds at larger scales; at smoke scale runs are cut short."""
    seeds, steps = {"smoke": (5, 8), "book": (10, 120), "paper": (20, 600)}[scale]
    settings = Race(steps=steps, rounds=4 if scale == "smoke" else 15)
    return Measurement(
        crossed(norm=NORMS), tuple(range(seeds)), measure, settings, data=settings.data
    )


EXPERIMENT = Experiment(
    name="whitening",
    question="Does whitening train in fewer steps than normalizing each feature, and at what cost?",
    plan=plan,
)
