"""Rotation at equilibrium: weights with decay before a normaliser, in a random walk and a network.

A scale-invariant weight grows by every step, which is orthogonal to it, and shrinks by decay.
Where the two balance, it turns by an angle that the learning rate and the decay alone decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import xarray as xr
from torch import Tensor

from bnbook import data
from bnbook.factors import Factors, name_of
from bnbook.laws.rotation import settled_rotation
from bnbook.nets import MLP
from bnbook.nets.members import Tensors
from bnbook.streams import stream
from bnbook.study import Comparison, Experiment
from bnbook.train import SGD, AdamW, Member, Optimizer, Population

MOMENTUM = 0.9


@dataclass(frozen=True)
class DecayHidden:
    """A rule with decay for hidden layers' weights, and one without for all the rest.

    Decay of the head, γ and β would shrink the logits to nothing, and with them every gradient.
    """

    hidden: Optimizer
    others: Optimizer

    def init(self, params: Tensors) -> dict[str, Tensors]:
        states = [rule.init(part) for rule, part in self._parts(params)]
        return {
            f"{i} {name}": group for i, state in enumerate(states) for name, group in state.items()
        }

    def step(
        self, params: Tensors, grads: Tensors, state: dict[str, Tensors], learning_rate: Tensor
    ) -> None:
        for i, (rule, part) in enumerate(self._parts(params)):
            own = {n.partition(" ")[2]: g for n, g in state.items() if n.startswith(f"{i} ")}
            rule.step(part, {name: grads[name] for name in part}, own, learning_rate)

    def _parts(self, params: Tensors) -> list[tuple[Optimizer, Tensors]]:
        hidden = {n: p for n, p in params.items() if n.endswith("linear.weight")}
        return [
            (self.hidden, hidden),
            (self.others, {n: p for n, p in params.items() if n not in hidden}),
        ]


@dataclass(frozen=True)
class Rule:
    """An update rule with its learning rate and decay, which an arm takes."""

    learning_rate: float
    decay: float
    momentum: float = 0.0
    adam: bool = False

    def optimizer(self, decay: float | None = None) -> Optimizer:
        """The rule itself, or the same with another decay.

        AdamW forgets squares within 100 steps, so that it settles as fast as the others.
        """
        decay = self.decay if decay is None else decay
        if self.adam:
            return AdamW(betas=(self.momentum, 0.99), weight_decay=decay)
        return SGD(momentum=self.momentum, weight_decay=decay)

    @property
    def predicted(self) -> float:
        """The angle per step that it settles at, in radians."""
        return settled_rotation(
            self.learning_rate, self.decay, momentum=self.momentum, adam=self.adam
        )


RULES = {
    "SGD": Rule(0.3, 0.01),
    "SGD with momentum": Rule(0.03, 0.1, MOMENTUM),
    "AdamW": Rule(0.01, 0.3, MOMENTUM, adam=True),
}
"""All with ηλ = 0.003: a weight forgets its length within some hundreds of steps."""

SCALES = (1 / 3, 3.0)
"""Factors on the first weights, of networks that should forget them."""


@dataclass(frozen=True)
class Walk:
    """How long networks train and vectors walk, and from which step on angles are averaged.

    A random walk is cheap, so that it is given the time to forget its start altogether.
    """

    steps: int
    settled: int
    random_steps: int
    random_settled: int
    data: str = "mnist-5k"
    dimensions: int = 200
    widths: tuple[int, ...] = (48, 48)
    batch_size: int = 64


def measure(walk: Walk, arm: Factors, seeds: tuple[int, ...], device: str = "cpu") -> xr.Dataset:
    """One rule, in a random walk or in a network.

    rotation    root mean square angle per step once settled, over the predicted one
    length      of the weights over their first length, at the end
    Of a network both are of its second hidden layer, whose weights stand before BN.
    """
    rule = RULES[arm["rule"]]
    random = arm["where"] == "random walk"
    run, settled = (_random_walk, walk.random_settled) if random else (_network, walk.settled)
    angles, length = run(walk, rule, arm, seeds, device)
    rotation = angles[settled:].square().mean(0).sqrt() / rule.predicted
    return xr.Dataset(
        {
            "rotation": (("seed",), rotation, {"units": "1"}),
            "length": (("seed",), length, {"units": "1"}),
        }
    )


def _random_walk(
    walk: Walk, rule: Rule, arm: Factors, seeds: tuple[int, ...], device: str
) -> tuple[Tensor, Tensor]:
    """Gradients of nothing but noise: N(0, 1) without the part along w, over ‖w‖; in float64."""
    draws = [stream("walk", seed) for seed in seeds]
    noise: dict[str, Any] = {"dtype": torch.float64}
    w = 0.3 * torch.stack([torch.randn(walk.dimensions, generator=g, **noise) for g in draws])
    first, params = w.norm(dim=1), {"w": w}
    optimizer = rule.optimizer()
    state = optimizer.init(params)
    rates = torch.full((len(seeds),), rule.learning_rate, **noise)
    angles = []
    for _ in range(walk.random_steps):
        before = params["w"].clone()
        drawn = torch.stack([torch.randn(walk.dimensions, generator=g, **noise) for g in draws])
        unit = before / before.norm(dim=1, keepdim=True)
        across = drawn - (drawn * unit).sum(1, keepdim=True) * unit
        grads = {"w": across / before.norm(dim=1, keepdim=True)}
        optimizer.step(params, grads, state, rates)
        angles.append(turned(before, params["w"]))
    return torch.stack(angles), params["w"].norm(dim=1) / first


def _network(
    walk: Walk, rule: Rule, arm: Factors, seeds: tuple[int, ...], device: str
) -> tuple[Tensor, Tensor]:
    """The second hidden layer of sigmoid networks with BN that learn digits."""
    spec = MLP(walk.widths, "sigmoid", "batch", init="glorot", init_scale=arm.get("scale", 1.0))
    members = [Member(name_of(arm), seed, rule.learning_rate) for seed in seeds]
    examples = data.load(walk.data).to(device)
    optimizer = DecayHidden(rule.optimizer(), rule.optimizer(0.0))
    population = Population(spec, optimizer, walk.batch_size, members, examples)
    name = population.net.weight_names()[1]
    first, angles = population.params[name].flatten(1).norm(dim=1), []
    for _ in range(walk.steps):
        before = population.params[name].flatten(1).clone()
        population.step()
        angles.append(turned(before, population.params[name].flatten(1)).cpu())
    length = population.params[name].flatten(1).norm(dim=1) / first
    return torch.stack(angles).double(), length.double().cpu()


def turned(before: Tensor, after: Tensor) -> Tensor:
    """The angle (member,) between two weights (member, d); exact for small ones too."""
    a, b = (w.double() / w.double().norm(dim=1, keepdim=True) for w in (before, after))
    return 2 * torch.atan2((a - b).norm(dim=1), (a + b).norm(dim=1))


def plan(scale: str) -> Comparison:
    """Three rules in both places, and a network that starts with other lengths."""
    seeds, walk = {
        "smoke": (2, Walk(6, 3, 6, 3)),
        "book": (8, Walk(1600, 1000, 4000, 2500)),
        "paper": (20, Walk(20_000, 5_000, 20_000, 5_000, "mnist", 1000, (100, 100))),
    }[scale]
    places = ("random walk", "network")
    arms: list[Factors] = [{"where": place, "rule": rule} for place in places for rule in RULES]
    arms += [{"where": "network", "rule": "SGD", "scale": each} for each in SCALES]
    return Comparison(tuple(arms), tuple(range(seeds)), measure, walk, walk.data)


EXPERIMENT = Experiment(
    name="rotation",
    question="How far do weights before batch normalization turn at each step, in the long run?",
    plan=plan,
)
