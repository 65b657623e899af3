"""How far the distribution of a unit is from a Gaussian, whatever its mean and its width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from bnbook.nets import Trace
from bnbook.probes.base import Probe, Snapshot, probe


@probe(unit="σ", dims=("site", "layer"), source="ioffe2015batch")
@dataclass(frozen=True)
class NonGaussianity(Probe):
    """1-Wasserstein distance of a unit's standardised values from N(0, 1), averaged over units.

    0 for a Gaussian; a finite sample of n gives about 1/√n. An affine map of the unit changes
    nothing, so that the first two sites agree wherever BN stands between them. Sites: what the
    linear map gives, the nonlinearity's input, the layer's output. Units that never vary are left
    out.
    """

    sites: tuple[str, ...] = ("linear", "input", "output")

    def __call__(self, s: Snapshot) -> Float[Tensor, "member site layer"]:
        return torch.stack([self._layers(s.activations, site) for site in self.sites], dim=1)

    def _layers(self, trace: Trace, site: str) -> Tensor:
        """(member, layer)."""
        name = "linear" if site == "linear" else f"{site}s"
        return torch.stack([from_gaussian(h).nanmean(1) for h in getattr(trace, name)], dim=1)


def from_gaussian(samples: Float[Tensor, "member n c"]) -> Float[Tensor, "member c"]:
    """W₁ from N(0, 1) of samples (member, N, C), each C standardised: (member, C).

    W₁ = ∫|F_n⁻¹(p) − Φ⁻¹(p)|dp over N bins of probability 1/N, in each of which the empirical
    quantile is one sorted value and the Gaussian one its mean over the bin. NaN where a unit does
    not vary.
    """
    mean, sigma = samples.mean(1, keepdim=True), samples.std(1, correction=0, keepdim=True)
    varies = sigma > 1e-6 * (1 + mean.abs())
    standard = (samples - mean) / torch.where(varies, sigma, torch.nan)
    expected = gaussian_bins(samples.shape[1]).to(samples)
    ranked = torch.from_numpy(np.sort(standard.cpu().numpy(), axis=1)).to(samples.device)
    return (ranked - expected[None, :, None]).abs().mean(1)


def gaussian_bins(count: int) -> Float64[Tensor, " count"]:
    """Mean of N(0, 1) within each of `count` bins of equal probability, in float64.

    Between quantiles a and b it is count·(φ(a) − φ(b)), with φ the density.
    """
    edges = torch.linspace(0, 1, count + 1, dtype=torch.float64)
    density = torch.exp(-(torch.special.ndtri(edges) ** 2) / 2) / (2 * torch.pi) ** 0.5
    return count * (density[:-1] - density[1:])
