"""Pictures changed by an adversary: by how little, until networks with and without BN are wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F
import xarray as xr
from torch import Tensor

from bnbook import data
from bnbook.experiments.dissection import halved
from bnbook.factors import Factors, name_of
from bnbook.nets import MLP, Network, Spec
from bnbook.study import Comparison, Experiment
from bnbook.train import SGD, Member
from bnbook.train.population import Population

ARMS: tuple[Factors, ...] = (
    {"activation": "relu", "norm": "none"},
    {"activation": "relu", "norm": "batch"},
    {"activation": "relu", "norm": "layer"},
    {"activation": "identity", "norm": "none"},
    {"activation": "identity", "norm": "batch"},
)
"""The last two are linear in use, so that the best attack on them is known in closed form."""

Logits = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Attack:
    """Networks, and how their pictures, of 14 × 14 pixels, are attacked.

    `sizes` are ε: every pixel may change by that share of the way from black to white, and may
    leave it. The attack takes `ascents` steps of size ε/4 along the sign of the gradient of the
    loss, each brought back to within ε. Networks are attacked as they are used, with population
    statistics. `specs` are those of all arms: a record depends on them.
    """

    data: str
    steps: int
    sizes: tuple[float, ...]
    widths: tuple[int, ...] = (64, 64)
    ascents: int = 10
    judges: int = 400
    batch_size: int = 32
    learning_rate: float = 0.1
    specs: tuple[Spec, ...] = ()


def attacked(
    logits: Logits, x: Tensor, loss: Callable[[Tensor], Tensor], size: Tensor | float, ascents: int
) -> Tensor:
    """Examples x + δ with |δ| ≤ size in every number, at which `loss` of the logits is large.

    Projected gradient ascent from δ = 0 by signs of gradients. Source: madry2018towards.
    """
    delta = torch.zeros_like(x)
    for _ in range(ascents):
        delta.requires_grad_()
        (gradient,) = torch.autograd.grad(loss(logits(x + delta)), delta)
        step = delta.detach() + size / 4 * gradient.sign()
        delta = torch.minimum(torch.maximum(step, -size * torch.ones_like(x)), size + 0 * x)
    return x + delta


def margin_lost(net: Network, x: Tensor, y: Tensor, size: float, ascents: int) -> float:
    """Largest deviation, over examples, of the margin lost by a linear network from ε·‖w‖₁.

    The margin is that of the right class over the strongest other one, z_y − z_j, whose gradient
    is w = w_y − w_j whatever x is: no attack can take more than ε·‖w‖₁, and this one should. In
    units of ε·‖w‖₁, in float64.
    """
    net, x = net.double(), x.double()
    with torch.no_grad():
        z = net(x)
        rival = z.scatter(1, y[:, None], -torch.inf).argmax(1)
        basis = torch.eye(x[0].numel(), dtype=x.dtype).view(-1, *x.shape[1:])
        effective = (net(basis) - net(torch.zeros_like(basis))).T

    def against(z: Tensor) -> Tensor:
        return (z.gather(1, rival[:, None]) - z.gather(1, y[:, None])).squeeze(1)

    found = attacked(net, x, lambda z: against(z).sum(), size, ascents)
    with torch.no_grad():
        lost = against(net(found)) - against(z)
    most = size * (effective[rival] - effective[y]).abs().sum(1)
    return float((lost / most - 1).abs().max())


def measure(
    settings: Attack, arm: Factors, seeds: tuple[int, ...], device: str = "cpu"
) -> xr.Dataset:
    """One arm: accuracy under attack, and for linear networks whether the attack is the best.

    accuracy   (seed, size) on attacked test examples
    excess     (seed,) see `margin_lost`, at the largest ε; NaN for networks that are not linear
    """
    digits = halved(data.load(settings.data)).to(device)
    spec = network(settings, arm)
    members = [Member(name_of(arm), seed, settings.learning_rate) for seed in seeds]
    population = Population(spec, SGD(), settings.batch_size, members, digits)
    for _ in range(settings.steps):
        population.step()
    accuracy, excess = [], []
    for i, seed in enumerate(seeds):
        net, test = population.network(i).eval(), digits.split(seed).test
        x, y = test.x[: settings.judges], test.y[: settings.judges]
        white = 255 / _deviation(population, i)  # from black to white, in units of the input
        right = []
        for size in settings.sizes:
            found = attacked(net, x, partial(_entropy, y), size * white, settings.ascents)
            with torch.no_grad():
                right.append(float((net(found).argmax(1) == y).float().mean()))
        accuracy.append(right)
        linear = arm["activation"] == "identity"
        largest = settings.sizes[-1] * white
        excess.append(margin_lost(net, x, y, largest, settings.ascents) if linear else torch.nan)
    return xr.Dataset(
        {
            "accuracy": (("seed", "size"), accuracy, {"units": "1", "long_name": "test accuracy"}),
            "excess": (("seed",), excess, {"units": "ε·‖w‖₁"}),
        },
        {"size": ("size", list(settings.sizes), {"long_name": "size of the attack ε"})},
    )


def _entropy(y: Tensor, logits: Tensor) -> Tensor:
    return F.cross_entropy(logits, y)


def _deviation(population: Population, member: int) -> float:
    """The standard deviation, in grey levels, by which a member's pictures were divided."""
    std = population.data.test.std
    assert std is not None
    return float(std[member])


def network(settings: Attack, arm: Factors) -> MLP:
    """The network of an arm."""
    return MLP(settings.widths, arm["activation"], arm["norm"])


def plan(scale: str) -> Comparison:
    """Dense networks of one rate, with and without a normaliser; two linear ones as the check."""
    settings, seeds = {
        "smoke": (Attack("mnist-5k", 10, (0.0, 0.1), ascents=4, judges=40), 2),
        "book": (Attack("mnist-5k", 400, (0.0, 0.02, 0.05, 0.1, 0.15)), 8),
        "paper": (
            Attack("mnist", 10_000, (0.0, 0.02, 0.05, 0.1, 0.15, 0.2), (100,) * 3, judges=5_000),
            20,
        ),
    }[scale]
    settings = replace(settings, specs=tuple(network(settings, arm) for arm in ARMS))
    return Comparison(ARMS, tuple(range(seeds)), measure, settings, settings.data)


EXPERIMENT = Experiment(
    name="adversarial",
    question="Does batch normalization make networks easier to deceive?",
    plan=plan,
)
