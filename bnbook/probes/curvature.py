"""Products with the Hessian for a whole population, and what Lanczos' method makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.func import vmap

from bnbook.nets.members import Loss, over_members
from bnbook.probes.base import Snapshot, Tensors, once
from bnbook.probes.walk import Regime, loss_in

Measure = Literal["raw", "sphere"]
MEASURES: tuple[Measure, ...] = ("raw", "sphere")
"""Coordinates in which curvature is measured.

raw      all parameters as they are
sphere   the directions of the filters of all layers but the head: L as a function of unit vectors
         û, where w = ‖w‖·û and ‖w‖ is held fixed. Where a layer is scale-invariant this is the
         Hessian at ‖w‖ = 1; where it is not, a filter's own length is the unit of its step.
"""

BATCHES = 2
LANCZOS_STEPS = 20


@dataclass(frozen=True)
class Curvature:
    """The Hessian of each member's loss, an operator on flat vectors (member, n).

    `project` maps onto the directions that count; the operator is P·H·P.
    """

    size: int
    product: Callable[[Tensor], Tensor]
    project: Callable[[Tensor], Tensor]

    def __call__(self, v: Float[Tensor, "member n"]) -> Float[Tensor, "member n"]:
        return self.project(self.product(self.project(v)))


def curvature(s: Snapshot, mode: Regime, measure: Measure) -> Curvature:
    """The Hessian of the mean loss over `fixed_batches`, each normalised by itself.

    The gradient of all members is taken once and its graph kept; a product is one pass back
    through that, a third of the time of differentiating anew.
    """
    on_sphere, loss, batches = measure == "sphere", loss_in(s, mode), fixed_batches(s)
    start = s.params
    if on_sphere:
        start = {name: vmap(directions)(s.params[name]) for name in s.weight_names[:-1]}
    point = {name: p.detach().requires_grad_() for name, p in start.items()}

    def at(u: Tensors, params: Tensors, buffers: Tensors, x: Tensor, y: Tensor) -> Tensor:
        if on_sphere:
            u = {n: directions(each) * lengths(params[n]) for n, each in u.items()}
        return mean_loss(loss, params | u, buffers, (x, y))

    with torch.enable_grad():
        losses = over_members(s.net, at, (0,) * 5)(point, s.params, s.buffers, *batches)
        inputs = list(point.values())
        gradients = torch.autograd.grad(losses.sum(), inputs, create_graph=True)

    def product(v: Tensor) -> Tensor:
        parts = list(unflat(v, point).values())
        found = torch.autograd.grad(gradients, inputs, parts, retain_graph=True)
        return torch.cat([part.flatten(1) for part in found], dim=1)

    def project(v: Tensor) -> Tensor:
        if not on_sphere:
            return v
        return flat({n: vmap(across)(start[n], part) for n, part in unflat(v, start).items()})

    return Curvature(sum(p[0].numel() for p in start.values()), product, project)


def fixed_batches(
    s: Snapshot,
) -> tuple[Float[Tensor, "member batch m ..."], Int64[Tensor, "member batch m"]]:
    """The first training examples, at every look: x (member, batch, m, …), y (member, batch, m)."""
    m = min(s.batch[1].shape[1], len(s.data.train))
    count = min(BATCHES, len(s.data.train) // m)
    x, y = s.examples("train", slice(count * m))
    return x.unflatten(1, (count, m)), y.unflatten(1, (count, m))


def mean_loss(
    loss: Loss,
    params: Tensors,
    buffers: Tensors,
    batches: tuple[Float[Tensor, "batch m ..."], Int64[Tensor, "batch m"]],
) -> Float[Tensor, ""]:
    """Mean of one member's loss over batches, x (batch, m, …) and y (batch, m)."""
    losses = [loss(params, buffers, x, y) for x, y in zip(*batches, strict=True)]
    return torch.stack(losses).mean()


def lengths(weight: Float[Tensor, "out *in"]) -> Float[Tensor, " out *ones"]:
    """‖w‖ of each filter of a weight (out, …), shaped to multiply it.

    >>> lengths(torch.tensor([[3.0, 4.0]]))
    tensor([[5.]])
    """
    return weight.flatten(1).norm(dim=1).view(-1, *[1] * (weight.dim() - 1))


def directions(weight: Float[Tensor, "out *in"]) -> Float[Tensor, "out *in"]:
    """w/‖w‖ of each filter of a weight (out, …)."""
    return weight / lengths(weight)


def across(unit: Float[Tensor, "out *in"], v: Float[Tensor, "out *in"]) -> Float[Tensor, "out *in"]:
    """What is left of each filter of v (out, …) without its part along that of `unit`.

    >>> across(torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 4.0]]))
    tensor([[0., 4.]])
    """
    along = (unit * v).flatten(1).sum(1).view(-1, *[1] * (v.dim() - 1))
    return v - along * unit


def flat(tensors: Tensors) -> Float[Tensor, "member n"]:
    """Tensors (member, …) as one (member, n)."""
    return torch.cat([t.flatten(1) for t in tensors.values()], dim=1)


def unflat(v: Float[Tensor, "member n"], like: Tensors) -> Tensors:
    """The parts of v (member, n) in the shapes of `like`."""
    parts = v.split([t[0].numel() for t in like.values()], dim=1)
    return {n: part.view_as(t) for (n, t), part in zip(like.items(), parts, strict=True)}


@dataclass(frozen=True)
class Ritz:
    """A Hessian seen from one random vector z of signs.

    `values` (member, step) are eigenvalues of the tridiagonal matrix that Lanczos' method makes,
    `weights` (member, step) what each stands for, so that Σ wᵢ·f(λᵢ) estimates tr f(P·H·P) over
    the directions that count; their sum is ‖Pz‖².
    """

    values: Float[Tensor, "member step"]
    weights: Float[Tensor, "member step"]

    @property
    def largest(self) -> Float[Tensor, " member"]:
        """The largest eigenvalue (member,) among those that have weight."""
        present = self.weights > torch.finfo(self.weights.dtype).eps * self.weights.sum(1)[:, None]
        return self.values.where(present, -torch.inf).amax(1)


@once
def ritz(s: Snapshot, mode: Regime, measure: Measure) -> Ritz:
    """Lanczos' method on the Hessian, from a vector of signs.

    The signs are the same for every member, at every look.
    """
    operator, generator = curvature(s, mode, measure), torch.Generator().manual_seed(0)
    signs = 2 * torch.randint(0, 2, (1, operator.size), generator=generator) - 1
    start = operator.project(signs.to(s.batch[0]).expand(s.members, -1))
    return lanczos(operator, start, min(LANCZOS_STEPS, operator.size))


@torch.no_grad()
def lanczos(
    operator: Callable[[Tensor], Tensor], start: Float[Tensor, "member n"], steps: int
) -> Ritz:
    """`steps` of Lanczos' method for symmetric operators, from `start` (member, n).

    Each new vector is made orthogonal to all before it, twice. A member whose vectors span an
    invariant space before the last step goes on with zeros, which carry no weight.
    Source: ghorbani2019investigation.

    >>> known = torch.tensor([[4.0, 1.0], [1.0, 4.0]])  # eigenvalues 3 and 5
    >>> found = lanczos(lambda v: v @ known, torch.tensor([[1.0, 0.0]]), steps=2)
    >>> found.values, found.weights
    (tensor([[3., 5.]]), tensor([[0.5000, 0.5000]]))
    """
    mass = start.square().sum(1)
    basis = torch.zeros(len(start), steps, start.shape[1], dtype=start.dtype, device=start.device)
    matrix = torch.zeros(len(start), steps, steps, dtype=start.dtype, device=start.device)
    vector, tiny = start / mass.sqrt()[:, None], 100 * torch.finfo(start.dtype).eps
    for i in range(steps):
        basis[:, i] = vector
        image = operator(vector)
        size = image.norm(dim=1)
        matrix[:, i, i] = (image * vector).sum(1)
        for _ in range(2):
            overlap = torch.bmm(basis[:, : i + 1], image[:, :, None])
            image = image - torch.bmm(overlap.mT, basis[:, : i + 1])[:, 0]
        left = image.norm(dim=1)
        left = left.where(left > tiny * size, 0.0)
        vector = torch.where(left[:, None] > 0, image / left[:, None], 0.0)
        if i + 1 < steps:
            matrix[:, i, i + 1] = matrix[:, i + 1, i] = left
    values, vectors = torch.linalg.eigh(matrix)
    return Ritz(values, mass[:, None] * vectors[:, 0].square())
