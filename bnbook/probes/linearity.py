"""How much of a nonlinearity a unit uses."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.probes.base import Probe, Snapshot, probe


@probe(unit="1", dims=("layer",), source="ioffe2015batch")
@dataclass(frozen=True)
class Linearity(Probe):
    """Squared correlation of a unit's input a and output φ(a), averaged over a layer's units.

    It is 1 for a unit that acts as a straight line on held-out examples. For a ~ N(0, γ²) it is
    γ²·E[φ′(a)]²/Var φ(a), by Stein's lemma. Units that do not vary at all are left out. In the
    channels of a convolution, positions count as examples.
    """

    def __call__(self, s: Snapshot) -> Float[Tensor, "member layer"]:
        pairs = zip(s.activations.inputs, s.activations.outputs, strict=True)
        return torch.stack([_linearity(a, h) for a, h in pairs], dim=1)


def _linearity(a: Tensor, h: Tensor) -> Tensor:
    """(member,) of inputs and outputs (member, N, units, …)."""
    a, h = (_centred(each.double()) for each in (a, h))
    squares = (a * h).mean(1).square() / (a.square().mean(1) * h.square().mean(1))
    return squares.nanmean(1)


def _centred(z: Tensor) -> Tensor:
    """(member, N·positions, units) minus its mean over examples."""
    z = z.movedim(2, -1).flatten(1, -2)
    return z - z.mean(1, keepdim=True)
