"""Weight decay before BN, and the learning-rate schedule that does the same without any decay."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
import xarray as xr
from torch import Tensor

from bnbook import data
from bnbook.factors import crossed
from bnbook.laws import scale_gauge
from bnbook.nets import MLP, MultilayerPerceptron
from bnbook.study import Experiment, Measurement

SCHEDULES = ("neither", "weight decay", "growing learning rate")
FIRST = "layers.0.linear.weight"
MEASURED = {
    "weight_norm": "1",
    "gradient_norm": "1",
    "effective_rate": "1",
    "angle": "rad",
    "scale_gauge": "1",
    "loss": "nat",
}


@dataclass(frozen=True)
class Twins:
    """Two hidden sigmoid layers with BN and ε = 1e-30, SGD without momentum, in float64.

    Decay, or its schedule η(1 − ηλ)^(−2t−1), acts on the hidden weights, which stand before BN;
    the head, γ and β have the learning rate η in every arm.
    """

    data: str = "mnist-5k"
    widths: tuple[int, ...] = (30, 30)
    batch_size: int = 64
    learning_rate: float = 0.5
    decay: float = 0.02
    steps: int = 400
    every: int = 10

    def schedule(self, step: int) -> float:
        """The learning rate of the arm that only grows it. Source: li2020exponential."""
        return self.learning_rate * (1 - self.learning_rate * self.decay) ** (-2 * step - 1)


def measure(settings: Twins, seed: int) -> xr.Dataset:
    """Of the first hidden layer W, every few steps; and how far the directions of twins part.

    gradient_norm    ‖∂L/∂W‖
    effective_rate   η_t/‖W‖²
    angle            between W before and after a step
    scale_gauge      max over units |⟨w, ∂L/∂w⟩|/(‖w‖‖∂L/∂w‖)
    direction_gap    ‖W/‖W‖ − V/‖V‖‖, with V the same weights of the arm with weight decay
    """
    runs = [_run(settings, arm, seed) for arm in SCHEDULES]
    seen = torch.stack([run[0] for run in runs])
    directions = torch.stack([run[1] for run in runs])
    gap = (directions - directions[SCHEDULES.index("weight decay")]).flatten(2).norm(dim=2)
    variables = {
        name: (("arm", "step"), seen[..., i], {"units": unit, "long_name": name.replace("_", " ")})
        for i, (name, unit) in enumerate(MEASURED.items())
    }
    variables["direction_gap"] = (("arm", "step"), gap, {"units": "1"})
    steps = range(0, settings.steps + 1, settings.every)
    return xr.Dataset(variables, {"arm": list(SCHEDULES), "step": list(steps)})


def _run(settings: Twins, arm: str, seed: int) -> tuple[Tensor, Tensor]:
    """What is measured (look, quantity), and the directions of W (look, out, in)."""
    spec = MLP(settings.widths, "sigmoid", "batch", (("eps", 1e-30),))
    net = spec.build((28, 28), 10, seed).double()
    train, generator = (
        data.load(settings.data).split(seed).train,
        torch.Generator().manual_seed(seed),
    )
    seen, directions = [], []
    for step in range(settings.steps + 1):
        chosen = torch.randint(len(train), (settings.batch_size,), generator=generator)
        loss = F.cross_entropy(net(train.x[chosen].double()), train.y[chosen])
        grads = torch.autograd.grad(loss, list(net.parameters()))
        first = net.get_parameter(FIRST)
        before = first.detach().clone()
        rate = settings.schedule(step) if arm == "growing learning rate" else settings.learning_rate
        _update(net, grads, settings, rate, settings.decay if arm == "weight decay" else 0.0)
        if step % settings.every == 0:
            after = first.detach()
            names = [name for name, _ in net.named_parameters()]
            g = grads[names.index(FIRST)]
            seen.append(_look(before, after, g, rate, loss.item()))
            directions.append(before / before.norm())
    return torch.tensor(seen, dtype=torch.float64), torch.stack(directions)


@torch.no_grad()
def _update(
    net: MultilayerPerceptron, grads: tuple[Tensor, ...], settings: Twins, rate: float, decay: float
) -> None:
    """SGD: hidden weights with `rate` and decay, everything else with the constant rate."""
    for (name, p), g in zip(net.named_parameters(), grads, strict=True):
        if name.endswith("linear.weight"):
            p.sub_(g + decay * p, alpha=rate)
        else:
            p.sub_(g, alpha=settings.learning_rate)


def _look(before: Tensor, after: Tensor, g: Tensor, rate: float, loss: float) -> list[float]:
    norm = before.norm().item()
    gauge = (scale_gauge(before, g) / (before.norm(dim=1) * g.norm(dim=1))).abs().max().item()
    return [norm, g.norm().item(), rate / norm**2, angle(before, after), gauge, loss]


def angle(before: Tensor, after: Tensor) -> float:
    """The angle between two weights, in radians; exact for small ones, where arccos is not."""
    a, b = before / before.norm(), after / after.norm()
    return 2 * math.atan2((a - b).norm().item(), (a + b).norm().item())


def plan(scale: str) -> Measurement:
    """The same network; larger scales train it for longer."""
    seeds, steps = {"smoke": (5, 20), "book": (10, 400), "paper": (20, 2000)}[scale]
    settings = Twins(steps=steps)
    return Measurement(
        crossed(schedule=SCHEDULES), tuple(range(seeds)), measure, settings, data=settings.data
    )


EXPERIMENT = Experiment(
    name="decay-schedule",
    question="Is weight decay before BN anything but a schedule of the learning rate?",
    plan=plan,
)
