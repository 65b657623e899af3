"""Spectra of 64 examples in two layers of 100 units under BN, against jacrev and scipy's svd."""

from __future__ import annotations

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.func import jacrev

from bench.timing import Ratios, Times, interleaved, ratio
from bnbook import norms
from bnbook.jacobian import Parts, spectra
from bnbook.nets import MLP, MultilayerPerceptron, Trace

LAYERS = (1, 2)
OURS = "bnbook.jacobian.spectra"
THEIRS = "torch.func.jacrev and scipy.linalg.svdvals, matrix by matrix"
TOLERANCE = 1e-5


def ours(net: MultilayerPerceptron, inputs: list[Tensor]) -> NDArray[np.float64]:
    """All spectra, (layer, example, unit)."""
    found = [spectra(Parts.of(net, i), x) for i, x in zip(LAYERS, inputs, strict=True)]
    return torch.stack(found).numpy()


def theirs(net: MultilayerPerceptron, inputs: list[Tensor]) -> NDArray[np.float64]:
    """The same, as one would write it: differentiate one example's output by its own input."""
    found = []
    with norms.using(net, "batch"):
        for i, x in zip(LAYERS, inputs, strict=True):
            for b in range(len(x)):

                def of_one(x_b: Tensor, b: int = b, i: int = i, x: Tensor = x) -> Tensor:
                    batch = torch.cat([x[:b], x_b[None], x[b + 1 :]])
                    return net.layers[i](batch, Trace())[b]

                jacobian = jacrev(of_one)(x[b]).detach().numpy()
                found.append(scipy.linalg.svdvals(jacobian))
    return np.reshape(found, (len(LAYERS), len(inputs[0]), -1))


def compare(repeats: int = 3) -> dict[str, Times]:
    """Seconds for all spectra; an error if the two differ by more than 10⁻⁵ anywhere."""
    net = MLP((100, 100, 100), "sigmoid", "batch").build((100,), 10, seed=0).double()
    with torch.no_grad(), norms.using(net, "batch"):
        seen = net(torch.randn(64, 100, dtype=torch.float64), trace=True)
    assert isinstance(seen, Trace)
    inputs = [seen.outputs[i - 1] for i in LAYERS]
    apart = float(np.abs(ours(net, inputs) - theirs(net, inputs)).max())
    if apart > TOLERANCE:
        raise AssertionError(f"the two disagree by {apart:g}")
    pair = {OURS: lambda: ours(net, inputs), THEIRS: lambda: theirs(net, inputs)}
    return interleaved(pair, repeats)


def ratios(times: dict[str, Times]) -> Ratios:
    """How many times faster ours is."""
    return {"jacrev and scipy / ours": ratio(times[THEIRS], times[OURS])}
