"""Dynamic tanh: a bounded function in the place of a normaliser."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bnbook.norms.affine import Affine
from bnbook.norms.base import positive, register


@register("dyt")
class DynamicTanh(Affine):
    """γ·tanh(α·z) + β, with one learned α for the layer and γ and β of each channel.

    No statistic of anything: what a normaliser does to large values, a bounded function does to
    them one by one. `alpha` is where α starts, 0.5 in the source. All modes are the same, and
    none is an affine map. Source: zhu2025transformers.
    """

    def __init__(self, num_features: int, *, alpha: float = 0.5, affine: bool = True) -> None:
        super().__init__(num_features, affine=affine)
        self.alpha = nn.Parameter(torch.tensor(positive("alpha", alpha)))

    def forward(self, z: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c *space"]:
        return self.scale_and_shift(torch.tanh(self.alpha * z))

    def population_map(self) -> None:
        return None
