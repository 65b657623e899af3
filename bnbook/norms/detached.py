"""Batch normalization that does not differentiate its statistics."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from bnbook.norms.base import register
from bnbook.norms.batch import BatchNorm, standardise


@register("detached")
class DetachedBatchNorm(BatchNorm):
    """BN(z) whose μ and σ² are constants to backpropagation: dz = (γ/√(σ² + ε))·g.

    Forwards it is "batch", in every mode. Backwards the two terms are missing by which BN takes
    out of a gradient what it has along 1 and along x̂, so that a step may try, in vain, to change
    a unit's mean and size. A bias before it would drift without end, which is why layers have
    none here too. Source: ioffe2015batch, whose section 2 warns of it.
    """

    mixes_examples = False
    population_map = BatchNorm.population_map

    def forward(self, z: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c *space"]:
        if self.mode == "population":
            return self.with_running_statistics(z)
        mean, var = self.watched(z)
        return self.scale_and_shift(standardise(z, mean.detach(), var.detach(), self.eps))
