"""Dense networks: any widths, any activation, any normaliser."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from bnbook import norms
from bnbook.nets.base import ACTIVATIONS, NetError, Network, Trace
from bnbook.nets.dropout import Dropout, check_rate
from bnbook.text import unknown

INITS = ("he", "glorot", "orthogonal")
ORDERS = ("before", "after")
DROPOUT_AT = ("hidden", "last")


class Layer(nn.Module):
    """A linear map, a normaliser and a nonlinearity, the last two in the stated order; dropout.

    The linear map has no bias where the normaliser would remove it: its gradient would be pure
    rounding error, which Adam divides by its own size and walks along. With `skip` the layer hands
    on x + h and not h: what it computes becomes a residual branch.
    """

    def __init__(
        self,
        fan_in: int,
        fan_out: int,
        norm: norms.Norm,
        spec: MLP,
        dropout: float,
        skip: bool = False,
    ) -> None:
        super().__init__()
        redundant = norm.absorbs_bias and spec.order == "before"
        self.linear = nn.utils.skip_init(nn.Linear, fan_in, fan_out, bias=not redundant)
        self.norm = norm
        self.activation = ACTIVATIONS[spec.activation]
        self.order = spec.order
        self.dropout = Dropout(dropout) if dropout else None
        self.skip = skip

    def forward(self, x: Float[Tensor, "n in"], trace: Trace) -> Float[Tensor, "n out"]:
        weight = self.norm.transform_weight(self.linear.weight)
        z = F.linear(x, weight, self.linear.bias)
        a = self.norm(z) if self.order == "before" else z
        h = self.activation(a)
        if self.order == "after":
            h = self.norm(h)
        if self.dropout is not None:
            h = self.dropout(h)
        if self.skip:
            h = x + h
        trace.linear.append(z)
        trace.inputs.append(a)
        trace.outputs.append(h)
        return h

    def steps(self) -> list[Any]:
        """What data pass through in use, in order, as `bnbook.folding` wants to be told."""
        if self.order == "before":
            return [self.linear, self.norm, self.activation]
        return [self.linear, self.activation, self.norm]


class MultilayerPerceptron(Network):
    """Hidden layers and a linear head; (N, …) is flattened, logits are (N, classes).

    `forward(x, trace=True)` returns the `Trace` of the pass, whose `logits` are the output.
    """

    def __init__(self, inputs: int, classes: int, spec: MLP) -> None:
        super().__init__()
        fans = [inputs, *spec.widths]
        dropouts = [spec.dropout if spec.dropout_at == "hidden" else 0.0] * len(spec.widths)
        dropouts[-1] = spec.dropout
        skips = [spec.residual and i > 0 and fans[i] == fans[i + 1] for i in range(len(dropouts))]
        made = [norms.make(spec.norm, units, **dict(spec.norm_options)) for units in spec.widths]
        self.layers = nn.ModuleList(
            Layer(fan_in, fan_out, norm, spec, dropout, skip)
            for fan_in, fan_out, norm, dropout, skip in zip(
                fans[:-1], fans[1:], made, dropouts, skips, strict=True
            )
        )
        self.head = nn.utils.skip_init(nn.Linear, fans[-1], classes)

    def forward(
        self, x: Float[Tensor, "n ..."], trace: bool = False
    ) -> Float[Tensor, "n classes"] | Trace:
        seen = Trace()
        h = x.flatten(1)
        for layer in self.layers:
            h = layer(h, seen)
        seen.logits = self.head(h)
        return seen if trace else seen.logits

    def weight_names(self) -> list[str]:
        """Parameter names of the linear maps' weights, first layer first, the head last."""
        return [f"layers.{i}.linear.weight" for i in range(len(self.layers))] + ["head.weight"]

    def chains(self) -> list[list[Any]]:
        """One chain, cut where a skip connection takes what passes between two layers."""
        chains: list[list[Any]] = [[]]
        layers: list[Any] = list(self.layers)
        for i, layer in enumerate(layers):
            if i and (layer.skip or layers[i - 1].skip):
                chains.append([])
            chains[-1] += layer.steps()
        if layers[-1].skip:
            chains.append([])
        chains[-1].append(self.head)
        return chains


@dataclass(frozen=True)
class MLP:
    """A multilayer perceptron: `MLP(widths=(100, 100), activation="relu", norm="batch")`.

    widths         units of each hidden layer
    activation     one of `ACTIVATIONS`; leaky-relu has slope 0.2
    norm           a name from `bnbook.norms.names()`, with norm_options as (name, value) pairs
    order          the normaliser stands "before" or "after" the nonlinearity
    init           weights N(0, 2/fan_in) "he", N(0, 2/(fan_in + fan_out)) "glorot", or
                   "orthogonal", each times init_scale; biases start at 0
    dropout        the rate at which `Dropout` zeroes what a layer hands on, in [0, 1)
    dropout_at     "hidden": behind every hidden layer, so that it stands before the normaliser of
                   the next one; "last": behind the last one alone, where no normaliser follows
    residual       a hidden layer as wide as the hidden layer below it adds its input to its output
                   (he2016deep)
    """

    widths: tuple[int, ...]
    activation: str = "relu"
    norm: str = "none"
    norm_options: tuple[tuple[str, Any], ...] = ()
    order: str = "before"
    init: str = "he"
    init_scale: float = 1.0
    dropout: float = 0.0
    dropout_at: str = "hidden"
    residual: bool = False

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            raise NetError(f"widths are {self.widths}; give one positive number a hidden layer")
        if self.activation not in ACTIVATIONS:
            raise NetError(unknown("activation", self.activation, ACTIVATIONS))
        if self.init not in INITS:
            raise NetError(unknown("initialisation", self.init, INITS))
        if self.order not in ORDERS:
            raise NetError(f"order is {self.order!r}; it is 'before' or 'after' the nonlinearity")
        check_rate(self.dropout)
        if self.dropout_at not in DROPOUT_AT:
            raise NetError(unknown("place of dropout", self.dropout_at, DROPOUT_AT))
        if self.residual and all(below != above for below, above in pairwise(self.widths)):
            raise NetError(
                f"residual, but no two neighbouring widths of {self.widths} are equal: a skip "
                "connection joins hidden layers of one width"
            )
        norms.get(self.norm)

    def build(self, input_shape: tuple[int, ...], classes: int, seed: int) -> MultilayerPerceptron:
        """A network with the weights of `seed`: the same in every arm that shares the widths."""
        net = MultilayerPerceptron(math.prod(input_shape), classes, self)
        generator = torch.Generator().manual_seed(seed)
        for name in net.weight_names():
            self._initialise(net.get_submodule(name.removesuffix(".weight")), generator)
        moded = [module for module in net.modules() if isinstance(module, norms.Moded)]
        for module in sorted(moded, key=lambda each: isinstance(each, Dropout)):
            module.seed_noise(generator)  # dropout last: the normalisers' noise is the same without
        return net

    @torch.no_grad()
    def _initialise(self, linear: nn.Module, generator: torch.Generator) -> None:
        assert isinstance(linear, nn.Linear)
        if linear.bias is not None:
            linear.bias.zero_()
        if self.init == "orthogonal":
            nn.init.orthogonal_(linear.weight, self.init_scale, generator=generator)
            return
        fan_out, fan_in = linear.weight.shape
        variance = 2 / fan_in if self.init == "he" else 2 / (fan_in + fan_out)
        linear.weight.normal_(0, self.init_scale * math.sqrt(variance), generator=generator)
