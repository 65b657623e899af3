"""Gradients at any depth: what orthogonal weights and linear units change behind BN."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import xarray as xr

from bnbook.factors import Factors, crossed
from bnbook.nets import MLP, Spec, Trace
from bnbook.study import Comparison, Experiment, draws

WEIGHTS = {"orthogonal": "orthogonal", "gaussian": "he"}
ARMS = crossed(activation=("identity", "relu"), weights=tuple(WEIGHTS))


@dataclass(frozen=True)
class Stack:
    """Square layers before BN, at their start, on a batch of `examples` from N(0, 1), in float64.

    `specs` are those of all arms, at the least depth.
    """

    depths: tuple[int, ...]
    width: int = 64
    examples: int = 64
    specs: tuple[Spec, ...] = ()


def network(stack: Stack, arm: Factors, depth: int) -> MLP:
    """The network of an arm."""
    init = WEIGHTS[arm["weights"]]
    return MLP((stack.width,) * depth, arm["activation"], "batch", init=init)


def measure(stack: Stack, arm: Factors, seeds: tuple[int, ...], device: str) -> xr.Dataset:
    """Natural logarithm of ‖∂L/∂z₁‖/‖∂L/∂z_L‖, (seed, depth), for a random linear loss L.

    z_ℓ are the outputs of layer ℓ's linear map, before BN; L = ⟨V, h_L⟩ with V from N(0, 1).
    """
    found = [[_growth(stack, arm, depth, seed) for depth in stack.depths] for seed in seeds]
    words = "log of the first layer's gradient over the last layer's"
    return xr.Dataset(
        {"growth": (("seed", "depth"), found, {"units": "1", "long_name": words})},
        {"depth": ("depth", list(stack.depths), {"long_name": "layers"})},
    )


def _growth(stack: Stack, arm: Factors, depth: int, seed: int) -> float:
    net = network(stack, arm, depth).build((stack.width,), 2, seed).double()
    generator = draws(seed)
    shape = (stack.examples, stack.width)
    x, loss = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(2))
    trace = net(x, trace=True)
    assert isinstance(trace, Trace)
    ends = [trace.linear[0], trace.linear[-1]]
    first, last = torch.autograd.grad((loss * trace.outputs[-1]).sum(), ends)
    return float((first.norm() / last.norm()).log())


def plan(scale: str) -> Comparison:
    """Depths up to 100 at book scale."""
    stack, seeds = {
        "smoke": (Stack((2, 6), 16, 16), 2),
        "book": (Stack((5, 10, 20, 50, 100)), 10),
        "paper": (Stack((5, 10, 20, 50, 100, 200, 500), 128, 128), 20),
    }[scale]
    specs = tuple(network(stack, arm, stack.depths[0]) for arm in ARMS)
    stack = Stack(stack.depths, stack.width, stack.examples, specs)
    return Comparison(ARMS, tuple(range(seeds)), measure, stack)


EXPERIMENT = Experiment(
    name="bounded-gradients",
    question="Are there weights with which gradients behind batch normalization do not explode?",
    plan=plan,
)
