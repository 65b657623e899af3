"""How far the distributions inside the network have moved since the probes last looked."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bnbook.nets import Trace
from bnbook.probes.base import Snapshot, probe

SITES = ("linear", "input", "output")


@probe(unit="σ", dims=("site", "layer"), source="ioffe2015batch")
@dataclass(frozen=True)
class WassersteinDrift:
    """1-Wasserstein distance between a unit's distribution now and at the last look.

    In units of the standard deviation at the last look, averaged over the units of a layer.
    Between two samples of one size the distance is the mean distance of the sorted values.
    Sites: what the linear map gives, the nonlinearity's input, the layer's output.
    """

    sites: tuple[str, ...] = SITES

    def __call__(self, s: Snapshot) -> Tensor:
        return _by_site(s, self.sites, wasserstein)


@probe(unit="σ", dims=("site", "layer"), source="ioffe2015batch")
@dataclass(frozen=True)
class MeanDrift:
    """|mean now − mean at the last look| of a unit, in σ at the last look, averaged over units."""

    sites: tuple[str, ...] = SITES

    def __call__(self, s: Snapshot) -> Tensor:
        return _by_site(s, self.sites, lambda now, then: (now.mean(1) - then.mean(1)).abs())


def wasserstein(now: Tensor, then: Tensor) -> Tensor:
    """1-Wasserstein distance of the samples along dimension 1, (member, N, C) → (member, C)."""
    return (now.sort(dim=1).values - then.sort(dim=1).values).abs().mean(1)


def _by_site(s: Snapshot, sites: tuple[str, ...], distance) -> Tensor:  # type: ignore[no-untyped-def]
    """(member, site, layer); NaN at the first look, where there is nothing to compare with."""
    nothing = torch.full((s.members, len(s.activations.inputs)), torch.nan)
    if s.previous is None:
        return torch.stack([nothing] * len(sites), dim=1)
    layers = []
    for site in sites:
        pairs = zip(_at(s.activations, site), _at(s.previous, site), strict=True)
        layers.append(torch.stack([_in_sigmas(now, then, distance) for now, then in pairs], 1))
    return torch.stack(layers, dim=1)


def _at(trace: Trace, site: str) -> list[Tensor]:
    return {"linear": trace.linear, "input": trace.inputs, "output": trace.outputs}[site]


def _in_sigmas(now: Tensor, then: Tensor, distance) -> Tensor:  # type: ignore[no-untyped-def]
    """Mean over units of distance/σ; a unit that was constant at the last look is left out."""
    sigma = then.std(dim=1, correction=0)
    return torch.where(sigma > 0, distance(now, then) / sigma, torch.nan).nanmean(1)
