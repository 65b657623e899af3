"""How many values a convolutional batch really has: neighbouring positions tell the same."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
import xarray as xr
from torch import Tensor

from bnbook import data
from bnbook.factors import crossed, names_of
from bnbook.laws import effective_count
from bnbook.study import Experiment, Measurement

ARMS = crossed(estimate=("counted", "measured", "from correlations"))


@dataclass(frozen=True)
class Filters:
    """What a second layer of random 3 × 3 filters gives on `pool` digits, ReLU between the layers.

    Batches are drawn from these digits with replacement.
    """

    data: str = "mnist-5k"
    filters: int = 8
    examples: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    batches: int = 1000
    pool: int = 1000


def measure(settings: Filters, seed: int) -> xr.Dataset:
    """Values behind the mean of a channel in a batch of N examples, and the effective number.

    counted             N·P·Q
    measured            σ²/Var μ_B over batches, harmonic mean over filters
    from correlations   N·(PQ)²/ΣR, with R the correlations of the positions within an example
    """
    generator = torch.Generator().manual_seed(seed)
    x = data.load(settings.data).split(seed).train.x[: settings.pool].double()
    for channels in (1, settings.filters):
        shape = (settings.filters, channels, 3, 3)
        kernels = torch.randn(shape, generator=generator, dtype=x.dtype)
        x, z = F.conv2d(x, kernels).relu(), F.conv2d(x, kernels).flatten(2)
    counts = torch.tensor(settings.examples)
    found = torch.stack(
        [
            counts * z.shape[2],
            _measured(z, settings, generator),
            counts * per_example(z),
        ]
    )
    return xr.Dataset(
        {"values": (("arm", "examples"), found, {"units": "1", "long_name": "values"})},
        {"arm": list(names_of(ARMS)), "examples": list(settings.examples)},
    )


def _measured(z: Tensor, settings: Filters, generator: torch.Generator) -> Tensor:
    """One number for each size of the batch."""
    means, variance, found = z.mean(2), z.var((0, 2), correction=0), []
    for n in settings.examples:
        chosen = torch.randint(len(z), (settings.batches, n), generator=generator)
        spread = means[chosen].mean(1).var(0, correction=0)
        found.append(1 / (spread / variance).mean())
    return torch.stack(found)


def per_example(z: Tensor) -> Tensor:
    """Effective number of values of an example of z (N, C, positions); harmonic mean over C.

    Positions differ in mean and variance here, so R holds the covariances about the channel's
    mean, divided by the channel's variance.
    """
    found = []
    for channel in z.transpose(0, 1):
        centred = channel - channel.mean()
        shared = centred.T @ centred / len(centred)
        about_zero = centred.mean(0)
        correlation = (shared - torch.outer(about_zero, about_zero)) / centred.square().mean()
        found.append(1 / effective_count(1, correlation))
    return 1 / torch.stack(found).mean()


def plan(scale: str) -> Measurement:
    """More batches and seeds at larger scales."""
    seeds, batches = {"smoke": (5, 300), "book": (10, 1000), "paper": (20, 20_000)}[scale]
    settings = Filters(batches=batches)
    return Measurement(ARMS, tuple(range(seeds)), measure, settings, data=settings.data)


EXPERIMENT = Experiment(
    name="conv-moments",
    question="How many independent values does a convolutional batch have?",
    plan=plan,
)
