"""Half of batch normalization: the batch's mean is taken out, and nothing is divided."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from bnbook.norms.affine import per_channel
from bnbook.norms.base import register
from bnbook.norms.batch import BatchNorm


@register("mean-only")
class MeanOnlyBatchNorm(BatchNorm):
    """γ·(z − μ) + β, with μ the batch's mean of each channel, through which the gradient flows.

    Modes and buffers are those of "batch", whose running variance is kept too, for comparison,
    and not used. Source: salimans2016weight, where it goes with weight normalization.
    """

    def __init__(
        self, num_features: int, *, momentum: float | None = 0.1, affine: bool = True
    ) -> None:
        super().__init__(num_features, momentum=momentum, affine=affine)

    def forward(self, z: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c *space"]:
        if self.mode == "population":
            return self.with_running_statistics(z)
        mean, _ = self.watched(z)
        return self.scale_and_shift(z - per_channel(mean, z))

    def with_running_statistics(
        self, z: Float[Tensor, "n c *space"]
    ) -> Float[Tensor, "n c *space"]:
        """γ·(z − μ) + β with the running μ."""
        return self.scale_and_shift(z - per_channel(self.running_mean.detach(), z))

    def population_map(self) -> tuple[Float[Tensor, " c"], Float[Tensor, " c"]]:
        if self.weight is None or self.bias is None:
            return self.running_mean.new_ones(self.num_features), -self.running_mean
        return self.weight, self.bias - self.running_mean * self.weight
