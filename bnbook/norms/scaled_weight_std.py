"""Scaled weight standardization: filters whose layer keeps the size of what it is given."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from bnbook.norms.base import register
from bnbook.norms.weight_std import WEIGHT_EPS, WeightStandardization

RELU_GAIN = math.sqrt(2 / (1 - 1 / math.pi))
"""1/σ of ReLU(ξ) for ξ from N(0, 1): what ReLU takes from a variance of 1, this gives back."""


@register("scaled-weight-std")
class ScaledWeightStd(WeightStandardization):
    """Ŵ_o = gain·(W_o − mean(W_o))/(√fan_in·√(var(W_o) + ε_w)), followed by γ·z + β.

    Filters of mean 0 and length `gain`. What a nonlinearity φ of standard normal values hands to
    a layer has the variance Var φ(ξ) about a mean that filters of mean 0 do not see: with
    gain = 1/√Var φ(ξ), by default that of ReLU, the layer hands on variance 1 as BN would, on
    average over filters. Source: brock2021characterizing.
    """

    def __init__(
        self,
        num_features: int,
        *,
        gain: float = RELU_GAIN,
        weight_eps: float = WEIGHT_EPS,
        affine: bool = True,
    ) -> None:
        super().__init__(num_features, gain=gain, weight_eps=weight_eps, affine=affine)

    def transform_weight(self, weight: Float[Tensor, " out *in"]) -> Float[Tensor, " out *in"]:
        return super().transform_weight(weight) * weight[0].numel() ** -0.5
