"""Weight Standardization under group normalization."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from bnbook.norms.base import positive, register
from bnbook.norms.group import GroupNorm
from bnbook.norms.weight_std import WEIGHT_EPS, standardised_filters


@register("weight-std+group")
class WeightStdGroupNorm(GroupNorm):
    """GroupNorm of activations that come from standardised weights (see "weight-std", "group").

    Source: qiao2019micro.
    """

    def __init__(
        self,
        num_features: int,
        *,
        groups: int | None = None,
        weight_eps: float = WEIGHT_EPS,
        eps: float = 1e-5,
        affine: bool = True,
    ) -> None:
        super().__init__(num_features, groups=groups, eps=eps, affine=affine)
        self.weight_eps = positive("weight_eps", weight_eps)

    def transform_weight(self, weight: Float[Tensor, " out *in"]) -> Float[Tensor, " out *in"]:
        return standardised_filters(weight, self.weight_eps)
