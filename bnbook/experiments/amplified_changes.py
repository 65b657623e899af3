"""Deep networks at their start: activations on their way up, and a small change of the first layer
that goes with them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import xarray as xr
from torch import Tensor

from bnbook import data
from bnbook.factors import Factors, crossed
from bnbook.nets import MLP, Spec, Trace
from bnbook.study import Comparison, Experiment, draws

INITS = {"relu": "he", "sigmoid": "glorot"}
ARMS = crossed(activation=tuple(INITS), norm=("none", "batch"))


@dataclass(frozen=True)
class Tower:
    """One batch of pictures through `layers` hidden layers of `width` units, no step taken.

    The first layer's weights are moved by `moved` times their length, in `directions` random
    directions, one after the other. `specs` are the networks of all arms: a record depends on
    their normalisers.
    """

    data: str = "mnist-5k"
    layers: int = 10
    width: int = 100
    batch_size: int = 128
    moved: float = 0.01
    directions: int = 4
    specs: tuple[Spec, ...] = ()


def network(tower: Tower, arm: Factors) -> MLP:
    """The network of an arm."""
    widths = (tower.width,) * tower.layers
    return MLP(widths, arm["activation"], arm["norm"], init=INITS[arm["activation"]])


@torch.no_grad()
def measure(tower: Tower, arm: Factors, seeds: tuple[int, ...], device: str = "cpu") -> xr.Dataset:
    """Layer by layer, (seed, layer), counted from 1; in float64, by the statistics of the batch.

    spread   √mean Var h of the layer's output h: variance over the batch, mean over units
    change   √(mean (a′ − a)²/mean Var a) of its nonlinearity's input a, which the moved weights
             make a′: how far it is moved, in units of its own spread. The square is averaged over
             directions
    """
    found = [_climb(tower, arm, seed) for seed in seeds]
    spread, change = (torch.stack(each) for each in zip(*found, strict=True))
    words = {"spread": "standard deviation of activations", "change": "change against the spread"}
    return xr.Dataset(
        {
            name: (("seed", "layer"), values, {"units": "1", "long_name": words[name]})
            for name, values in (("spread", spread), ("change", change))
        },
        {"layer": range(1, tower.layers + 1)},
    )


def _climb(tower: Tower, arm: Factors, seed: int) -> tuple[Tensor, Tensor]:
    train = data.load(tower.data).split(seed).train
    generator = draws(seed)
    x = train.x[torch.randperm(len(train), generator=generator)[: tower.batch_size]].double()
    net = network(tower, arm).build(tuple(x.shape[1:]), 10, seed).double()
    start = _seen(net, x)
    spread = torch.stack([_variance(h).sqrt() for h in start.outputs])
    weight = net.get_parameter(net.weight_names()[0])
    kept, squares = weight.clone(), []
    for _ in range(tower.directions):
        step = torch.randn(kept.shape, generator=generator, dtype=torch.float64)
        weight.copy_(kept + step * (tower.moved * kept.norm() / step.norm()))
        pairs = zip(_seen(net, x).inputs, start.inputs, strict=True)
        squares.append(torch.stack([(b - a).square().mean() / _variance(a) for b, a in pairs]))
    return spread, torch.stack(squares).mean(0).sqrt()


def _variance(values: Tensor) -> Tensor:
    """Of a unit over the batch, (m, units), averaged over units."""
    return values.var(0, correction=0).mean()


def _seen(net: torch.nn.Module, x: Tensor) -> Trace:
    trace = net(x, trace=True)
    assert isinstance(trace, Trace)
    return trace


def plan(scale: str) -> Comparison:
    """Ten layers; wider and deeper at paper scale."""
    tower, seeds = {
        "smoke": (Tower(layers=4, width=20, batch_size=32, directions=2), 2),
        "book": (Tower(), 10),
        "paper": (Tower("mnist", 50, 500, 256, directions=20), 20),
    }[scale]
    specs = tuple(network(tower, arm) for arm in ARMS)
    return Comparison(ARMS, tuple(range(seeds)), measure, replace(tower, specs=specs), tower.data)


EXPERIMENT = Experiment(
    name="amplified-changes",
    question="What becomes of activations, and of a small change of the first layer, on their way "
    "up through a deep network?",
    plan=plan,
)
