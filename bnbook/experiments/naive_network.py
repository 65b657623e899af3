"""Naive normalization in a network that learns digits: does it blow up there as well?"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
import xarray as xr
from torch import Tensor

from bnbook import data
from bnbook.factors import crossed
from bnbook.norms.batch import moments, standardise
from bnbook.study import Experiment, Measurement
from bnbook.train import log_spaced

WHERE = ("outside the gradient", "outside, without γ and β", "inside the gradient")
EPS = 1e-5
Weights = dict[str, Tensor]


@dataclass(frozen=True)
class Digits:
    """Two hidden ReLU layers, each with a bias before its normalization; SGD on digits."""

    data: str = "mnist-5k"
    units: int = 50
    layers: int = 2
    batch_size: int = 64
    learning_rate: float = 0.1
    steps: int = 400
    looks: int = 20


def measure(settings: Digits, seed: int) -> xr.Dataset:
    """Norms of the first layer's bias and weights, and the loss, while each arm learns.

    All arms start from the same weights and see the same batches. The loss is the mean of the
    training batches since the last look.
    """
    parts = [_trained(settings, seed, arm) for arm in WHERE]
    return xr.concat(parts, "arm").assign_coords(arm=list(WHERE))


def _trained(settings: Digits, seed: int, arm: str) -> xr.Dataset:
    train = data.load(settings.data).split(seed).train
    generator = torch.Generator().manual_seed(seed)
    weights = _initial(settings, train.x[0].numel(), generator)
    if arm == "outside, without γ and β":
        learned = {k: w for k, w in weights.items() if not k.startswith(("gamma", "beta"))}
    else:
        learned = weights
    for w in learned.values():
        w.requires_grad_()
    looks, seen, since = log_spaced(settings.steps, settings.looks), [], []
    for step in range(settings.steps + 1):
        chosen = torch.randint(len(train), (settings.batch_size,), generator=generator)
        x, y = train.x[chosen].flatten(1), train.y[chosen]
        loss = F.cross_entropy(_logits(weights, x, settings, arm == "inside the gradient"), y)
        since.append(loss.item())
        if step in looks:
            norms = [weights[k].norm().item() for k in ("bias0", "weight0")]
            seen.append([*norms, sum(since) / len(since)])
            since = []
        grads = torch.autograd.grad(loss, list(learned.values()))
        with torch.no_grad():
            for w, g in zip(learned.values(), grads, strict=True):
                w -= settings.learning_rate * g
    columns = torch.tensor(seen, dtype=torch.float64).T
    names = {"bias_norm": "1", "weight_norm": "1", "loss": "nat"}
    about = [{"units": u, "long_name": n.replace("_", " ")} for n, u in names.items()]
    found = zip(names, columns, about, strict=True)
    return xr.Dataset({n: ("step", c, attrs) for n, c, attrs in found}, {"step": list(looks)})


def _initial(settings: Digits, inputs: int, generator: torch.Generator) -> Weights:
    """He's initialisation; γ = 1, β = 0, biases 0."""
    weights: Weights = {}
    fan_in, units = inputs, settings.units
    for i in range(settings.layers):
        weights[f"weight{i}"] = (
            torch.randn(units, fan_in, generator=generator) * (2 / fan_in) ** 0.5
        )
        weights[f"bias{i}"], weights[f"beta{i}"] = torch.zeros(units), torch.zeros(units)
        weights[f"gamma{i}"] = torch.ones(units)
        fan_in = units
    weights["head"] = torch.randn(10, units, generator=generator) * (2 / units) ** 0.5
    return weights


def _logits(weights: Weights, x: Tensor, settings: Digits, through: bool) -> Tensor:
    """`through` says whether gradients flow through the mean and the variance."""
    for i in range(settings.layers):
        z = F.linear(x, weights[f"weight{i}"], weights[f"bias{i}"])
        mean, var = moments(z) if through else moments(z.detach())
        x = torch.relu(weights[f"gamma{i}"] * standardise(z, mean, var, EPS) + weights[f"beta{i}"])
    return F.linear(x, weights["head"])


def plan(scale: str) -> Measurement:
    """The same network at every scale, trained for longer at larger ones."""
    seeds, steps = {"smoke": (5, 30), "book": (10, 400), "paper": (20, 20_000)}[scale]
    settings = Digits(steps=steps)
    return Measurement(
        crossed(where=WHERE), tuple(range(seeds)), measure, settings, data=settings.data
    )


EXPERIMENT = Experiment(
    name="naive-network",
    question="Does a network blow up if its gradient steps ignore what normalization does?",
    plan=plan,
)
