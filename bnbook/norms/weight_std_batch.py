"""Weight Standardization under batch normalization."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from bnbook.norms.base import positive, register
from bnbook.norms.batch import BatchNorm
from bnbook.norms.weight_std import WEIGHT_EPS, standardised_filters


@register("weight-std+batch")
class WeightStdBatchNorm(BatchNorm):
    """BN of activations that come from standardised weights (see "weight-std" and "batch").

    A gain would change nothing but the weight of ε, so there is none. Source: qiao2019micro.
    """

    def __init__(
        self,
        num_features: int,
        *,
        weight_eps: float = WEIGHT_EPS,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
    ) -> None:
        super().__init__(num_features, eps=eps, momentum=momentum, affine=affine)
        self.weight_eps = positive("weight_eps", weight_eps)

    def transform_weight(self, weight: Float[Tensor, " out *in"]) -> Float[Tensor, " out *in"]:
        return standardised_filters(weight, self.weight_eps)
