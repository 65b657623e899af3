"""A plane through the loss, along two random directions that know how long the filters are."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import vmap

from bnbook.nets.members import over_members
from bnbook.probes.base import Probe, Snapshot, Tensors, probe
from bnbook.probes.curvature import directions, fixed_batches, lengths, mean_loss

PLACES = tuple(round(-1 + 0.2 * k, 1) for k in range(11))


@probe(unit="nat", dims=("along", "across"), source="li2018visualizing")
@dataclass(frozen=True)
class LossSlice(Probe):
    """L(θ + a·δ + b·ε) in training mode, for a in `along` and b in `across`, on fixed batches.

    δ and ε are Gaussian directions in the weights, each filter as long as the filter it moves, so
    that a = 1 is a step of a filter's own length in every network; biases, γ and β stay. The
    random numbers are the same for every network and at every look.
    """

    along: tuple[float, ...] = PLACES
    across: tuple[float, ...] = PLACES

    @torch.no_grad()
    def __call__(self, s: Snapshot) -> Float[Tensor, "member along across"]:
        batches = fixed_batches(s)
        first, second = (filter_normalised(s, draw) for draw in range(2))

        def at(params: Tensors, buffers: Tensors, x: Tensor, y: Tensor) -> Tensor:
            return mean_loss(s.loss, params, buffers, (x, y))

        def height(a: float, b: float) -> Tensor:
            moved = {n: s.params[n] + a * first[n] + b * second[n] for n in first}
            return over_members(s.net, at, (0,) * 4)(s.params | moved, s.buffers, *batches)

        rows = [torch.stack([height(a, b) for b in self.across], 1) for a in self.along]
        return torch.stack(rows, 1)


def filter_normalised(s: Snapshot, draw: int) -> Tensors:
    """Direction number `draw` for the weights (member, out, …): Gaussian, ‖δ_f‖ = ‖w_f‖."""
    generator, found = torch.Generator().manual_seed(draw), {}
    for name in s.weight_names:
        weight = s.params[name]
        drawn = torch.randn(weight.shape[1:], generator=generator).to(weight)
        found[name] = vmap(lengths)(weight) * directions(drawn)
    return found
