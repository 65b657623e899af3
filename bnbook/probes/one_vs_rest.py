"""Each class against all others, on the whole test split: ROC curve, area, and what is found."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64
from sklearn.metrics import auc, roc_curve
from torch import Tensor
from torch.func import functional_call, vmap

from bnbook import norms
from bnbook.probes.base import Probe, Snapshot, Tensors, once, probe

GRID = tuple(round((i / 40) ** 2, 6) for i in range(41))
"""False positive rates at which curves are noted: close together where curves are steep."""

CHUNK = 4096


@once
def probabilities(s: Snapshot) -> Float64[Tensor, "member n classes"]:
    """Softmax (member, N, class) in float64 of every test example, by running statistics."""

    def forward(params: Tensors, buffers: Tensors, x: Tensor) -> Tensor:
        return functional_call(s.net, (params, buffers), (x,))

    with norms.using(s.net, "population"), torch.no_grad():
        parts = [
            vmap(forward)(s.params, s.buffers, s.examples("test", slice(i, i + CHUNK))[0])
            for i in range(0, len(s.data.test), CHUNK)
        ]
    return torch.cat(parts, 1).double().softmax(-1)


@once
def areas_and_curves(
    s: Snapshot,
) -> tuple[Float64[Tensor, "member classes"], Float64[Tensor, "member classes rates"]]:
    """Area (member, class) under the ROC curve, and the curve (member, class, len(GRID))."""
    y, scores = s.data.test.labels.cpu().numpy(), probabilities(s).nan_to_num(0).cpu().numpy()
    members, _, classes = scores.shape
    areas, curves = np.empty((members, classes)), np.empty((members, classes, len(GRID)))
    for i, k in np.ndindex(members, classes):
        areas[i, k], curves[i, k] = area_and_curve(y[i] == k, scores[i, :, k])
    return torch.from_numpy(areas), torch.from_numpy(curves)


def area_and_curve(
    positive: Bool[np.ndarray, " n"], score: Float64[np.ndarray, " n"]
) -> tuple[float, Float64[np.ndarray, " rates"]]:
    """The area under the ROC curve, and the true positive rates at `GRID`.

    Both are NaN where all examples are positive, or none is.
    """
    if positive.all() or not positive.any():
        return float("nan"), np.full(len(GRID), np.nan)
    false, true, _ = roc_curve(positive, score)
    # Where the curve is a wall, np.interp takes its top: what can be had at this rate.
    return float(auc(false, true)), np.interp(GRID, false, true)


@probe(unit="1", dims=("class",), source="hanley1982meaning")
@dataclass(frozen=True)
class ClassAuc(Probe):
    """Area under the ROC curve of each class against the rest.

    The chance that a test example of the class is given a higher probability of it than one of
    the rest is; 0.5 is guessing.
    """

    def __call__(self, s: Snapshot) -> Float[Tensor, "member class"]:
        return areas_and_curves(s)[0]


@probe(unit="1", dims=("class", "false_positive_rate"), source="fawcett2006introduction")
@dataclass(frozen=True)
class RocCurve(Probe):
    """True positive rate of each class against the rest, at the false positive rates of `GRID`."""

    false_positive_rates: tuple[float, ...] = field(default=GRID, init=False)

    def __call__(self, s: Snapshot) -> Float[Tensor, "member class false_positive_rate"]:
        return areas_and_curves(s)[1]


@probe(unit="1", dims=("class",), source="fawcett2006introduction")
@dataclass(frozen=True)
class Recall(Probe):
    """Share of the test examples of each class that are given that class."""

    def __call__(self, s: Snapshot) -> Float[Tensor, "member class"]:
        y = s.data.test.labels
        right = probabilities(s).argmax(-1) == y
        kinds = range(len(s.data.classes))
        return torch.stack([(right & (y == k)).sum(1).double() / (y == k).sum(1) for k in kinds], 1)
