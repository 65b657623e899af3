"""No normalisation: the control of every comparison."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.norms.base import Norm, register


@register("none")
class NoNorm(Norm):
    """The identity, with no parameters and no statistics."""

    mixes_examples = False
    mixes_channels = False

    def forward(self, z: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c *space"]:
        return z

    def population_map(self) -> tuple[Float[Tensor, " c"], Float[Tensor, " c"]]:
        return torch.ones(self.num_features), torch.zeros(self.num_features)
