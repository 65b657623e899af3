"""Full-batch gradient descent: how its sharpness times its rate runs, with BN and decay or not."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
import xarray as xr
from torch import Tensor
from torch.func import functional_call

from bnbook import data, norms
from bnbook.experiments.dissection import halved
from bnbook.experiments.rotation import turned
from bnbook.experiments.successors import train_on
from bnbook.factors import Factors, crossed, name_of
from bnbook.nets import MLP
from bnbook.nets.members import Tensors, gradients_of
from bnbook.probes import Snapshot
from bnbook.probes.curvature import flat
from bnbook.probes.edge_on_sphere import SphericalSharpness, by_hidden_weights, hidden_weights
from bnbook.study import Comparison, Experiment
from bnbook.train import SGD, Member, Population

RATES = (0.1, 0.3)
DECAYS = {"none": (0.0, 0.002), "batch": (0.0, 0.0005, 0.002)}
"""ηλ, the share of their length that decay takes from the weights at each step."""

ARMS: tuple[Factors, ...] = tuple(
    arm
    for norm, decays in DECAYS.items()
    for arm in crossed(norm=(norm,), decay=decays, rate=RATES)
)


class Squares(Snapshot):
    """A snapshot whose loss is ½‖f(x) − y‖², y one-hot, on average over the batch.

    Cross-entropy flattens where every example is fitted, and with it the edge is left again.
    """

    def loss(self, params: Tensors, buffers: Tensors, x: Tensor, y: Tensor) -> Tensor:
        with norms.using(self.net, "batch"):
            logits: Tensor = functional_call(self.net, (params, buffers), (x,))
        wanted = torch.eye(logits.shape[-1], dtype=x.dtype, device=x.device)[y]
        return (logits - wanted).square().sum(-1).mean() / 2


@dataclass(frozen=True)
class Descent:
    """Gradient descent with decay, W ← (1 − ηλ)W − η∇L, by all of `examples` pictures of 14 × 14.

    W are the weights of two hidden layers of tanh units. Nothing else moves: γ = 1, β = 0, biases
    and the head stay as they are, so that with BN all that moves is one vector of which only the
    direction counts. A look is taken every `every` steps, just before an update.
    """

    data: str
    examples: int
    steps: int
    every: int
    widths: tuple[int, ...] = (24, 24)
    specs: tuple[MLP, ...] = ()


def network(settings: Descent, norm: str) -> MLP:
    """The network of an arm; ε is so small that nothing but rounding depends on ‖W‖."""
    options = (("eps", 1e-12),) if norm == "batch" else ()
    return MLP(settings.widths, "tanh", norm, options, init="glorot")


def measure(settings: Descent, arm: Factors, seeds: tuple[int, ...], device: str) -> xr.Dataset:
    """One arm, (step, seed).

    sharpness        ‖W‖²·λ_max of the Hessian by W; with BN it is λ_max at length 1
    effective_rate   η/((1 − ηλ)‖W‖²), by which the direction of W follows its gradient
    angle            root mean square angle by which W turned at each step since the last look
    loss             the training loss
    """
    s = start(settings, arm, seeds, device)
    rate, decay = arm["rate"], arm["decay"]
    rule, weights = SGD(weight_decay=decay / rate), hidden_weights(s)
    gradient, sharpness = gradients_of(s.net, by_hidden_weights(s), batch=3), SphericalSharpness()
    squares, seen = torch.full((settings.every, len(seeds)), torch.nan), []
    for step in range(settings.steps + 1):
        gradients, loss = gradient(weights, s.params, s.buffers, *s.batch)
        before = flat(weights)
        if step % settings.every == 0:
            effective = rate / (1 - decay) / before.square().sum(1)
            angle = squares.mean(0).sqrt().to(loss)
            seen.append(torch.stack([sharpness(replace(s, memo={})), effective, angle, loss]))
        rule.step(weights, gradients, {}, s.learning_rate)
        squares[step % settings.every] = turned(before, flat(weights)).square()
    return _described(torch.stack(seen).double().cpu(), settings)


def start(settings: Descent, arm: Factors, seeds: tuple[int, ...], device: str) -> Squares:
    """The networks of an arm before their first step; their batch is all that they train on."""
    members = [Member(name_of(arm), seed, arm["rate"]) for seed in seeds]
    digits = halved(data.load(settings.data)).to(device)
    spec = network(settings, arm["norm"])
    population = Population(spec, SGD(), settings.examples, members, digits)
    train_on(population, settings.examples, settings.examples)
    s = population.snapshot()
    return Squares(**{f.name: getattr(s, f.name) for f in fields(s)})


def _described(seen: Tensor, settings: Descent) -> xr.Dataset:
    """The looks (step, variable, seed) under their names."""
    named = {
        "sharpness": ("1", "sharpness at length 1"),
        "effective_rate": ("1", "effective rate"),
        "angle": ("rad", "angle per step"),
        "loss": ("1", "training loss, ½‖f − y‖²"),
    }
    return xr.Dataset(
        {
            name: (("step", "seed"), values, {"units": unit, "long_name": words})
            for (name, (unit, words)), values in zip(named.items(), seen.unbind(1), strict=True)
        },
        {"step": range(0, settings.steps + 1, settings.every)},
    )


def plan(scale: str) -> Comparison:
    """The same arms at every scale; 1/(ηλ) steps, in which decay acts, pass in all but smoke."""
    settings, seeds = {
        "smoke": (Descent("mnist-5k", 40, 8, 2, (6, 6)), 2),
        "book": (Descent("mnist-5k", 500, 1200, 50), 8),
        "paper": (Descent("mnist", 5_000, 20_000, 200, (200, 200)), 20),
    }[scale]
    specs = tuple(network(settings, norm) for norm in DECAYS)
    settings = replace(settings, specs=specs)
    return Comparison(ARMS, tuple(range(seeds)), measure, settings, settings.data)


EXPERIMENT = Experiment(
    name="edge-of-stability",
    question="Does full-batch descent before a normalizer settle where the sharpness allows?",
    plan=plan,
)
