"""How fast gradients grow on their way down through layers of BN, and what changes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr

from bnbook import data
from bnbook.factors import Factors, Level, names_of
from bnbook.laws import gradient_growth, linear_growth
from bnbook.nets import ACTIVATIONS, MLP
from bnbook.norms import Norm
from bnbook.probes.one_pass import channel_variance, growth, one_pass, squared_mean
from bnbook.study import Experiment, Measurement

PLAIN = tuple(ACTIVATIONS)


@dataclass(frozen=True)
class Variant:
    """A deep network with BN: an activation, a scale γ of every BN, and what else is changed."""

    activation: str
    gamma: float = 1.0
    init: str = "he"
    residual: bool = False

    @property
    def factors(self) -> Factors:
        """The activation, and what is not as usual."""
        changed: dict[str, Level] = {"γ": self.gamma} if self.gamma != 1 else {}
        changed |= {"init": self.init} if self.init != "he" else {}
        changed |= {"skips": "residual"} if self.residual else {}
        return {"activation": self.activation, **changed}

    def predicted(self, m: int) -> float:
        """`gradient_growth` at this γ, times what batches of m examples add for a linear one.

        NaN where that law does not hold: with skip connections or orthogonal weights.
        """
        if self.residual or self.init != "he":
            return float("nan")
        return gradient_growth(ACTIVATIONS[self.activation], self.gamma) * linear_growth(m)


VARIANTS = (
    *map(Variant, PLAIN),
    Variant("tanh", gamma=0.3),
    Variant("tanh", gamma=3.0),
    Variant("identity", init="orthogonal"),
    Variant("relu", init="orthogonal"),
    Variant("relu", residual=True),
    Variant("tanh", residual=True),
)
ARMS = tuple(variant.factors for variant in VARIANTS)
ABOUT = {
    "signal": ("1", "‖∂L/∂z‖²"),
    "passed": ("1", "‖∂L/∂h‖²"),
    "variance": ("1", "variance of a channel"),
    "squared_mean": ("1", "squared mean of a channel"),
}


@dataclass(frozen=True)
class Wide:
    """One batch of digits through wide networks at initialisation, no step taken.

    The prediction is for widths far above m and layers whose representation has settled: the
    rate is read between `first` and the last layer but two.
    """

    data: str = "mnist-5k"
    width: int = 768
    layers: int = 24
    batch_size: int = 64
    first: int = 8


def measure(settings: Wide, seed: int) -> xr.Dataset:
    """Layer by layer the squared norms of ∂L/∂z and of ∂L/∂h, of what a layer hands on, with the
    variance and the squared mean of a channel of it; growth of the first per layer, and predicted.
    """
    train = data.load(settings.data).split(seed).train
    chosen = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    chosen = chosen[: settings.batch_size]
    x, y = train.x[chosen], train.y[chosen]
    layers, rates = np.empty((len(ABOUT), len(ARMS), settings.layers)), np.empty((2, len(ARMS)))
    for i, variant in enumerate(VARIANTS):
        widths = (settings.width,) * settings.layers
        spec = MLP(
            widths,
            variant.activation,
            "batch",
            init=variant.init,
            residual=variant.residual,
        )
        net = spec.build(tuple(x.shape[1:]), 10, seed)
        for norm in net.modules():
            if isinstance(norm, Norm):
                torch.nn.init.constant_(norm.get_parameter("weight"), variant.gamma)
        seen = one_pass(net, x, y)
        outputs = [h.detach() for h in seen.trace.outputs]
        layers[0, i] = [g.double().square().sum().item() for g in seen.signals]
        layers[1, i] = [g.double().square().sum().item() for g in seen.outputs]
        layers[2, i] = [channel_variance(h) for h in outputs]
        layers[3, i] = [squared_mean(h) for h in outputs]
        rates[0, i] = growth(seen.signals, slice(settings.first, settings.layers - 2))
        rates[1, i] = variant.predicted(settings.batch_size)
    found: dict[str, Any] = {
        name: (("arm", "layer"), values, {"units": unit, "long_name": words})
        for (name, (unit, words)), values in zip(ABOUT.items(), layers, strict=True)
    }
    for name, values in zip(("growth", "predicted"), rates, strict=True):
        words = "growth of ‖∂L/∂z‖² per layer" + (", predicted" if name == "predicted" else "")
        found[name] = (("arm",), values, {"units": "1", "long_name": words})
    return xr.Dataset(found, {"arm": list(names_of(ARMS)), "layer": range(settings.layers)})


def plan(scale: str) -> Measurement:
    """Narrower and shallower for the tests, where the prediction is only roughly met."""
    seeds, settings = {
        "smoke": (5, Wide(width=64, layers=12, batch_size=32, first=3)),
        "book": (8, Wide()),
        "paper": (20, Wide(width=2048, layers=50)),
    }[scale]
    return Measurement(
        ARMS, tuple(range(seeds)), measure, settings, data=settings.data, seeds_per_task=1
    )


EXPERIMENT = Experiment(
    name="gradient-explosion",
    question="Do gradients explode in deep networks with batch normalization, and how fast?",
    plan=plan,
)
