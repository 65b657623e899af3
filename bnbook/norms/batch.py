"""Batch normalization, written out."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bnbook.norms.base import Norm, NormError, register


@register("batch")
class BatchNorm(Norm):
    """BN(z) = γ·(z − μ)/√(σ² + ε) + β, with μ and σ² over all dimensions but the channel's.

    For z (N, C) the moments run over m = N values a channel, for (N, C, L) over N·L, for
    (N, C, H, W) over N·H·W. In training z is normalised by the *biased* variance of the batch,
    and the running variance moves towards the *unbiased* one, both as in `torch.nn.BatchNorm1d`
    and `2d`, whose `state_dict` this one shares: weight γ, bias β, running_mean, running_var,
    num_batches_tracked. Where the statistics come from is `mode` (see `bnbook.norms.base.Mode`).

    `momentum` is the weight of the new batch in the running statistics (torch's convention).
    ε = 0 is allowed wherever no channel is constant. Source: ioffe2015batch.
    """

    keeps_statistics = True
    absorbs_bias = True
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self,
        num_features: int,
        *,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
    ) -> None:
        super().__init__(num_features)
        if eps < 0:
            raise NormError(f"eps is {eps}; it is added to a variance and cannot be negative")
        if not 0 < momentum <= 1:
            raise NormError(f"momentum is {momentum}; it must lie in (0, 1]")
        self.eps = eps
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, z: Tensor) -> Tensor:
        self.check_input(z)
        if self.mode == "population":
            mean, var = self.running_mean, self.running_var
        else:
            mean, var = self._batch_moments(z)
        scale = torch.rsqrt(var + self.eps)
        if self.weight is not None:
            scale = scale * self.weight
        centred = z - per_channel(mean, z)
        if self.bias is None:
            return centred * per_channel(scale, z)
        return torch.addcmul(per_channel(self.bias, z), centred, per_channel(scale, z))

    def reset_statistics(self) -> None:
        """Back to mean 0, variance 1, no batches seen."""
        self.running_mean.zero_()
        self.running_var.fill_(1)
        self.num_batches_tracked.zero_()

    def _batch_moments(self, z: Tensor) -> tuple[Tensor, Tensor]:
        mean, var = moments(z)
        count = z.numel() // z.shape[1]
        with torch.no_grad():
            if self.mode == "train":
                if count < 2:
                    raise NormError(
                        f"{tuple(z.shape)} holds one value per channel: its variance is 0 and "
                        "batch statistics say nothing. Use a larger batch, or mode 'population'"
                    )
                self._move_towards(mean.detach(), var.detach() * (count / (count - 1)))
            elif self.mode == "collect":
                self._pool(mean.detach(), var.detach(), count)
        return mean, var

    def _move_towards(self, mean: Tensor, unbiased_var: Tensor) -> None:
        keep = 1 - self.momentum
        self.running_mean.mul_(keep).add_(mean, alpha=self.momentum)
        self.running_var.mul_(keep).add_(unbiased_var, alpha=self.momentum)
        self.num_batches_tracked.add_(1)

    def _pool(self, mean: Tensor, var: Tensor, count: int) -> None:
        """Moments of two sets of values from the moments of each (Chan et al.'s formula).

        While statistics are collected, num_batches_tracked counts pooled values.
        """
        self.num_batches_tracked.add_(count)
        share = count / self.num_batches_tracked
        shift = mean - self.running_mean
        between = shift.square() * (share * (1 - share))
        self.running_var.copy_(self.running_var * (1 - share) + var * share + between)
        self.running_mean.add_(shift * share)

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"


def moments(z: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of each channel of z (N, C, …), over all other dimensions."""
    dims = [0, *range(2, z.dim())]
    mean = z.mean(dims)
    return mean, (z - per_channel(mean, z)).square().mean(dims)


def per_channel(values: Tensor, z: Tensor) -> Tensor:
    """`values` (C,) shaped to broadcast along the channels of z (N, C, …)."""
    return values.view(-1, *[1] * (z.dim() - 2))
