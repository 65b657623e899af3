"""Whitening by eigenvalues (ZCA)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.norms.base import register
from bnbook.norms.whitening import Whitening


@register("whitening-zca")
class ZCAWhitening(Whitening):
    """γ·Σ^(−½)(z − μ) + β over groups of channels, Σ their covariance plus ε·I, by `eigh`.

    ZCA: of all roots of Σ⁻¹ the symmetric one, which changes the activations least. Output
    covariance: (Σ − εI)Σ⁻¹, so I for ε → 0. `groups` must divide C: C of them are BN, 1 is full
    whitening; by default as few as keeps each at 16 channels or less (the source's group size).
    A batch with m ≤ C/groups values a channel is an error, for Σ − εI would not have full rank.
    Running statistics are μ and the unbiased covariance, whose root population mode takes anew.

    Gradients and Hessian products are finite and exact also where eigenvalues coincide or nearly
    do (see `inverse_square_root`). Source: huang2018decorrelated.
    """

    def inverse_root(self, cov: Float[Tensor, "*groups c c"]) -> Float[Tensor, "*groups c c"]:
        # The smallest eigenvalue is ε or more, but for rounding.
        return inverse_square_root(cov, smallest=self.eps)


def inverse_square_root(
    a: Float[Tensor, "*groups c c"], smallest: float = 0.0
) -> Float[Tensor, "*groups c c"]:
    """a^(−½) of symmetric positive definite matrices a (…, c, c); eigenvalues below `smallest`
    are taken for it. A matrix with a number that is not finite gives NaN, and spoils no other.

    The derivative of `eigh` divides by differences of eigenvalues, which may be 0. That of
    a^(−½) does not: d(a^(−½)) = −L(a^(−½) da a^(−½)), where L(R) solves X a^½ + a^½ X = R by
    dividing by *sums* of roots. So `eigh` is applied to a constant, and each of two Newton steps
    on X a X = I, which change no value, adds one order of derivative: first and second
    derivatives are exact, third ones are not.

    >>> inverse_square_root(torch.diag(torch.tensor([4.0, 0.25])))
    tensor([[0.5000, 0.0000],
            [0.0000, 2.0000]])
    """
    finite = a.isfinite().all(-1).all(-1)[..., None, None]
    identity = torch.eye(a.shape[-1], dtype=a.dtype, device=a.device)
    a = torch.where(finite, a, identity)
    eigenvalues, vectors = torch.linalg.eigh(a.detach())
    roots = eigenvalues.clamp(min=smallest).sqrt()
    sums = roots[..., :, None] + roots[..., None, :]
    root = (vectors / roots[..., None, :]) @ vectors.mT
    for _ in range(2):
        excess = root @ a @ root
        excess = excess - excess.detach()
        root = root - vectors @ ((vectors.mT @ excess @ vectors) / sums) @ vectors.mT
    return torch.where(finite, root, torch.nan)
