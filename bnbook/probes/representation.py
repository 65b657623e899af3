"""How many directions a layer's representation of a batch really has."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.probes.base import Probe, Snapshot, probe


def effective_rank(h: Float[Tensor, "*of m d"]) -> Float[Tensor, "*of"]:
    """tr(C)²/‖C‖²_F of C = HᵀH, H (…, m, d): between 1, all examples on one line, and min(m, d).

    It counts directions by their weight: k equal directions give k. Source: daneshmand2020batch,
    who bound the rank from below by it.

    >>> effective_rank(torch.diag(torch.tensor([2.0, 2.0, 0.0])))
    tensor(2., dtype=torch.float64)
    """
    gram = _gram(h)
    trace = gram.diagonal(dim1=-2, dim2=-1).sum(-1)
    return trace.square() / gram.square().sum((-2, -1))


def stable_rank(h: Float[Tensor, "*of m d"]) -> Float[Tensor, "*of"]:
    """‖H‖²_F/‖H‖² of H (…, m, d): the squared singular values' sum over the largest of them.

    >>> stable_rank(torch.diag(torch.tensor([2.0, 1.0])))  # (4 + 1)/4
    tensor(1.2500, dtype=torch.float64)
    """
    eigenvalues = torch.linalg.eigvalsh(_gram(h))
    return eigenvalues.sum(-1) / eigenvalues[..., -1]


def orthogonality_gap(h: Float[Tensor, "*of m d"]) -> Float[Tensor, "*of"]:
    """‖HHᵀ/‖H‖²_F − I/m‖_F for m examples in the rows of H (…, m, d): 0 if they are orthogonal.

    Its square is 1/r − 1/m with r = `effective_rank`. Source: daneshmand2021batch.

    >>> orthogonality_gap(torch.eye(3)), orthogonality_gap(torch.tensor([[1.0, 0.0], [1.0, 0.0]]))
    (tensor(0., dtype=torch.float64), tensor(0.7071, dtype=torch.float64))
    """
    h = h.double()
    gram, m = h @ h.mT, h.shape[-2]
    gram = gram / gram.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
    identity = torch.eye(m, dtype=gram.dtype, device=gram.device)
    return (gram - identity / m).square().sum((-2, -1)).sqrt()


def _gram(h: Tensor) -> Tensor:
    """HᵀH or HHᵀ, whichever is smaller: they have the same eigenvalues but for zeros."""
    h = h.double()
    return h.mT @ h if h.shape[-1] <= h.shape[-2] else h @ h.mT


@probe(unit="1", dims=("layer",), source="daneshmand2020batch")
@dataclass(frozen=True)
class RepresentationRank(Probe):
    """Effective rank tr(C)²/‖C‖²_F of what each layer's nonlinearity is given by held-out examples.

    C = ZᵀZ is not centred: a common mean of all examples is one direction.
    """

    def __call__(self, s: Snapshot) -> Float[Tensor, "member layer"]:
        return torch.stack([effective_rank(z) for z in s.activations.inputs], dim=1)
