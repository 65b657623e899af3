"""The other half of batch normalization: division by the batch's spread, and no centring."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.norms.affine import per_channel
from bnbook.norms.base import register
from bnbook.norms.batch import BatchNorm


@register("variance-only")
class VarianceOnlyBatchNorm(BatchNorm):
    """γ·z/√(σ² + ε) + β, with the batch's variance of each channel, through which gradients flow.

    σ² is taken about the batch's mean, which itself is left where it is; so a constant added to a
    channel is not removed, and layers keep their bias. Modes and buffers are those of "batch",
    whose running mean is kept too, for comparison, and not used. Half of ioffe2015batch.
    """

    absorbs_bias = False

    def forward(self, z: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c *space"]:
        if self.mode == "population":
            return self.with_running_statistics(z)
        _, var = self.watched(z)
        return self.scale_and_shift(z * per_channel(torch.rsqrt(var + self.eps), z))

    def with_running_statistics(
        self, z: Float[Tensor, "n c *space"]
    ) -> Float[Tensor, "n c *space"]:
        """γ·z/√(σ² + ε) + β with the running σ²."""
        scale = torch.rsqrt(self.running_var.detach() + self.eps)
        return self.scale_and_shift(z * per_channel(scale, z))

    def population_map(self) -> tuple[Float[Tensor, " c"], Float[Tensor, " c"]]:
        scale = torch.rsqrt(self.running_var + self.eps)
        if self.weight is None or self.bias is None:
            return scale, torch.zeros_like(scale)
        return self.weight * scale, self.bias
