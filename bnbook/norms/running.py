"""Running moments: what a normaliser remembers of the batches it has seen."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.norms.affine import Affine
from bnbook.norms.base import NormError, number, positive


class RunningNorm(Affine):
    """A normaliser that keeps a running mean and a running second central moment, the spread.

    The spread is whatever the subclass normalises by, a variance or a covariance: it registers
    the buffer, hands out both moments in `statistics`, and says what the distance between two
    means adds to the spread of their union in `spread_between`. With momentum=None the running
    moments are the plain mean of those of all batches, as in torch.
    """

    keeps_statistics = True
    running_mean: Tensor
    num_batches_tracked: Tensor

    _version = 2  # torch's, since which its state_dict holds num_batches_tracked

    def __init__(
        self, num_features: int, *, eps: float, momentum: float | None, affine: bool
    ) -> None:
        super().__init__(num_features, affine=affine)
        if momentum is not None and not 0 < number("momentum", momentum) <= 1:
            raise NormError(f"momentum is {momentum}; it must lie in (0, 1], or be None")
        self.eps = positive("eps", eps)
        self.momentum = momentum
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    @abstractmethod
    def statistics(self) -> tuple[Float[Tensor, " c"], Float[Tensor, " ..."]]:
        """The running mean (C,) and the running spread, the buffers themselves."""

    @abstractmethod
    def spread_between(self, shift: Float[Tensor, " c"]) -> Float[Tensor, " ..."]:
        """The spread of two equally likely points `shift` (C,) apart, times 4."""

    @torch.no_grad()
    def move_towards(self, mean: Float[Tensor, " c"], spread: Float[Tensor, " ..."]) -> None:
        """One step of the moving average, running ← (1 − α)·running + α·batch.

        α is `momentum`; where that is None, one over the number of batches, this one included.
        """
        self.num_batches_tracked.add_(1)
        for running, batch in zip(self.statistics(), (mean, spread), strict=True):
            if self.momentum is None:
                share = 1 / self.num_batches_tracked.to(running.dtype)
                running.add_((batch.detach() - running) * share)
            else:
                running.mul_(1 - self.momentum).add_(batch.detach(), alpha=self.momentum)

    @torch.no_grad()
    def pool(self, mean: Float[Tensor, " c"], spread: Float[Tensor, " ..."], count: int) -> None:
        """Moments of the union of two sets of values from the moments of each.

        `count` is the number of new values a channel; the formula is Chan, Golub and LeVeque's.
        While statistics are collected, num_batches_tracked counts pooled values.
        """
        running_mean, running_spread = self.statistics()
        self.num_batches_tracked.add_(count)
        share = count / self.num_batches_tracked.to(mean.dtype)
        shift = mean - running_mean
        between = self.spread_between(shift) * (share * (1 - share))
        running_spread.copy_(running_spread * (1 - share) + spread * share + between)
        running_mean.add_(shift * share)

    def reset_statistics(self) -> None:
        """Back to mean 0, spread 1, no batches seen."""
        self.running_mean.zero_()
        self.num_batches_tracked.zero_()

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, local_metadata: dict[str, Any], *rest: Any
    ) -> None:
        """As in torch: one from before there was a num_batches_tracked leaves it as it is."""
        version = local_metadata.get("version")
        if version is None or version < 2:
            state_dict.setdefault(f"{prefix}num_batches_tracked", self.num_batches_tracked)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"
