"""Batch normalization by the statistics of a reference batch that goes along."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from bnbook.norms.base import NormError, register, whole
from bnbook.norms.batch import BatchNorm, standardise


@register("reference")
class ReferenceBatchNorm(BatchNorm):
    """BN of a whole batch (N, C, …) by the moments of its first `reference_size` examples.

    Those are a reference batch, the same at every step, that a network takes along in front of the
    examples of the step (`bnbook.nets.WithReference`); gradients flow through its moments. A
    large one leaves BN without the noise that other examples of a small batch bring, and with all
    the rest. Without a `reference_size` all examples are the reference, and this is "batch". The
    running statistics are those of the reference; collect mode is that of "batch".
    Source: salimans2016improved ("virtual batch normalization", whose statistics also take in the
    example itself).
    """

    population_map = BatchNorm.population_map

    def __init__(
        self,
        num_features: int,
        *,
        reference_size: int | None = None,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
    ) -> None:
        super().__init__(num_features, eps=eps, momentum=momentum, affine=affine)
        if reference_size is not None and whole("reference_size", reference_size) < 1:
            raise NormError(f"reference_size is {reference_size}; give 1 example or more, or None")
        self.reference_size = reference_size

    def forward(self, z: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c *space"]:
        if self.mode in ("population", "collect"):
            return super().forward(z)
        if self.reference_size is not None and len(z) < self.reference_size:
            raise NormError(
                f"a batch of {len(z)} does not hold the {self.reference_size} reference examples "
                "that come first; build the network by WithReference"
            )
        mean, var = self.watched(z[: self.reference_size])
        return self.scale_and_shift(standardise(z, mean, var, self.eps))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, reference_size={self.reference_size}"
