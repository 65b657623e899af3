"""Percentiles of what a unit's nonlinearity is given."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.probes.base import Probe, ProbeError, Snapshot, probe


@probe(unit="1", dims=("layer", "unit", "percentile"), source="ioffe2015batch")
@dataclass(frozen=True)
class ActivationPercentiles(Probe):
    """Percentiles over held-out examples of the input to chosen units' nonlinearity.

    The examples form one batch. A Gaussian input has its 15th and 85th percentile 1.036 standard
    deviations from the median.
    """

    units: tuple[int, ...] = (0, 1, 2, 3)
    percentiles: tuple[float, ...] = (15, 50, 85)

    def __call__(self, s: Snapshot) -> Float[Tensor, "member layer unit percentile"]:
        narrowest = min(a.shape[-1] for a in s.activations.inputs)
        if max(self.units) >= narrowest:
            raise ProbeError(f"unit {max(self.units)} of a layer with {narrowest}: count from 0")
        levels = torch.tensor(self.percentiles, dtype=torch.float64, device=s.batch[0].device)
        chosen = torch.stack([a[:, :, list(self.units)] for a in s.activations.inputs], dim=1)
        values = torch.quantile(chosen, levels.to(chosen.dtype) / 100, dim=2)
        return values.permute(1, 2, 3, 0)
