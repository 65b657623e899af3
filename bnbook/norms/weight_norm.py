"""Weight normalization: the length of a filter is a parameter of its own."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.norms.affine import Affine
from bnbook.norms.base import NormError, number, positive, register
from bnbook.norms.weight_std import WEIGHT_EPS


@register("weight-norm")
class WeightNorm(Affine):
    """Weights of the layer before with one length in each filter: w_o = gain·v_o/√(‖v_o‖² + ε_w).

    γ·z + β follows, so that gain·γ is the length g of the source's w = g·v/‖v‖, learned apart from
    the direction. `gain` is the length at the start: √2 is that of He's weights, 1 of Glorot's in
    a square layer. No statistic of activations; all modes are the same.
    Source: salimans2016weight.
    """

    def __init__(
        self,
        num_features: int,
        *,
        gain: float = 1.0,
        weight_eps: float = WEIGHT_EPS,
        affine: bool = True,
    ) -> None:
        super().__init__(num_features, affine=affine)
        if not 0 < number("gain", gain) < math.inf:
            raise NormError(f"gain is {gain}; the length of a filter is a positive number")
        self.gain, self.weight_eps = gain, positive("weight_eps", weight_eps)

    def transform_weight(self, weight: Float[Tensor, " out *in"]) -> Float[Tensor, " out *in"]:
        return fixed_length(weight, self.gain, self.weight_eps)

    def extra_repr(self) -> str:
        return f"{self.num_features}, gain={self.gain}, weight_eps={self.weight_eps}"


def fixed_length(
    weight: Float[Tensor, " out *in"], length: float, eps: float
) -> Float[Tensor, " out *in"]:
    """length·v_o/√(‖v_o‖² + ε) for each filter v_o of weight (out, in, …).

    >>> fixed_length(torch.tensor([[3.0, 4.0]]), length=10.0, eps=1e-12)
    tensor([[6., 8.]])
    """
    rows = weight.flatten(1).to(torch.promote_types(weight.dtype, torch.float32))
    scale = length * torch.rsqrt(rows.square().sum(1, keepdim=True) + eps)
    return (rows * scale).view_as(weight).to(weight.dtype)
