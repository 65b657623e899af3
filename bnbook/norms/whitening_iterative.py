"""Whitening by Newton's iteration."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.norms.base import NormError, register, whole
from bnbook.norms.whitening import Whitening


@register("whitening-iterative")
class IterativeWhitening(Whitening):
    """γ·P(z − μ) + β over groups of channels, P close to Σ^(−½), by matrix products alone.

        P ← (3P − P³·Σ/tr Σ)/2, from P = I, `iterations` times; then divided by √(tr Σ)

    with Σ the covariance plus ε·I. Directions whose share of the trace is small converge last,
    so that few iterations whiten in part: variance λ becomes s·p(s)², where s is its share and
    p follows the same iteration on numbers. With many it is "whitening-zca", whose options,
    errors and running statistics it shares. P and P·Σ are updated together: the same numbers but
    for rounding, which the formula as it stands would multiply until some 40 iterations give NaN.
    Source: huang2019iterative.
    """

    def __init__(
        self,
        num_features: int,
        *,
        iterations: int = 5,
        groups: int | None = None,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
    ) -> None:
        super().__init__(num_features, groups=groups, eps=eps, momentum=momentum, affine=affine)
        self.iterations = whole("iterations", iterations)
        if iterations < 1:
            raise NormError(f"iterations is {iterations}; Newton's iteration needs 1 or more")

    def inverse_root(self, cov: Float[Tensor, "*groups c c"]) -> Float[Tensor, "*groups c c"]:
        trace = cov.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
        identity = torch.eye(cov.shape[-1], dtype=cov.dtype, device=cov.device)
        forward, root = cov / trace, identity.expand_as(cov)
        for _ in range(self.iterations):
            step = 1.5 * identity - 0.5 * root @ forward
            forward, root = forward @ step, step @ root
        return root * torch.rsqrt(trace)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, iterations={self.iterations}"
