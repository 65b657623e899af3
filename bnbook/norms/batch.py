"""Batch normalization: the equation, and the fused kernel that is tested against it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bnbook.norms.affine import per_channel
from bnbook.norms.base import register
from bnbook.norms.running import RunningNorm


@register("batch")
class BatchNorm(RunningNorm):
    """BN(z) = γ·(z − μ)/√(σ² + ε) + β, with μ and σ² over all dimensions but the channel's.

    For z (N, C) the moments run over m = N values a channel, for (N, C, L) over N·L, for
    (N, C, H, W) over N·H·W. In training z is normalised by the *biased* variance of the batch,
    and the running variance moves towards the *unbiased* one, both as in `torch.nn.BatchNorm1d`
    and `2d`, whose `state_dict` this one shares: weight γ, bias β, running_mean, running_var,
    num_batches_tracked. Where the statistics come from is `mode` (see `bnbook.norms.base.Mode`).

    `momentum` is the weight of the new batch in the running statistics, and None makes them the
    plain mean over all batches (both torch's convention).
    The equation as written is `standardise(z, *moments(z), eps)`; torch's fused kernel computes
    it here, alone and stacked. One value per channel is an error unless the mode is population.
    Source: ioffe2015batch.
    """

    absorbs_bias = True
    mixes_examples = True
    running_var: Tensor

    def __init__(
        self,
        num_features: int,
        *,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
    ) -> None:
        super().__init__(num_features, eps=eps, momentum=momentum, affine=affine)
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, z: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c *space"]:
        if self.mode == "population":
            return self.with_running_statistics(z)
        count = values_per_channel(z)
        self.check_count(count, z)
        running: tuple[Tensor | None, Tensor | None] = (None, None)
        if self.mode == "train" and self.momentum is None:
            mean, var = moments(z.detach())
            self.move_towards(mean, var * (count / (count - 1)))
        elif self.mode == "train":
            self.num_batches_tracked.add_(1)
            running = self.statistics()
        elif self.mode == "collect":
            self.pool(*moments(z.detach()), count)
        momentum = self.momentum or 0.0
        return F.batch_norm(z, *running, self.weight, self.bias, True, momentum, self.eps)

    def watched(
        self, z: Float[Tensor, "n c *space"]
    ) -> tuple[Float[Tensor, " c"], Float[Tensor, " c"]]:
        """Mean and biased variance of z, differentiable, after what the mode does with them."""
        count = values_per_channel(z)
        self.check_count(count, z)
        mean, var = moments(z)
        if self.mode == "train":
            self.move_towards(mean, var * (count / (count - 1)))
        elif self.mode == "collect":
            self.pool(mean.detach(), var.detach(), count)
        return mean, var

    def with_running_statistics(
        self, z: Float[Tensor, "n c *space"]
    ) -> Float[Tensor, "n c *space"]:
        """γ·(z − μ)/√(σ² + ε) + β with the running μ and σ², to which no gradient flows."""
        running = self.running_mean.detach(), self.running_var.detach()
        return F.batch_norm(z, *running, self.weight, self.bias, False, 0.0, self.eps)

    def population_map(self) -> tuple[Float[Tensor, " c"], Float[Tensor, " c"]]:
        scale = torch.rsqrt(self.running_var + self.eps)
        if self.weight is not None:
            scale = self.weight * scale
        shift = -self.running_mean * scale
        return scale, shift if self.bias is None else self.bias + shift

    def statistics(self) -> tuple[Float[Tensor, " c"], Float[Tensor, " c"]]:
        return self.running_mean, self.running_var

    def spread_between(self, shift: Float[Tensor, " c"]) -> Float[Tensor, " c"]:
        return shift.square()

    def reset_statistics(self) -> None:
        super().reset_statistics()
        self.running_var.fill_(1)


def values_per_channel(z: Float[Tensor, "n c *space"]) -> int:
    """m, the number of values over which the moments of a channel of z (N, C, …) are taken."""
    return z.numel() // z.shape[1]


def moments(z: Float[Tensor, "n c *space"]) -> tuple[Float[Tensor, " c"], Float[Tensor, " c"]]:
    """Mean and biased variance of each channel of z (N, C, …), over all other dimensions.

    >>> moments(torch.tensor([[1.0, 5.0], [3.0, 5.0]]))
    (tensor([2., 5.]), tensor([1., 0.]))
    """
    dims = [0, *range(2, z.dim())]
    mean = z.mean(dims)
    return mean, (z - per_channel(mean, z)).square().mean(dims)


def standardise(
    z: Float[Tensor, "n c *space"], mean: Float[Tensor, " c"], var: Float[Tensor, " c"], eps: float
) -> Float[Tensor, "n c *space"]:
    """x̂ = (z − μ)/√(σ² + ε), channel by channel; mean and var are (C,).

    >>> z = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    >>> standardise(z, *moments(z), eps=1e-12)
    tensor([[-1.,  0.],
            [ 1.,  0.]])
    """
    return (z - per_channel(mean, z)) * per_channel(torch.rsqrt(var + eps), z)
