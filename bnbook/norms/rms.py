"""Root mean square normalization: the length of one example, and no centring."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.norms.affine import Affine
from bnbook.norms.base import positive, register


@register("rms")
class RMSNorm(Affine):
    """γ·z/√(mean(z²) + ε) + β, with the mean square of each example over all its values.

    For z (N, C, …) the mean runs over the channels and all positions, as in "layer", from which
    it differs in that nothing is subtracted; γ and β are (C,). With β = 0 it is, for (N, C),
    `torch.nn.RMSNorm(C)`. Nothing depends on the rest of the batch, and all modes are the same.
    Source: zhang2019root.
    """

    mixes_channels = True

    def __init__(self, num_features: int, *, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__(num_features, affine=affine)
        self.eps = positive("eps", eps)

    def forward(self, z: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c *space"]:
        mean_square = z.square().mean(list(range(1, z.dim())), keepdim=True)
        return self.scale_and_shift(z * torch.rsqrt(mean_square + self.eps))

    def population_map(self) -> None:
        return None

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}"
