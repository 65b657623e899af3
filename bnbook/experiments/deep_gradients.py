"""Deep networks at initialisation: gradients on their way down, and the rank of what goes up."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr

from bnbook import data
from bnbook.factors import crossed, names_of
from bnbook.nets import MLP
from bnbook.probes.one_pass import one_pass
from bnbook.probes.representation import effective_rank, orthogonality_gap
from bnbook.study import Experiment, Measurement

ACTIVATIONS = ("identity", "relu", "sigmoid", "tanh")
ARMS = crossed(activation=ACTIVATIONS, norm=("none", "batch"))
ABOUT = {
    "weight_gradient": ("1", "‖∂L/∂W‖"),
    "signal_gradient": ("1", "‖∂L/∂z‖"),
    "rank": ("1", "effective rank"),
    "orthogonality_gap": ("1", "orthogonality gap"),
}


@dataclass(frozen=True)
class Deep:
    """One batch of digits through networks of `layers` hidden layers, no step taken.

    `gains` multiply He's weights, N(0, 2/fan-in), of the hidden layers and not of the head; √½ of
    it is Glorot's in layers of one width. `eps` is BN's ε.
    """

    data: str = "mnist-5k"
    width: int = 100
    layers: int = 50
    batch_size: int = 64
    gains: tuple[float, ...] = (0.5, math.sqrt(0.5), 1.0, math.sqrt(2), 2.0)
    eps: float = 1e-5


def measure(settings: Deep, seed: int) -> xr.Dataset:
    """Layer by layer, counted from 0, of all arms, which share weights up to the gain, and batch.

    weight_gradient, signal_gradient   norms of ∂L/∂W, and of ∂L/∂z of what the linear map gives
    rank, orthogonality_gap            of what the nonlinearity is given
    """
    train = data.load(settings.data).split(seed).train
    chosen = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    chosen = chosen[: settings.batch_size]
    x, y = train.x[chosen].double(), train.y[chosen]
    found = np.empty((len(ABOUT), len(ARMS), len(settings.gains), settings.layers))
    for i, arm in enumerate(ARMS):
        for j, gain in enumerate(settings.gains):
            widths = (settings.width,) * settings.layers
            options = (("eps", settings.eps),) if arm["norm"] == "batch" else ()
            spec = MLP(widths, arm["activation"], arm["norm"], options, init_scale=gain)
            net = spec.build(tuple(x.shape[1:]), 10, seed).double()
            net.head.weight.data /= gain
            seen = one_pass(net, x, y)
            z = torch.stack([each.detach() for each in seen.trace.inputs])
            found[0, i, j] = [g.norm().item() for g in seen.weights[:-1]]
            found[1, i, j] = [g.norm().item() for g in seen.signals]
            found[2, i, j], found[3, i, j] = effective_rank(z), orthogonality_gap(z)
    dims = ("arm", "gain", "layer")
    return xr.Dataset(
        {
            name: (dims, values, {"units": unit, "long_name": words})
            for (name, (unit, words)), values in zip(ABOUT.items(), found, strict=True)
        },
        {
            "arm": list(names_of(ARMS)),
            "gain": list(settings.gains),
            "layer": range(settings.layers),
        },
    )


def plan(scale: str) -> Measurement:
    """The same networks at every scale, fewer gains for the tests."""
    seeds, settings = {
        "smoke": (5, Deep(layers=26, width=30, batch_size=16, gains=(math.sqrt(0.5), 1.0))),
        "book": (8, Deep()),
        "paper": (20, Deep(width=300, layers=100)),
    }[scale]
    return Measurement(ARMS, tuple(range(seeds)), measure, settings, data=settings.data)


EXPERIMENT = Experiment(
    name="deep-gradients",
    question="What becomes of gradients and of representations in deep networks, before training?",
    plan=plan,
)
