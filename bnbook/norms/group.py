"""Group normalization: moments over some channels of one example."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bnbook.norms.affine import Affine
from bnbook.norms.base import NormError, positive, register, whole


@register("group")
class GroupNorm(Affine):
    """γ·(z − μ)/√(σ² + ε) + β, with μ and biased σ² of each example over each group of channels.

    For z (N, C, …) every moment runs over C/groups consecutive channels and all positions of one
    example; γ and β are the channel's own. Nothing depends on the rest of the batch, and all
    modes are the same. One group is "layer", C groups are "instance". `groups` must divide C; by
    default it is the largest divisor of C up to 32 that leaves 16 channels or more in a group
    (both are numbers of the source), and 1 where there is none. Source: wu2018group.
    """

    mixes_channels = True

    def __init__(
        self,
        num_features: int,
        *,
        groups: int | None = None,
        eps: float = 1e-5,
        affine: bool = True,
    ) -> None:
        super().__init__(num_features, affine=affine)
        self.groups = default_groups(num_features) if groups is None else whole("groups", groups)
        self.eps = positive("eps", eps)
        check_groups(num_features, self.groups)

    def forward(self, z: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c *space"]:
        self.check_count(z[0].numel() // self.groups, z, "example and group")
        # F.group_norm does not map over members where images are channels last
        groups = z.reshape(len(z), self.groups, -1)
        x = F.layer_norm(groups, groups.shape[-1:], eps=self.eps)
        return self.scale_and_shift(x.reshape(z.shape))

    def population_map(self) -> None:
        return None

    def extra_repr(self) -> str:
        return f"{self.num_features}, groups={self.groups}, eps={self.eps}"


def default_groups(num_features: int) -> int:
    """The largest divisor of C up to 32 that leaves 16 channels or more in a group, else 1."""
    most = min(32, num_features // 16)
    return max((g for g in range(1, most + 1) if num_features % g == 0), default=1)


def check_groups(num_features: int, groups: int) -> None:
    """Raise `NormError` unless `groups` divides `num_features`."""
    if groups < 1 or num_features % groups:
        divisors = [g for g in range(1, num_features + 1) if num_features % g == 0]
        raise NormError(
            f"{num_features} channels do not fall into {groups} equal groups; "
            f"groups can be {', '.join(map(str, divisors))}"
        )
