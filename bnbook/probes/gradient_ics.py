"""Internal covariate shift, measured by gradients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bnbook.probes.base import Probe, Snapshot, once, probe


@once
def gradient_pairs(
    s: Snapshot,
) -> list[tuple[Float[Tensor, "member _"], Float[Tensor, "member _"]]]:
    """(G, G′) of each layer, both (member, …): its weight gradient before and after the layers
    below have taken their coming update, everything else and the batch unchanged.
    """
    pairs = []
    for i, name in enumerate(s.weight_names):
        below = tuple(p for weight in s.weight_names[:i] for p in s.net.layer_prefixes(weight))
        params = {
            key: s.next_params[key] if key.startswith(below) else value
            for key, value in s.params.items()
        }
        moved = s.gradient_at(params) if below else s.gradients
        pairs.append((s.gradients[name].flatten(1), moved[name].flatten(1)))
    return pairs


@probe(unit="1", dims=("layer",), source="santurkar2018how")
@dataclass(frozen=True)
class GradientShift(Probe):
    """‖G − G′‖/‖G‖, with G′ the layer's gradient after the layers below have moved.

    The source's ‖G − G′‖ relative to the gradient itself, so that networks whose gradients
    differ in size can be compared. 0 for the first layer, which has none below.
    """

    def __call__(self, s: Snapshot) -> Float[Tensor, "member layer"]:
        shifts = [(g - h).norm(dim=1) / g.norm(dim=1) for g, h in gradient_pairs(s)]
        return torch.stack(shifts, dim=1)


@probe(unit="1", dims=("layer",), source="santurkar2018how")
@dataclass(frozen=True)
class GradientDifference(Probe):
    """‖G − G′‖ as the source defines it: in units of the gradient, so its scale enters."""

    def __call__(self, s: Snapshot) -> Float[Tensor, "member layer"]:
        return torch.stack([(g - h).norm(dim=1) for g, h in gradient_pairs(s)], dim=1)


@probe(unit="1", dims=("layer",), source="santurkar2018how")
@dataclass(frozen=True)
class GradientCosine(Probe):
    """cos(G, G′): 1 where the layers below leave the direction of the gradient alone."""

    def __call__(self, s: Snapshot) -> Float[Tensor, "member layer"]:
        return torch.stack([F.cosine_similarity(g, h, dim=1) for g, h in gradient_pairs(s)], 1)
