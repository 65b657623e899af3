"""Size of the gradients."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.probes.base import Probe, Snapshot, probe


@probe(unit="1", dims=("layer",), source="chang2017why")
@dataclass(frozen=True)
class GradientNorm(Probe):
    """Euclidean norm of the gradient of the mean loss by each layer's weights, ‖∂L/∂W_ℓ‖."""

    def __call__(self, s: Snapshot) -> Float[Tensor, "member layer"]:
        return torch.stack([s.gradients[name].flatten(1).norm(dim=1) for name in s.weight_names], 1)
