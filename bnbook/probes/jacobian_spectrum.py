"""Singular values of the layers' Jacobians: how they are distributed, and how far from 1."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import functional_call

from bnbook import norms
from bnbook.jacobian import Derivative, Parts, spectra
from bnbook.nets import MultilayerPerceptron
from bnbook.probes.base import Probe, ProbeError, Snapshot, once, probe

KINDS: tuple[Derivative, ...] = ("per-example", "batch-sum")
EXAMPLES = 16
"""Examples of the coming batch whose Jacobians are taken; the whole batch gives the statistics."""

FLOOR = 1e-3
"""Singular values below it count as this much where a logarithm is taken."""

PER_DECADE = 6
CENTRES = tuple(10 ** ((2 * i + 1) / (2 * PER_DECADE) - 3) for i in range(5 * PER_DECADE))
"""Middles of bins of equal width in log σ, from 10⁻³ to 10²."""

LINEAR = tuple((2 * i + 1) / 80 for i in range(40))
"""Middles of bins of equal width from 0 to 1."""


@once
def layer_spectra(
    s: Snapshot, layers: tuple[int, ...], kinds: tuple[Derivative, ...], examples: int
) -> list[Float[Tensor, "member kind example _"]]:
    """Singular values of each layer in `layers`, (member, kind, examples, k): NaN for a member
    whose network has exploded. Computed once for a snapshot. A network that is not dense is a
    `ProbeError`: the Jacobians of its layers are too large to take at every look.
    """
    if not isinstance(s.net, MultilayerPerceptron):
        raise ProbeError(
            f"{type(s.net).__name__} is not dense, and spectra over training are of dense layers; "
            "take one convolution apart with bnbook.jacobian.Parts.compose"
        )
    members = [_of_member(s, i, layers, kinds, examples) for i in range(s.members)]
    return [torch.stack(each) for each in zip(*members, strict=True)]


@torch.no_grad()
def _of_member(
    s: Snapshot, i: int, layers: tuple[int, ...], kinds: tuple[Derivative, ...], examples: int
) -> list[Tensor]:
    """(kind, examples, k) of each layer of one member."""
    state = {name: value[i] for name, value in (s.params | s.buffers).items()}
    x = s.batch[0][i]
    with norms.using(s.net, "batch"):
        trace = functional_call(s.net, state, (x,), {"trace": True})
    inputs, taken = [x.flatten(1), *trace.outputs], min(examples, len(x))
    exploded = not all(bool(h.isfinite().all()) for h in trace.outputs)
    found = []
    for layer in layers:
        parts = Parts.of(s.net, layer, state=state)
        if exploded:
            lost = min(inputs[layer].shape[1], trace.outputs[layer].shape[1])
            found.append(torch.full((len(kinds), taken, lost), torch.nan, dtype=torch.float64))
            continue
        values = [spectra(parts, inputs[layer], kind=kind, examples=taken) for kind in kinds]
        found.append(torch.stack(values))
    return found


def shares(
    values: Float[Tensor, "*of n"], edges: Float[Tensor, " edges"], *, catch: bool
) -> Float[Tensor, "*of edges-1"]:
    """Share of `values` (…, n) in each bin between `edges` (k + 1,): (…, k); NaN stays NaN.

    With `catch` the first and the last bin hold what lies beyond them too; without, that is
    missing from the shares, whose sum then falls short of 1.
    """
    bins = len(edges) - 1
    place = torch.bucketize(values, edges.to(values), right=True) - 1
    inside = torch.ones_like(place, dtype=torch.bool) if catch else (place >= 0) & (place < bins)
    counted = torch.zeros(*values.shape[:-1], bins, dtype=torch.float64)
    counted.scatter_add_(-1, place.clamp(0, bins - 1), inside.double())
    return torch.where(
        values.isfinite().all(-1, keepdim=True), counted / values.shape[-1], torch.nan
    )


@probe(unit="1", dims=("kind", "layer", "singular_value"), source="pennington2017resurrecting")
@dataclass(frozen=True)
class JacobianDensity(Probe):
    """Density of the singular values of a layer's Jacobian, per decade, on a logarithmic scale.

    Kind "per-example" is ∂h_b/∂x_b for examples b of the coming batch; "batch-sum" is the
    derivative of a unit's sum over the batch, Σ_b ∂h_b/∂x_b′, which chang2017why shows. Bins are
    given by their middles; the outermost hold what lies beyond them, so nothing is cut off.
    """

    kinds: tuple[Derivative, ...] = KINDS
    layers: tuple[int, ...] = (0, 1)
    singular_values: tuple[float, ...] = CENTRES
    examples: int = EXAMPLES

    def __call__(self, s: Snapshot) -> Float[Tensor, "member kind layer singular_value"]:
        edges = torch.logspace(-3, 2, len(self.singular_values) + 1, dtype=torch.float64)
        found = layer_spectra(s, self.layers, self.kinds, self.examples)
        parts = [shares(each.flatten(2), edges, catch=True) for each in found]
        return torch.stack(parts, dim=2) * (len(self.singular_values) / 5)


@probe(unit="1", dims=("kind", "layer", "value"), source="chang2017why")
@dataclass(frozen=True)
class JacobianHistogram(Probe):
    """Share of a layer's singular values in bins from 0 to 1: the source's histogram.

    What lies above 1 is missing, as it is there. For comparison with `jacobian_density`.
    """

    kinds: tuple[Derivative, ...] = KINDS
    layers: tuple[int, ...] = (0, 1)
    values: tuple[float, ...] = LINEAR
    examples: int = EXAMPLES

    def __call__(self, s: Snapshot) -> Float[Tensor, "member kind layer value"]:
        edges = torch.linspace(0, 1, len(self.values) + 1, dtype=torch.float64)
        found = layer_spectra(s, self.layers, self.kinds, self.examples)
        return torch.stack([shares(each.flatten(2), edges, catch=False) for each in found], dim=2)


@probe(unit="1", dims=("kind", "layer", "measure"), source="pennington2017resurrecting")
@dataclass(frozen=True)
class Isometry(Probe):
    """How far a layer's singular values σ are from 1, over examples and values together.

    mean           mean of σ
    distance       √mean (σ − 1)²
    log distance   mean |ln σ|
    log spread     standard deviation of ln σ: what no change of scale can cure

    In the two with a logarithm, σ below 10⁻³ counts as 10⁻³: half of a relu layer's are 0. All
    but the mean are 0 for an isometry. Kinds are those of `jacobian_density`.
    """

    kinds: tuple[Derivative, ...] = KINDS
    layers: tuple[int, ...] = (0, 1)
    measures: tuple[str, ...] = ("mean", "distance", "log distance", "log spread")
    examples: int = EXAMPLES

    def __call__(self, s: Snapshot) -> Float[Tensor, "member kind layer measure"]:
        found = layer_spectra(s, self.layers, self.kinds, self.examples)
        return torch.stack([measured(each.flatten(2)) for each in found], dim=2)


def measured(values: Float[Tensor, "*of n"]) -> Float[Tensor, "*of 4"]:
    """The four measures of `Isometry` of singular values (…, n): (…, 4)."""
    log = values.clamp(min=FLOOR).log()
    return torch.stack(
        [
            values.mean(-1),
            (values - 1).square().mean(-1).sqrt(),
            log.abs().mean(-1),
            log.std(-1, correction=0),
        ],
        dim=-1,
    )
