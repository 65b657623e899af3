"""How far running statistics trail the statistics they follow, when those drift."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import xarray as xr

from bnbook.factors import crossed, names_of
from bnbook.laws import ema_lag
from bnbook.norms.batch import BatchNorm
from bnbook.study import Experiment, Measurement

MOMENTA = (0.5, 0.1, 0.01)
ARMS = crossed(α=MOMENTA)


@dataclass(frozen=True)
class Drift:
    """Batches of `batch_size` values from N(drift·t, 1) at step t, into BN, for many channels."""

    drift: float = 0.02
    batch_size: int = 64
    channels: int = 20
    steps: int = 400
    every: int = 5


def measure(settings: Drift, seed: int) -> xr.Dataset:
    """The running mean minus the true one, averaged over channels, and the closed form."""
    lags = []
    for momentum in MOMENTA:
        generator = torch.Generator().manual_seed(seed)
        norm, lag = BatchNorm(settings.channels, momentum=momentum).double(), []
        for step in range(1, settings.steps + 1):
            mean = settings.drift * step
            shape = (settings.batch_size, settings.channels)
            norm(mean + torch.randn(shape, generator=generator, dtype=torch.float64))
            lag.append((norm.running_mean - mean).mean().item())
        lags.append(lag[settings.every - 1 :: settings.every])
    steps = torch.arange(settings.every, settings.steps + 1, settings.every, dtype=torch.float64)
    law = torch.stack([ema_lag(steps, momentum, settings.drift) for momentum in MOMENTA])
    return xr.Dataset(
        {
            "lag": (("arm", "step"), torch.tensor(lags), {"units": "σ"}),
            "closed_form": (("arm", "step"), law, {"units": "σ"}),
        },
        {"arm": list(names_of(ARMS)), "step": steps.long().tolist()},
    )


def plan(scale: str) -> Measurement:
    """The same drift at every scale; more seeds at larger ones."""
    seeds, steps = {"smoke": (5, 50), "book": (10, 400), "paper": (20, 1000)}[scale]
    return Measurement(ARMS, tuple(range(seeds)), measure, Drift(steps=steps))


EXPERIMENT = Experiment(
    name="running-lag",
    question="How far do running statistics trail the statistics they follow?",
    plan=plan,
)
