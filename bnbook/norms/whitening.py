"""What the two whitening normalisers share; each adds its own inverse square root."""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.norms.base import NormError, whole
from bnbook.norms.group import check_groups
from bnbook.norms.running import RunningNorm


class Whitening(RunningNorm):
    """γ·Σ^(−½)(z − μ) + β over groups of channels, Σ their covariance plus ε·I.

    For z (N, C, …) the m = N·… values of a channel are one row of a matrix, and Σ = XXᵀ/m + ε·I
    is taken within each of `groups` equal groups of consecutive channels. Output covariance:
    (Σ_x + εI)⁻¹Σ_x. As with BN the running covariance moves towards the unbiased one, m/(m − 1)
    times the batch's; population mode takes the root of the running covariance anew.

    `groups` = C is BN, 1 is full whitening; by default groups are as few as keeps each at 16
    channels or less (the group size of huang2018decorrelated). A batch with m ≤ C/groups values a
    channel is an error: its covariance has no full rank, and the output would hardly depend on it.
    """

    absorbs_bias = True
    mixes_examples = True
    mixes_channels = True
    running_cov: Tensor

    def __init__(
        self,
        num_features: int,
        *,
        groups: int | None = None,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
    ) -> None:
        super().__init__(num_features, eps=eps, momentum=momentum, affine=affine)
        self.groups = small_groups(num_features) if groups is None else whole("groups", groups)
        check_groups(num_features, self.groups)
        self.group_size = num_features // self.groups
        identity = torch.eye(self.group_size)
        self.register_buffer("running_cov", identity.repeat(self.groups, 1, 1))

    @abstractmethod
    def inverse_root(self, cov: Float[Tensor, "*groups c c"]) -> Float[Tensor, "*groups c c"]:
        """cov^(−½) for symmetric positive definite matrices (…, c, c)."""

    def forward(self, z: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c *space"]:
        if self.mode == "population":
            mean, cov = self.running_mean, self.running_cov
        else:
            mean, cov = self._batch_moments(z)
        x = self._rows(z) - mean.view(self.groups, -1, 1)
        whitened = self._root(cov) @ x
        return self.scale_and_shift(
            whitened.reshape(self.num_features, len(z), *z.shape[2:]).transpose(0, 1)
        )

    def _batch_moments(self, z: Tensor) -> tuple[Tensor, Tensor]:
        rows = self._rows(z)
        count = rows.shape[-1]
        self.check_count(count, z)
        if count <= self.group_size:
            raise NormError(
                f"{tuple(z.shape)} gives {count} values per channel, too few to whiten "
                f"{self.group_size} channels together: more than {self.group_size} are needed. "
                "Use a larger batch or more groups"
            )
        mean, cov = covariance(rows)
        mean = mean.flatten()
        if self.mode == "train":
            self.move_towards(mean, cov * (count / (count - 1)))
        elif self.mode == "collect":
            self.pool(mean.detach(), cov.detach(), count)
        return mean, cov

    def _rows(self, z: Tensor) -> Tensor:
        """z (N, C, …) as (groups, C/groups, m): a channel's values in a row."""
        return z.transpose(0, 1).reshape(self.groups, self.group_size, -1)

    def _root(self, cov: Tensor) -> Tensor:
        identity = torch.eye(self.group_size, dtype=cov.dtype, device=cov.device)
        return self.inverse_root(cov + self.eps * identity)

    def population_map(self) -> tuple[Float[Tensor, "c c"], Float[Tensor, " c"]]:
        scale = torch.block_diag(*self._root(self.running_cov))
        if self.weight is None or self.bias is None:
            return scale, -scale @ self.running_mean
        scale = self.weight[:, None] * scale
        return scale, self.bias - scale @ self.running_mean

    def statistics(self) -> tuple[Float[Tensor, " c"], Float[Tensor, "groups size size"]]:
        return self.running_mean, self.running_cov

    def spread_between(self, shift: Float[Tensor, " c"]) -> Float[Tensor, "groups size size"]:
        shift = shift.view(self.groups, -1, 1)
        return shift * shift.mT

    def reset_statistics(self) -> None:
        super().reset_statistics()
        identity = torch.eye(self.group_size).to(self.running_cov)
        self.running_cov.copy_(identity.expand_as(self.running_cov))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, groups={self.groups}"


def covariance(
    rows: Float[Tensor, "*groups c m"],
) -> tuple[Float[Tensor, "*groups c"], Float[Tensor, "*groups c c"]]:
    """Mean (…, c) and biased covariance (…, c, c) of the m columns of rows (…, c, m).

    >>> covariance(torch.tensor([[1.0, 3.0], [2.0, -2.0]]))
    (tensor([2., 0.]), tensor([[ 1., -2.],
            [-2.,  4.]]))
    """
    mean = rows.mean(-1)
    centred = rows - mean[..., None]
    return mean, centred @ centred.mT / rows.shape[-1]


def small_groups(num_features: int) -> int:
    """The fewest equal groups of at most 16 channels."""
    return next(
        g for g in range(1, num_features + 1) if num_features % g == 0 and num_features <= 16 * g
    )
