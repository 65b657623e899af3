"""Weight normalization under mean-only batch normalization."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from bnbook.norms.base import positive, register
from bnbook.norms.mean_only import MeanOnlyBatchNorm
from bnbook.norms.weight_norm import fixed_length
from bnbook.norms.weight_std import WEIGHT_EPS


@register("weight-norm+mean")
class WeightNormMeanOnly(MeanOnlyBatchNorm):
    """γ·(z − μ) + β of activations z that come from filters of one length (see "weight-norm").

    Centring is the data's, scaling the weights'. Source: salimans2016weight.
    """

    def __init__(
        self,
        num_features: int,
        *,
        gain: float = 1.0,
        weight_eps: float = WEIGHT_EPS,
        momentum: float | None = 0.1,
        affine: bool = True,
    ) -> None:
        super().__init__(num_features, momentum=momentum, affine=affine)
        self.gain, self.weight_eps = positive("gain", gain), positive("weight_eps", weight_eps)

    def transform_weight(self, weight: Float[Tensor, " out *in"]) -> Float[Tensor, " out *in"]:
        return fixed_length(weight, self.gain, self.weight_eps)
