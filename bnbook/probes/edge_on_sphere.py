"""Sharpness where only the direction of the weights counts: of all hidden layers together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.nets.members import Loss, over_members
from bnbook.probes.base import Probe, Snapshot, Tensors, probe
from bnbook.probes.curvature import Curvature, flat, lanczos, unflat


@probe(unit="1", dims=(), source="lyu2022understanding")
@dataclass(frozen=True)
class SphericalSharpness(Probe):
    """‖W‖²·λ_max of the Hessian by W, the weights of all layers but the head as one vector.

    Where the loss does not change with the length of W this is λ_max at ‖W‖ = 1. The loss is that
    of the coming batch, in training mode. By Lanczos' method, so many `steps` from random signs.
    """

    steps: int = 20

    def __call__(self, s: Snapshot) -> Float[Tensor, " member"]:
        operator, generator = hessian(s), torch.Generator().manual_seed(0)
        signs = 2 * torch.randint(0, 2, (1, operator.size), generator=generator) - 1
        start = signs.to(s.batch[0]).expand(s.members, -1)
        largest = lanczos(operator, start, min(self.steps, operator.size)).largest
        return largest * flat(hidden_weights(s)).square().sum(1)


def hidden_weights(s: Snapshot) -> Tensors:
    """W: the weights (member, …) of all layers but the head."""
    return {name: s.params[name] for name in s.weight_names[:-1]}


def by_hidden_weights(s: Snapshot) -> Loss:
    """One member's loss as (weights, params, buffers, x, y), where weights replace params."""

    def loss(weights: Tensors, params: Tensors, buffers: Tensors, x: Tensor, y: Tensor) -> Tensor:
        return s.loss(params | weights, buffers, x, y)

    return loss


def hessian(s: Snapshot) -> Curvature:
    """The Hessian of the coming batch's loss by W, and nothing projected out."""
    point = {name: w.detach().requires_grad_() for name, w in hidden_weights(s).items()}
    with torch.enable_grad():
        loss = over_members(s.net, by_hidden_weights(s), (0,) * 5)
        losses = loss(point, s.params, s.buffers, *s.batch)
        inputs = list(point.values())
        gradients = torch.autograd.grad(losses.sum(), inputs, create_graph=True)

    def product(v: Tensor) -> Tensor:
        parts = list(unflat(v, point).values())
        found = torch.autograd.grad(gradients, inputs, parts, retain_graph=True)
        return torch.cat([part.flatten(1) for part in found], dim=1)

    return Curvature(sum(p[0].numel() for p in inputs), product, lambda v: v)
