"""What batch normalization adds to the time of one training step, by width and batch size."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
import xarray as xr
from torch import nn

from bnbook.factors import crossed
from bnbook.study import Experiment, Measurement

NORMS = ("none", "batch")


@dataclass(frozen=True)
class Timing:
    """Three hidden sigmoid layers on 784 inputs and plain SGD, of torch's own layers.

    The source's sizes are a width of 100 and batches of 60. In each of `rounds` every arm takes
    one step at every size, one arm after the other, so that what else the machine does falls on
    both; the first round warms up and is not counted.
    """

    widths: tuple[int, ...] = (25, 50, 100, 200)
    batch_sizes: tuple[int, ...] = (15, 60, 240)
    inputs: int = 784
    classes: int = 10
    rounds: int = 25

    def build(self, arm: str, width: int) -> nn.Sequential:
        """The arm's network: batch normalization, where there is one, before each sigmoid."""
        layers: list[nn.Module] = []
        for fan_in in (self.inputs, width, width):
            norm = [nn.BatchNorm1d(width)] if arm == "batch" else []
            layers += [nn.Linear(fan_in, width), *norm, nn.Sigmoid()]
        return nn.Sequential(*layers, nn.Linear(width, self.classes))


def measure(settings: Timing, seed: int) -> xr.Dataset:
    """Milliseconds of one step, (arm, width, batch_size, summary): minimum and median of rounds."""
    sizes = [(w, m) for w in settings.widths for m in settings.batch_sizes]
    generator = torch.Generator().manual_seed(seed)
    steps = [[training(settings, arm, w, m, generator) for arm in NORMS] for w, m in sizes]
    seconds = interleaved(steps, settings.rounds)
    summaries = np.stack([seconds.min(0), np.median(seconds, 0)], -1)
    shape = (len(settings.widths), len(settings.batch_sizes), len(NORMS), 2)
    dims = ("width", "batch_size", "arm", "summary")
    attrs = {"units": "ms", "long_name": "time of a step"}
    return xr.Dataset(
        {"step_time": (dims, 1e3 * summaries.reshape(shape), attrs)},
        {
            "arm": list(NORMS),
            "width": list(settings.widths),
            "batch_size": list(settings.batch_sizes),
            "summary": ["minimum", "median"],
        },
    ).transpose("arm", ...)


def training(
    settings: Timing, arm: str, width: int, batch_size: int, generator: torch.Generator
) -> Callable[[], None]:
    """A function that takes one training step of a new network on a batch of noise."""
    net = settings.build(arm, width)
    rule = torch.optim.SGD(net.parameters(), 0.01)
    x = torch.randn(batch_size, settings.inputs, generator=generator)
    y = torch.randint(settings.classes, (batch_size,), generator=generator)

    def step() -> None:
        rule.zero_grad()
        F.cross_entropy(net(x), y).backward()
        rule.step()

    return step


def interleaved(steps: list[list[Callable[[], None]]], rounds: int) -> np.ndarray:
    """Seconds (round, size, arm); arms take turns, and who begins changes with the round."""
    seconds = np.empty((rounds + 1, len(steps), len(steps[0])))
    for i in range(rounds + 1):
        for j, arms in enumerate(steps):
            for k in np.roll(range(len(arms)), i):
                started = time.perf_counter()
                arms[k]()
                seconds[i, j, k] = time.perf_counter() - started
    return seconds[1:]


def plan(scale: str) -> Measurement:
    """A seed is a repeat, with new networks; all in one process, so that nothing runs beside."""
    repeats, rounds = {"smoke": (2, 3), "book": (10, 25), "paper": (20, 100)}[scale]
    return Measurement(
        crossed(norm=NORMS),
        tuple(range(repeats)),
        measure,
        Timing(rounds=rounds),
        seeds_per_task=repeats,
    )


EXPERIMENT = Experiment(
    name="step-cost",
    question="How much longer does a training step take with batch normalization?",
    plan=plan,
)
