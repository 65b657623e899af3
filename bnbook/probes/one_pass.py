"""One forward and one backward pass, with what every layer sees: signals up, gradients down."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from bnbook import norms
from bnbook.nets import Network, Trace


@dataclass(frozen=True, eq=False)
class Pass:
    """A pass of the batch x (m, …) through a network, layer by layer, and of its loss back.

    trace        the `Trace` of the forward pass
    signals      ∂L/∂z_ℓ of what each linear map gives, (m, C)
    outputs      ∂L/∂h_ℓ of what each layer hands on, its skip connection included, (m, C)
    weights      ∂L/∂W_ℓ of each linear map, first layer first, the head last
    """

    trace: Trace
    signals: tuple[Float[Tensor, "_ _ ..."], ...]
    outputs: tuple[Float[Tensor, "_ _ ..."], ...]
    weights: tuple[Float[Tensor, "_ _ ..."], ...]


def one_pass(net: Network, x: Float[Tensor, "m ..."], y: Int64[Tensor, " m"]) -> Pass:
    """The pass with batch statistics, of the mean cross-entropy; nothing is updated."""
    with norms.using(net, "batch"):
        trace = net(x, trace=True)
    assert isinstance(trace, Trace)
    weights = [net.get_parameter(name) for name in net.weight_names()]
    loss = F.cross_entropy(trace.logits, y)
    found = torch.autograd.grad(loss, [*trace.linear, *trace.outputs, *weights])
    depth = len(trace.linear)
    return Pass(trace, found[:depth], found[depth : 2 * depth], found[2 * depth :])


def growth(signals: tuple[Float[Tensor, "_ _ ..."], ...], layers: slice) -> float:
    """Mean factor by which ‖∂L/∂z_ℓ‖² grows with each layer it goes *down*, over `layers`.

    The geometric mean of r_ℓ = ‖∂L/∂z_ℓ‖²/‖∂L/∂z_{ℓ+1}‖². Source: yang2019mean.
    """
    logs = torch.stack([g.double().square().sum().log() for g in signals])[layers]
    return float(torch.exp((logs[0] - logs[-1]) / (len(logs) - 1)))


def squared_mean(h: Float[Tensor, "m c"]) -> float:
    """Mean over channels of the squared mean over the batch, h (m, C). Source: de2020batch."""
    return float(h.double().mean(0).square().mean())


def channel_variance(h: Float[Tensor, "m c"]) -> float:
    """Mean over channels of the variance over the batch, h (m, C). Source: de2020batch."""
    return float(h.double().var(0, correction=0).mean())
