"""Batch normalization followed by noise that shifts every distribution at every step."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.counter import hashed, normal, uniform
from bnbook.norms.base import number, register
from bnbook.norms.batch import BatchNorm


@register("noisy-batch")
class NoisyBatchNorm(BatchNorm):
    """BN whose output is shifted and scaled at random, by other amounts at each step.

    In training and batch mode, the value of example b in channel c becomes s·BN(z) + d with

        d ~ U(μ_c − spread, μ_c + spread),   μ_c ~ U(−shift, shift)
        s ~ N(σ_c, spread²),                 σ_c ~ U(1, scale)

    where μ_c and σ_c are drawn anew at each step for each channel and d and s for each example
    besides, the same for all its positions, so the distributions the next layer sees are unstable
    on purpose. In population mode there is no noise. The numbers are a function of `noise_key`, a
    buffer drawn from the network's seed, and of the step, so that a run can be repeated and
    probing changes nothing.
    Source: santurkar2018how, whose study of "noisy BatchNorm" this follows.
    """

    noise_key: Tensor

    def __init__(
        self,
        num_features: int,
        *,
        shift: float = 0.5,
        scale: float = 1.25,
        spread: float = 0.1,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
    ) -> None:
        super().__init__(num_features, eps=eps, momentum=momentum, affine=affine)
        self.shift, self.scale = number("shift", shift), number("scale", scale)
        self.spread = number("spread", spread)
        self.register_buffer("noise_key", torch.tensor(0))

    population_map = BatchNorm.population_map

    def seed_noise(self, generator: torch.Generator) -> None:
        """Draw the key of this layer's noise."""
        self.noise_key.copy_(torch.randint(2**31, (), generator=generator))

    def forward(self, z: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c *space"]:
        """z (N, C, …) → the same shape, normalised and then disturbed."""
        step = self.num_batches_tracked.clone()
        y = super().forward(z)
        if self.mode in ("population", "collect"):
            return y
        key = hashed(self.noise_key + hashed(step))
        centre = self.shift * (2 * uniform(key, (self.num_features,), z) - 1)
        width = 1 + (self.scale - 1) * uniform(key + 1, (self.num_features,), z)
        shape = z.shape[:2]
        shift = centre + self.spread * (2 * uniform(key + 2, shape, z) - 1)
        scale = width + self.spread * normal(key + 3, shape, z)
        return _everywhere(scale, z) * y + _everywhere(shift, z)


def _everywhere(values: Tensor, z: Tensor) -> Tensor:
    """`values` (N, C) shaped to broadcast over the positions of z (N, C, …)."""
    return values.view(*values.shape, *[1] * (z.dim() - 2))
