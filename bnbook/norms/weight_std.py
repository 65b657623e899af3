"""Weight Standardization: the weights are normalised, and not the activations."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.norms.affine import Affine
from bnbook.norms.base import NormError, number, positive, register

WEIGHT_EPS = 1e-8
"""ε of the weights: small beside the variance of any row of weights that is in use."""


@register("weight-std")
class WeightStandardization(Affine):
    """Weights of the layer before with mean 0 and the same variance in each filter.

        Ŵ_o = gain·(W_o − mean(W_o))/√(var(W_o) + ε_w)

    over the fan-in of every output channel o, followed by γ·z + β; no statistic of activations.
    Ŵ does not change when a filter is shifted or scaled, up to ε_w. `gain` is 1 as in the source,
    where another normaliser follows (see "weight-std+batch" and "weight-std+group"): rows of
    variance 1 make a layer's output √fan_in times larger than its input. With gain="fan-in",
    which stands for 1/√fan_in, they keep its size (brock2021characterizing). All modes are the
    same. Source: qiao2019micro.
    """

    def __init__(
        self,
        num_features: int,
        *,
        gain: float | str = 1.0,
        weight_eps: float = WEIGHT_EPS,
        affine: bool = True,
    ) -> None:
        super().__init__(num_features, affine=affine)
        if gain != "fan-in" and (isinstance(gain, str) or not 0 < number("gain", gain) < math.inf):
            raise NormError(f"gain is {gain!r}; it is a positive number or 'fan-in'")
        self.gain = gain
        self.weight_eps = positive("weight_eps", weight_eps)

    def transform_weight(self, weight: Float[Tensor, " out *in"]) -> Float[Tensor, " out *in"]:
        gain = weight[0].numel() ** -0.5 if isinstance(self.gain, str) else self.gain
        return gain * standardised_filters(weight, self.weight_eps)

    def extra_repr(self) -> str:
        return f"{self.num_features}, gain={self.gain}, weight_eps={self.weight_eps}"


def standardised_filters(
    weight: Float[Tensor, " out *in"], eps: float
) -> Float[Tensor, " out *in"]:
    """(W_o − mean(W_o))/√(var(W_o) + ε) for each filter W_o of weight (out, in, …).

    The variance is biased, and of half precision taken in float32. One weight per filter is an
    error: it would always become 0.

    >>> standardised_filters(torch.tensor([[1.0, 3.0], [5.0, 5.0]]), eps=1e-12)
    tensor([[-1.,  1.],
            [ 0.,  0.]])
    """
    if weight[0].numel() < 2:
        raise NormError(
            f"a weight of shape {tuple(weight.shape)} has one number per filter, which "
            "standardisation would always turn into 0. Use another normaliser for this layer"
        )
    rows = weight.flatten(1).to(torch.promote_types(weight.dtype, torch.float32))
    centred = rows - rows.mean(1, keepdim=True)
    var = centred.square().mean(1, keepdim=True)
    return (centred * torch.rsqrt(var + eps)).view_as(weight).to(weight.dtype)
