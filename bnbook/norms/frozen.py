"""Batch normalization whose statistics do not move."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from bnbook.norms.base import register
from bnbook.norms.batch import BatchNorm


@register("frozen")
class FrozenBatchNorm(BatchNorm):
    """γ·(z − μ)/√(σ² + ε) + β with population statistics μ and σ², in training too.

    μ and σ² are constants: no gradient flows through them and no batch moves them, so that each
    output depends on its own example only and a constant added to a channel is not removed. They
    start at 0 and 1; set them by `precise_statistics`, `adapt_statistics` or the `state_dict` of
    a network trained with "batch". Collect mode is that of "batch".
    """

    absorbs_bias = False
    mixes_examples = False

    population_map = BatchNorm.population_map

    def __init__(self, num_features: int, *, eps: float = 1e-5, affine: bool = True) -> None:
        super().__init__(num_features, eps=eps, affine=affine)

    def takes_batch_moments(self) -> bool:
        return self.mode == "collect"

    def forward(self, z: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c *space"]:
        if self.mode == "collect":
            return super().forward(z)
        return self.with_running_statistics(z)
