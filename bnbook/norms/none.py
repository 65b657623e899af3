"""No normalisation: the control of every comparison."""

from __future__ import annotations

import torch
from torch import Tensor

from bnbook.norms.base import Norm, register


@register("none")
class NoNorm(Norm):
    """The identity, with no parameters and no statistics."""

    mixes_examples = False
    mixes_channels = False

    def forward(self, z: Tensor) -> Tensor:
        self.check_input(z)
        return z

    def population_map(self) -> tuple[Tensor, Tensor]:
        return torch.ones(self.num_features), torch.zeros(self.num_features)
