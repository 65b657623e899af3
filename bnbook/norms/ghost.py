"""Batch normalization over parts of the batch."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bnbook.norms.base import NormError, register, whole
from bnbook.norms.batch import BatchNorm, moments, values_per_channel


@register("ghost")
class GhostBatchNorm(BatchNorm):
    """BN of every `ghost_size` consecutive examples by themselves.

    The batch (N, C, …) is cut into N/ghost_size ghost batches, in order, each normalised by its
    own mean and biased variance, so that the statistics batch and the batch of the gradient step
    can differ in size. `ghost_size` must divide N, except in population mode. The running
    statistics are those of the whole batch, the ghosts' values pooled: just what "batch" would
    keep on the same inputs. Source: hoffer2017train (whose running statistics instead take
    the ghosts one after another).
    """

    def __init__(
        self,
        num_features: int,
        *,
        ghost_size: int = 8,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
    ) -> None:
        super().__init__(num_features, eps=eps, momentum=momentum, affine=affine)
        self.ghost_size = whole("ghost_size", ghost_size)
        if ghost_size < 1:
            raise NormError(f"ghost_size is {ghost_size}; a ghost batch holds 1 example or more")

    population_map = BatchNorm.population_map

    def forward(self, z: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c *space"]:
        if self.mode == "population":
            return self.with_running_statistics(z)
        ghosts = self._ghosts_as_channels(z)
        self.check_count(values_per_channel(ghosts), z, "channel and ghost batch")
        count = values_per_channel(z)
        if self.mode == "train":
            mean, var = moments(z.detach())
            self.move_towards(mean, var * (count / (count - 1)))
        elif self.mode == "collect":
            self.pool(*moments(z.detach()), count)
        x = F.batch_norm(ghosts, None, None, training=True, eps=self.eps)
        x = x.view(self.ghost_size, -1, *z.shape[1:]).transpose(0, 1).reshape(z.shape)
        return self.scale_and_shift(x)

    def _ghosts_as_channels(self, z: Tensor) -> Tensor:
        """(N, C, …) → (ghost_size, ghosts·C, …): a channel of its own for each ghost's channels."""
        if len(z) % self.ghost_size:
            raise NormError(
                f"ghost_size {self.ghost_size} does not divide a batch of {len(z)}: some example "
                "would be left over. Choose a divisor of the batch size"
            )
        return z.reshape(-1, self.ghost_size, *z.shape[1:]).transpose(0, 1).flatten(1, 2)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, ghost_size={self.ghost_size}"
