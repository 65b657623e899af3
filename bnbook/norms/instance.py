"""Instance normalization: moments over one channel of one example."""

from __future__ import annotations

from jaxtyping import Shaped
from torch import Tensor

from bnbook.norms.base import NormError, register
from bnbook.norms.group import GroupNorm


@register("instance")
class InstanceNorm(GroupNorm):
    """γ·(z − μ)/√(σ² + ε) + β, with μ and biased σ² of each channel of each example.

    For z (N, C, L) or (N, C, H, W) the moments run over positions; (N, C) has none and is an
    error, as is a single position. Nothing depends on the rest of the batch, and all modes are
    the same. Source: ulyanov2016instance.
    """

    absorbs_bias = True
    mixes_channels = False

    def __init__(self, num_features: int, *, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__(num_features, groups=num_features, eps=eps, affine=affine)

    def check_input(self, z: Shaped[Tensor, " ..."]) -> None:
        if z.dim() == 2:
            raise NormError(
                f"InstanceNorm takes (N, C, L) or (N, C, H, W), not {tuple(z.shape)}: it averages "
                "over positions, and a dense layer has none. Use 'layer' or 'group'"
            )
        super().check_input(z)
