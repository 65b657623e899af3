"""Before batch normalization every step is orthogonal to the weights: Pythagoras, step by step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import xarray as xr

from bnbook import data
from bnbook.factors import crossed, names_of
from bnbook.nets import MLP
from bnbook.study import Experiment, Measurement
from bnbook.train import descend

NORMS = ("none", "batch")
ARMS = crossed(norm=NORMS)


@dataclass(frozen=True)
class Growth:
    """Two hidden sigmoid layers, SGD without momentum or decay, ε = 1e-30, in float64."""

    data: str = "mnist-5k"
    widths: tuple[int, ...] = (30, 30)
    batch_size: int = 64
    learning_rate: float = 0.5
    steps: int = 60


def measure(settings: Growth, seed: int) -> xr.Dataset:
    """Of each hidden layer's weights W, at every step.

    excess   (‖W′‖² − ‖W‖² − ‖W′ − W‖²)/‖W′ − W‖², which is 0 where a step is orthogonal to W
    length   ‖W‖ after the step
    """
    found = [_run(settings, norm, seed) for norm in NORMS]
    excess, length = (torch.stack(each).numpy() for each in zip(*found, strict=True))
    dims = ("arm", "step", "layer")
    return xr.Dataset(
        {
            "excess": (dims, excess, {"units": "1", "long_name": "excess of Pythagoras"}),
            "length": (dims, length, {"units": "1", "long_name": "length of the weights"}),
        },
        {"arm": list(names_of(ARMS)), "step": range(1, settings.steps + 1), "layer": [0, 1]},
    )


def _run(settings: Growth, norm: str, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The excess and the length (step, layer) of one network."""
    options = (("eps", 1e-30),) if norm == "batch" else ()
    train = data.load(settings.data).split(seed).train
    spec = MLP(settings.widths, "sigmoid", norm, options, init="glorot")
    net = spec.build(tuple(train.x.shape[1:]), 10, seed).double()
    weights = [net.get_parameter(name) for name in net.weight_names()[:-1]]
    before, excess, length = [w.detach().clone() for w in weights], [], []
    for step in descend(
        net,
        train,
        steps=settings.steps,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        seed=seed,
    ):
        after = [w.detach().clone() for w in weights]
        if step:
            pairs = list(zip(before, after, strict=True))
            moved = [(b - a).square().sum() for a, b in pairs]
            grown = [b.square().sum() - a.square().sum() for a, b in pairs]
            parts = zip(grown, moved, strict=True)
            excess.append(torch.stack([(g - m) / m for g, m in parts]))
            length.append(torch.stack([w.norm() for w in after]))
        before = after
    return torch.stack(excess), torch.stack(length)


def plan(scale: str) -> Measurement:
    """The same network; more steps and seeds at larger scales."""
    seeds, steps = {"smoke": (3, 5), "book": (10, 60), "paper": (20, 1000)}[scale]
    settings = Growth(steps=steps)
    return Measurement(ARMS, tuple(range(seeds)), measure, settings, data=settings.data)


EXPERIMENT = Experiment(
    name="growing-weights",
    question="Do weights before batch normalization grow by exactly the square of each step?",
    plan=plan,
)
