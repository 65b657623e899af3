"""A learned scale and shift of every channel: what a normaliser ends in."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bnbook.norms.base import Norm, register


@register("affine")
class Affine(Norm):
    """γ·z + β for each channel: a normaliser without statistics, and the last step of the others.

    With affine=False there is no γ or β, and the map is the identity. Source: frankle2021training,
    where training γ and β alone goes a long way.
    """

    mixes_examples = False
    mixes_channels = False
    weight: nn.Parameter | None
    bias: nn.Parameter | None

    def __init__(self, num_features: int, *, affine: bool = True) -> None:
        super().__init__(num_features)
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None

    def forward(self, z: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c *space"]:
        return self.scale_and_shift(z)

    def scale_and_shift(self, x: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c *space"]:
        """γ·x + β with γ and β (C,) and x (N, C, …)."""
        if self.weight is None or self.bias is None:
            return x
        return torch.addcmul(per_channel(self.bias, x), x, per_channel(self.weight, x))

    def population_map(self) -> tuple[Float[Tensor, "*out c"], Float[Tensor, " c"]] | None:
        if self.weight is None or self.bias is None:
            return torch.ones(self.num_features), torch.zeros(self.num_features)
        return self.weight, self.bias


def per_channel(
    values: Float[Tensor, " c"], z: Float[Tensor, "n c *space"]
) -> Float[Tensor, " c *ones"]:
    """`values` (C,) shaped to broadcast along the channels of z (N, C, …)."""
    return values.view(-1, *[1] * (z.dim() - 2))
