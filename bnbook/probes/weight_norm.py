"""Size of the weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.probes.base import Probe, Snapshot, probe


@probe(unit="1", dims=("layer",), source="chang2017why")
@dataclass(frozen=True)
class WeightNorm(Probe):
    """Euclidean (Frobenius) norm of each layer's weight matrix, ‖W_ℓ‖; the last is the head's."""

    def __call__(self, s: Snapshot) -> Float[Tensor, "member layer"]:
        return torch.stack([s.params[name].flatten(1).norm(dim=1) for name in s.weight_names], 1)
