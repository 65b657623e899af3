"""Batch Renormalization: batch statistics, corrected to the running ones."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.norms.affine import per_channel
from bnbook.norms.base import NormError, number, register, whole
from bnbook.norms.batch import BatchNorm, moments, standardise, values_per_channel


@register("renorm")
class BatchRenorm(BatchNorm):
    """γ·(x̂·r + d) + β, where r and d lead from the batch's statistics to the running ones.

        r = clip(σ_B/σ, 1/r_max, r_max),   d = clip((μ_B − μ)/σ, −d_max, d_max)

    with x̂ = (z − μ_B)/σ_B, σ_B = √(σ²_B + ε), and the running μ and σ as they were *before* the
    update. No gradient flows through r and d; it does through x̂. Unclipped, the output is that
    of population mode; with r_max = 1 and d_max = 0 it is BN. As in the source it is σ, and not
    σ², that moves: σ ← σ + momentum·(σ_B − σ). The buffer running_var holds σ² − ε, so that the
    `state_dict` is that of "batch". In collect mode the batch is normalised as by "batch".

    The bounds grow with the number of batches seen: 1 and 0 for the first `warmup` steps, then
    linearly until `r_max` is reached at 8·warmup steps and `d_max` at 5·warmup. Those are the
    proportions of the source, which has warmup = 5000 (and momentum 0.01) in a training of some
    10⁵ steps; the default here is for some thousands. Source: ioffe2017batch.
    """

    def __init__(
        self,
        num_features: int,
        *,
        r_max: float = 3.0,
        d_max: float = 5.0,
        warmup: int = 100,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
    ) -> None:
        super().__init__(num_features, eps=eps, momentum=momentum, affine=affine)
        if not number("r_max", r_max) >= 1:
            raise NormError(f"r_max is {r_max}; r is clipped to [1/r_max, r_max], so r_max ≥ 1")
        if not number("d_max", d_max) >= 0:
            raise NormError(f"d_max is {d_max}; d is clipped to [−d_max, d_max], so d_max ≥ 0")
        if whole("warmup", warmup) < 0:
            raise NormError(f"warmup is {warmup}; it is a number of steps")
        self.r_max, self.d_max, self.warmup = r_max, d_max, warmup

    population_map = BatchNorm.population_map

    def forward(self, z: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c *space"]:
        if self.mode in ("population", "collect"):
            return super().forward(z)
        self.check_count(values_per_channel(z), z)
        mean, var = moments(z)
        r, d = self.corrections(mean, var)
        if self.mode == "train":
            self._move_towards(mean, var)
        x = standardise(z, mean, var, self.eps)
        return self.scale_and_shift(x * per_channel(r, z) + per_channel(d, z))

    @torch.no_grad()
    def corrections(
        self, mean: Float[Tensor, " c"], var: Float[Tensor, " c"]
    ) -> tuple[Float[Tensor, " c"], Float[Tensor, " c"]]:
        """r and d (C,) for a batch of these moments, clipped to the present bounds."""
        r_max, d_max = self.bounds()
        sigma = torch.sqrt(self.running_var + self.eps)
        r = torch.sqrt(var + self.eps) / sigma
        d = (mean - self.running_mean) / sigma
        return r.clamp(1 / r_max, r_max), d.clamp(-d_max, d_max)

    def bounds(self) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
        """The bounds of r and d after num_batches_tracked steps."""
        r_growth, d_growth = self._growth(until=8), self._growth(until=5)
        return 1 + (self.r_max - 1) * r_growth, self.d_max * d_growth

    def _growth(self, until: int) -> Tensor:
        """0 up to `warmup` steps, 1 from `until` times as many, and linear between."""
        steps = self.num_batches_tracked.to(self.running_mean.dtype)
        if self.warmup == 0:
            return torch.ones_like(steps)
        return ((steps / self.warmup - 1) / (until - 1)).clamp(0, 1)

    @torch.no_grad()
    def _move_towards(self, mean: Tensor, var: Tensor) -> None:
        sigma = torch.sqrt(self.running_var + self.eps)
        self.running_var.copy_(sigma)
        self.move_towards(mean, torch.sqrt(var + self.eps))
        self.running_var.copy_(self.running_var.square() - self.eps)

    def extra_repr(self) -> str:
        bounds = f"r_max={self.r_max}, d_max={self.d_max}, warmup={self.warmup}"
        return f"{super().extra_repr()}, {bounds}"
