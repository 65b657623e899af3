"""What a layer's inputs spread by in training, over what they spread by in use."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.probes.base import Probe, Snapshot, probe


@probe(unit="1", dims=("layer",), source="li2019understanding")
@dataclass(frozen=True)
class VarianceShift(Probe):
    """Var_train/Var_test of what each hidden layer's linear map gives, geometric mean over units.

    Var_train is over held-out examples that pass as in training, normalised by their own batch
    and with values dropped; Var_test over the same examples in population mode. 1 where training
    and use are alike. Units that never vary are left out.
    """

    def __call__(self, s: Snapshot) -> Float[Tensor, "member layer"]:
        in_use = s.traced("population").linear
        pairs = zip(s.activations.linear, in_use, strict=True)
        return torch.stack([variance_ratio(*pair) for pair in pairs], dim=1)


def variance_ratio(
    one: Float[Tensor, "member n c"], other: Float[Tensor, "member n_other c"]
) -> Float[Tensor, " member"]:
    """exp of the mean over units of log Var(one)/Var(other); both (member, N, C).

    >>> one = torch.tensor([[[1.0, 1.0], [-1.0, -1.0]]])
    >>> variance_ratio(one, one * torch.tensor([2.0, 0.5]))  # 1/4 of one unit, 4 of the other
    tensor([1.])
    """
    above, below = one.var(1, correction=0), other.var(1, correction=0)
    varies = (above > 1e-12) & (below > 1e-12)
    logs = torch.where(varies, above.clamp_min(1e-12).log() - below.clamp_min(1e-12).log(), 0)
    return (logs.sum(1) / varies.sum(1).clamp_min(1)).exp()
