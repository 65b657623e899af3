"""Filter response normalization: the mean square of one channel of one example."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bnbook.norms.affine import Affine, per_channel
from bnbook.norms.base import NormError, positive, register


@register("frn")
class FilterResponseNorm(Affine):
    """γ·z/√(mean(z²) + ε) + β, with the mean square of each channel of each example.

    For z (N, C, L) or (N, C, H, W) the mean runs over positions; (N, C) has none and is an error,
    as is a single position, where only the sign of z would be left. With `threshold` the output is
    max(·, τ) with a learned τ for each channel that starts at 0, the "thresholded linear unit"
    with which the source replaces ReLU: give such a network the activation "identity". Nothing
    depends on the rest of the batch, and all modes are the same. Source: singh2020filter.
    """

    threshold: nn.Parameter | None

    def __init__(
        self,
        num_features: int,
        *,
        eps: float = 1e-6,
        threshold: bool = False,
        affine: bool = True,
    ) -> None:
        super().__init__(num_features, affine=affine)
        self.eps = positive("eps", eps)
        self.threshold = nn.Parameter(torch.zeros(num_features)) if threshold else None

    def forward(self, z: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c *space"]:
        if z.dim() == 2 or z[0, 0].numel() < 2:
            raise NormError(
                f"FilterResponseNorm takes (N, C, L) or (N, C, H, W) with two positions or more, "
                f"not {tuple(z.shape)}: of one value only its sign would be left. "
                "Use 'rms' or 'layer'"
            )
        mean_square = z.square().mean(list(range(2, z.dim())), keepdim=True)
        y = self.scale_and_shift(z * torch.rsqrt(mean_square + self.eps))
        return y if self.threshold is None else torch.maximum(y, per_channel(self.threshold, y))

    def population_map(self) -> None:
        return None

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}"
