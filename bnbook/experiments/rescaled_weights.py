"""One network, its weights before batch normalization made larger and smaller: how sharp is it?"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import xarray as xr
from torch import Tensor
from torch.func import vmap

from bnbook import data, probes
from bnbook.data.dealt import Dealt
from bnbook.factors import crossed
from bnbook.nets import MLP
from bnbook.probes.curvature import MEASURES, fixed_batches, mean_loss, ritz
from bnbook.study import Experiment, Measurement
from bnbook.train import SGD, Member, Population


@dataclass(frozen=True)
class Rescaling:
    """A dense ReLU network with BN, trained for `steps`, whose hidden weights are then scaled."""

    data: str = "mnist-5k"
    widths: tuple[int, ...] = (64, 64, 64, 64)
    learning_rate: float = 0.1
    batch_size: int = 64
    steps: int = 100
    factors: tuple[float, ...] = (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)


def measure(settings: Rescaling, seed: int) -> xr.Dataset:
    """λ_max in training mode and the loss (factor,), the latter relative to that at factor 1.

    Arms are the two coordinates in which curvature is measured.
    """
    trained = Population(
        MLP(settings.widths, "relu", "batch"),
        SGD(),
        settings.batch_size,
        [Member("batch", seed, settings.learning_rate)],
        data.load(settings.data),
    )
    for _ in range(settings.steps):
        trained.step()
    everyone = Dealt.of(data.load(settings.data), [seed] * len(settings.factors))
    s = replace(scaled(trained.snapshot(), settings.factors), data=everyone)
    found = torch.stack([ritz(s, "training", each).largest for each in MEASURES])
    losses = fixed_losses(s)
    change = losses / losses[settings.factors.index(1.0)] - 1
    return xr.Dataset(
        {
            "sharpness": (("arm", "factor"), found.numpy(), {"units": "1"}),
            "loss_change": (("factor",), change.numpy(), {"units": "1"}),
        },
        {
            "arm": list(MEASURES),
            "factor": ("factor", list(settings.factors), {"long_name": "weights multiplied by"}),
        },
    )


def scaled(s: probes.Snapshot, factors: tuple[float, ...]) -> probes.Snapshot:
    """The only member once for each factor, with all its weights but the head's times that."""

    def repeated(value: Tensor, by: Tensor) -> Tensor:
        return (by.view(-1, *[1] * (value.dim() - 1)) * value).to(value.dtype)

    by, same = torch.tensor(factors), torch.ones(len(factors))
    hidden = s.weight_names[:-1]
    return replace(
        s,
        params={n: repeated(p, by if n in hidden else same) for n, p in s.params.items()},
        buffers={n: repeated(b, same) for n, b in s.buffers.items()},
        batch=(repeated(s.batch[0], same), repeated(s.batch[1], same)),
        memo={},
    )


@torch.no_grad()
def fixed_losses(s: probes.Snapshot) -> Tensor:
    """Loss (member,) over the batches on which curvature is measured."""
    return vmap(lambda params, buffers, x, y: mean_loss(s.loss, params, buffers, (x, y)))(
        s.params, s.buffers, *fixed_batches(s)
    )


def plan(scale: str) -> Measurement:
    """The same network at every scale; more seeds at larger ones."""
    seeds, steps = {"smoke": (2, 3), "book": (8, 100), "paper": (20, 2_000)}[scale]
    settings = Rescaling(steps=steps)
    return Measurement(
        crossed(coordinates=MEASURES), tuple(range(seeds)), measure, settings, data=settings.data
    )


EXPERIMENT = Experiment(
    name="rescaled-weights",
    question="How much of a network's sharpness is the size of its weights?",
    plan=plan,
)
