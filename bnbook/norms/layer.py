"""Layer normalization: moments over one example."""

from __future__ import annotations

from bnbook.norms.base import register
from bnbook.norms.group import GroupNorm


@register("layer")
class LayerNorm(GroupNorm):
    """γ·(z − μ)/√(σ² + ε) + β, with μ and biased σ² of each example over all its values.

    For z (N, C, …) the moments run over the channels and all positions, while γ and β are (C,):
    for (N, C) this is `torch.nn.LayerNorm(C)`, for images `torch.nn.GroupNorm(1, C)`. Nothing
    depends on the rest of the batch, and all modes are the same. Source: ba2016layer.
    """

    def __init__(self, num_features: int, *, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__(num_features, groups=1, eps=eps, affine=affine)
