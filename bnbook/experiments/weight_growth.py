"""How weights grow, and by what: steps that point outwards, or steps across that add up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import xarray as xr
from torch import Tensor

from bnbook import data
from bnbook.factors import Factors, crossed, names_of
from bnbook.nets import MLP
from bnbook.study import Experiment, Measurement
from bnbook.train import descend, log_spaced

ACTIVATIONS = ("sigmoid", "tanh", "relu")
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
}
ARMS = crossed(optimizer=tuple(OPTIMIZERS), activation=ACTIVATIONS, norm=("none", "batch"))
MEASURED = ("weight_norm", "across", "outwards")


@dataclass(frozen=True)
class Growth:
    """Two hidden layers, without decay, SGD without momentum; a learning rate an optimizer."""

    data: str = "mnist-5k"
    widths: tuple[int, ...] = (100, 100)
    batch_size: int = 64
    rates: tuple[float, float] = (0.2, 0.003)
    steps: int = 600
    looks: int = 10


def measure(settings: Growth, seed: int) -> xr.Dataset:
    """Of every layer's weights W, the head's last, at a few steps:

    weight_norm    ‖W‖
    across         Σ‖ΔW‖², over the steps ΔW so far
    outwards       Σ 2⟨W, ΔW⟩

    ‖W_t‖² = ‖W_0‖² + across + outwards exactly; before BN the last is 0 under SGD, where ΔW is
    −η·∂L/∂W. Adam divides each entry by its own size, so there it need not be.
    """
    steps = log_spaced(settings.steps, settings.looks)
    values = torch.stack([_grow(settings, arm, seed, steps) for arm in ARMS])
    variables = {
        name: (
            ("arm", "step", "layer"),
            values[..., i],
            {"units": "1", "long_name": name.replace("_", " ")},
        )
        for i, name in enumerate(MEASURED)
    }
    layers = list(range(len(settings.widths) + 1))
    return xr.Dataset(
        variables, {"arm": list(names_of(ARMS)), "step": list(steps), "layer": layers}
    )


def _grow(settings: Growth, arm: Factors, seed: int, steps: tuple[int, ...]) -> Tensor:
    """(look, layer, quantity)."""
    dataset = data.load(settings.data).split(seed)
    spec = MLP(settings.widths, arm["activation"], arm["norm"])
    net = spec.build(dataset.input_shape, len(dataset.classes), seed)
    weights = [net.get_parameter(name).detach() for name in net.weight_names()]
    rate = settings.rates[list(OPTIMIZERS).index(arm["optimizer"])]
    run = descend(
        net,
        dataset.train,
        steps=settings.steps,
        batch_size=settings.batch_size,
        learning_rate=rate,
        seed=seed,
        optimizer=OPTIMIZERS[arm["optimizer"]],
    )
    totals, seen, before = torch.zeros(2, len(weights)), [], None
    for step in run:
        if before:
            totals += torch.tensor([_change(w, v) for w, v in zip(weights, before, strict=True)]).T
        if step in steps:
            norms = torch.stack([w.norm() for w in weights])
            seen.append(torch.stack([norms, *totals], dim=1).double())
        before = [w.clone() for w in weights]
    return torch.stack(seen)


def _change(after: Tensor, before: Tensor) -> tuple[float, float]:
    """‖ΔW‖² and 2⟨W, ΔW⟩ of one step."""
    change = after - before
    return float(change.square().sum()), 2 * float((before * change).sum())


def plan(scale: str) -> Measurement:
    """The same networks; more steps and seeds at larger scales."""
    seeds, steps = {"smoke": (2, 20), "book": (8, 600), "paper": (10, 20_000)}[scale]
    settings = Growth(steps=steps)
    return Measurement(
        ARMS, tuple(range(seeds)), measure, settings, data=settings.data, seeds_per_task=1
    )


EXPERIMENT = Experiment(
    name="weight-growth",
    question="Does batch normalization limit the growth of weights, and by what do they grow?",
    plan=plan,
)
