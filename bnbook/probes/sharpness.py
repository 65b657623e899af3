"""Curvature of the loss: its largest eigenvalue, its sum, its distribution, and along the step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import grad, jvp

from bnbook.nets.members import over_members
from bnbook.probes.base import Probe, Snapshot, Tensors, probe
from bnbook.probes.curvature import MEASURES, Measure, ritz
from bnbook.probes.walk import MODES, Regime, gradient_and_loss, in_each_mode, loss_in, norm

SMALLEST = 1e-2
WIDTH = 0.4
"""Eigenvalues are spread on the scale t = asinh(λ/SMALLEST), by Gaussians of this width in t."""

EIGENVALUES = tuple(SMALLEST * math.sinh(0.4 * k) for k in range(-18, 28))


@probe(unit="1", dims=("mode", "measure"), source="yao2020pyhessian")
@dataclass(frozen=True)
class Sharpness(Probe):
    """λ_max, the largest eigenvalue of the Hessian of the mean loss over fixed batches.

    Dimension `measure`: "raw", by all parameters as they are, which rescaling weights in front of
    batch normalization changes at will; "sphere", by the directions of the filters of all
    layers but the head, see `bnbook.probes.curvature.MEASURES`. Dimension `mode` is the function
    whose Hessian it is. By Lanczos' method from a vector of signs.
    """

    modes: tuple[Regime, ...] = MODES
    measures: tuple[Measure, ...] = MEASURES

    def __call__(self, s: Snapshot) -> Float[Tensor, "member mode measure"]:
        def largest(mode: Regime) -> Tensor:
            return torch.stack([ritz(s, mode, m).largest for m in self.measures], dim=1)

        return in_each_mode(s, largest)


@probe(unit="1", dims=("mode", "measure"), source="yao2020pyhessian")
@dataclass(frozen=True)
class HessianTrace(Probe):
    """tr H, the sum of the eigenvalues, by Hutchinson's estimate zᵀHz from a vector of signs.

    Dimensions as for `Sharpness`.
    """

    modes: tuple[Regime, ...] = MODES
    measures: tuple[Measure, ...] = MEASURES

    def __call__(self, s: Snapshot) -> Float[Tensor, "member mode measure"]:
        def trace(mode: Regime) -> Tensor:
            seen = [ritz(s, mode, m) for m in self.measures]
            return torch.stack([(r.values * r.weights).sum(1) for r in seen], dim=1)

        return in_each_mode(s, trace)


@probe(unit="1", dims=("measure", "eigenvalue"), source="ghorbani2019investigation")
@dataclass(frozen=True)
class SpectralDensity(Probe):
    """Density of the Hessian's eigenvalues in training mode, on the scale t = asinh(λ/0.01).

    That scale is linear near 0 and logarithmic far out. Each eigenvalue is a Gaussian of width
    0.4 in t, and the density integrates to 1 over t. By stochastic Lanczos quadrature from
    a vector of signs; where directions are projected out, they do not count.
    """

    measures: tuple[Measure, ...] = MEASURES
    eigenvalues: tuple[float, ...] = EIGENVALUES

    def __call__(self, s: Snapshot) -> Float[Tensor, "member measure eigenvalue"]:
        return torch.stack([self._density(s, measure) for measure in self.measures], dim=1)

    def _density(self, s: Snapshot, measure: Measure) -> Tensor:
        seen = ritz(s, "training", measure)
        grid = torch.tensor(self.eigenvalues, dtype=torch.float64, device=seen.values.device)
        apart = on_scale(grid)[:, None] - on_scale(seen.values.double())[:, None, :]
        bells = torch.exp(-(apart / WIDTH).square() / 2) / (WIDTH * math.sqrt(2 * math.pi))
        share = seen.weights / seen.weights.sum(1, keepdim=True)
        return (bells * share[:, None, :]).sum(2).to(seen.values.dtype)


def on_scale(eigenvalues: Float[Tensor, "*of"]) -> Float[Tensor, "*of"]:
    """t = asinh(λ/SMALLEST)."""
    return torch.asinh(eigenvalues / SMALLEST)


@probe(unit="1", dims=("mode",), source="cohen2021gradient")
@dataclass(frozen=True)
class DirectionalSharpness(Probe):
    """gᵀHg/‖g‖², the curvature along the gradient, both of the coming batch."""

    modes: tuple[Regime, ...] = MODES

    def __call__(self, s: Snapshot) -> Float[Tensor, "member mode"]:
        def along(mode: Regime) -> Tensor:
            loss = loss_in(s, mode)

            def response(
                params: Tensors, g: Tensors, buffers: Tensors, x: Tensor, y: Tensor
            ) -> Tensors:
                return jvp(lambda p: grad(loss)(p, buffers, x, y), (params,), (g,))[1]

            g, _ = gradient_and_loss(s, mode)
            image = over_members(s.net, response, (0,) * 5)(s.params, g, s.buffers, *s.batch)
            inner = torch.stack([(g[n] * image[n]).flatten(1).sum(1) for n in g]).sum(0)
            return inner / norm(g).square()

        return in_each_mode(s, along)


@probe(unit="1", dims=(), source="cohen2021gradient")
@dataclass(frozen=True)
class EdgeOfStability(Probe):
    """λ_max·η in training mode, raw: gradient descent on a quadratic diverges iff it is over 2."""

    def __call__(self, s: Snapshot) -> Float[Tensor, " member"]:
        return ritz(s, "training", "raw").largest * s.learning_rate
