"""How far the distributions inside the network have moved since the probes last looked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.nets import Trace
from bnbook.probes.base import Probe, Snapshot, probe

Distance = Callable[[Tensor, Tensor], Tensor]
SITES = ("linear", "input", "output")


@probe(unit="σ", dims=("site", "layer"), source="ioffe2015batch")
@dataclass(frozen=True)
class WassersteinDrift(Probe):
    """1-Wasserstein distance between a unit's distribution now and at the last look.

    In units of the standard deviation at the last look, averaged over the units of a layer.
    Between two samples of one size the distance is the mean distance of the sorted values.
    Sites: what the linear map gives, the nonlinearity's input, the layer's output.
    """

    sites: tuple[str, ...] = SITES

    def __call__(self, s: Snapshot) -> Float[Tensor, "member site layer"]:
        return _by_site(s, self.sites, wasserstein)


@probe(unit="σ", dims=("site", "layer"), source="ioffe2015batch")
@dataclass(frozen=True)
class MeanDrift(Probe):
    """|mean now − mean at the last look| of a unit, in σ at the last look, averaged over units."""

    sites: tuple[str, ...] = SITES

    def __call__(self, s: Snapshot) -> Float[Tensor, "member site layer"]:
        return _by_site(s, self.sites, lambda now, then: (now.mean(1) - then.mean(1)).abs())


def wasserstein(
    now: Float[Tensor, "member n c"], then: Float[Tensor, "member n c"]
) -> Float[Tensor, "member c"]:
    """1-Wasserstein distance of the samples along dimension 1, (member, N, C) → (member, C).

    >>> wasserstein(torch.tensor([[[0.0], [1.0]]]), torch.tensor([[[4.0], [2.0]]]))  # 0→2, 1→4
    tensor([[2.5000]])
    """
    return (_sorted(now) - _sorted(then)).abs().mean(1)


def _sorted(samples: Tensor) -> Tensor:
    """Sorted along dimension 1, by numpy, whose vectorised sort is several times torch's."""
    return torch.from_numpy(np.sort(samples.cpu().numpy(), axis=1)).to(samples.device)


def _by_site(s: Snapshot, sites: tuple[str, ...], distance: Distance) -> Tensor:
    """(member, site, layer); NaN at the first look, where there is nothing to compare with."""
    layer_count = len(s.activations.inputs)
    nothing = torch.full((s.members, layer_count), torch.nan)
    if s.previous is None:
        return torch.stack([nothing] * len(sites), dim=1)
    layers = []
    for site in sites:
        pairs = zip(_at(s.activations, site), _at(s.previous, site), strict=True)
        layers.append(torch.stack([_in_sigmas(now, then, distance) for now, then in pairs], 1))
    return torch.stack(layers, dim=1)


def _at(trace: Trace, site: str) -> list[Tensor]:
    return {"linear": trace.linear, "input": trace.inputs, "output": trace.outputs}[site]


def _in_sigmas(now: Tensor, then: Tensor, distance: Distance) -> Tensor:
    """Mean over units of distance/σ; a unit that was constant at the last look is left out."""
    sigma = then.std(dim=1, correction=0)
    return torch.where(sigma > 0, distance(now, then) / sigma, torch.nan).nanmean(1)
