"""Residual networks whose branches need no normaliser, or have any: dense and convolutional."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from bnbook import norms
from bnbook.nets.base import ACTIVATIONS, NetError, Network, Trace
from bnbook.nets.convolution import check_settings, image_size, initialise, shrunk
from bnbook.text import unknown

BRANCHES = ("plain", "rezero", "fixup", "scaled")
SCALE = 0.2
"""What "scaled" branches are multiplied by, as in the source."""


class Normalised(nn.Module):
    """norm(Wx + b): a linear map or a 3 × 3 convolution padded with zeros, and a normaliser.

    There is no bias where the normaliser would remove it.
    """

    def __init__(self, inputs: int, spec: Residual) -> None:
        super().__init__()
        self.norm = norms.make(spec.norm, spec.width, **dict(spec.norm_options))
        bias = not self.norm.absorbs_bias
        self.linear: nn.Module = (
            nn.utils.skip_init(nn.Conv2d, inputs, spec.width, 3, padding=1, bias=bias)
            if spec.convolutional
            else nn.utils.skip_init(nn.Linear, inputs, spec.width, bias=bias)
        )

    def forward(
        self, x: Float[Tensor, "n in *place"]
    ) -> tuple[Float[Tensor, "n width *place"], Float[Tensor, "n width *place"]]:
        """z = Wx + b, and norm(z)."""
        linear: Any = self.linear
        weight = self.norm.transform_weight(linear.weight)
        if isinstance(linear, nn.Conv2d):
            z = F.conv2d(x, weight, linear.bias, padding=linear.padding)
        else:
            z = F.linear(x, weight, linear.bias)
        return z, self.norm(z)

    def steps(self) -> list[Any]:
        """What data pass through, in order, as `bnbook.folding` wants to be told."""
        return [self.linear, self.norm]


class Block(nn.Module):
    """h + α·norm(W₂ φ(norm(W₁ a))), where a = φ(h/β) is what the block is given beside h.

    α is fixed at 1 ("plain") or at `SCALE` ("scaled"), or learned from 0 ("rezero") or from 1
    ("fixup").
    """

    def __init__(self, spec: Residual) -> None:
        super().__init__()
        self.first, self.second = Normalised(spec.width, spec), Normalised(spec.width, spec)
        self.activation = ACTIVATIONS[spec.activation]
        learned = {"rezero": 0.0, "fixup": 1.0}.get(spec.branch)
        self.gain = None if learned is None else nn.Parameter(torch.tensor(learned))
        self.fixed = SCALE if spec.branch == "scaled" else 1.0

    def forward(
        self,
        h: Float[Tensor, "n width *place"],
        a: Float[Tensor, "n width *place"],
        trace: Trace,
    ) -> Float[Tensor, "n width *place"]:
        z, normalised = self.first(a)
        u = self.activation(normalised)
        trace.linear.append(z)
        trace.inputs.append(normalised)
        trace.outputs.append(u)
        z, v = self.second(u)
        trace.linear.append(z)
        return h + (self.fixed if self.gain is None else self.gain) * v

    def steps(self) -> list[Any]:
        return [*self.first.steps(), self.activation, *self.second.steps()]


class ResidualNetwork(Network):
    """A first layer, blocks of two layers beside an open skip connection, and a linear head.

    h₀ = norm(W₀x), then `Block` after block; nothing but addition happens on the way of h, and
    the nonlinearity stands where a branch, or the head, leaves it. The `Trace` has an entry for
    each linear map: for the last of a block `inputs` is the sum h, and `outputs` φ(h/β).
    """

    def __init__(self, input_shape: tuple[int, ...], classes: int, spec: Residual) -> None:
        super().__init__()
        self.convolutional, self.input_shrink = spec.convolutional, spec.input_shrink
        if spec.convolutional:
            inputs, height, width = image_size(input_shape, spec.input_shrink)
            positions = (height // 2) * (width // 2)
            if min(height, width) < 2:
                raise NetError(f"images of {height} × {width} are too small to be halved")
        else:
            inputs, positions = math.prod(input_shape), 1
        self.stem = Normalised(inputs, spec)
        self.blocks = nn.ModuleList(Block(spec) for _ in range(spec.blocks))
        self.head = nn.utils.skip_init(nn.Linear, spec.width * positions, classes)
        self.activation = ACTIVATIONS[spec.activation]
        growth = SCALE**2 if spec.branch == "scaled" else 0.0
        self.sizes = [math.sqrt(1 + i * growth) for i in range(spec.blocks + 1)]

    def forward(
        self, x: Float[Tensor, "n ..."], trace: bool = False
    ) -> Float[Tensor, "n classes"] | Trace:
        seen = Trace()
        z, h = self.stem(shrunk(x, self.input_shrink) if self.convolutional else x.flatten(1))
        seen.linear.append(z)
        a = self._left(h, 0, seen)
        for i, block in enumerate(self.blocks):
            if self.convolutional and i == len(self.blocks) // 2:
                h, a = F.avg_pool2d(h, 2), F.avg_pool2d(a, 2)
            h = block(h, a, seen)
            a = self._left(h, i + 1, seen)
        seen.logits = self.head(a.flatten(1))
        return seen if trace else seen.logits

    def _left(self, h: Tensor, block: int, trace: Trace) -> Tensor:
        """φ(h/β): what leaves the way of h after so many blocks, where √Var h is β if scaled."""
        a = self.activation(h / self.sizes[block])
        trace.inputs.append(h)
        trace.outputs.append(a)
        return a

    def weight_names(self) -> list[str]:
        """Parameter names of the linear maps' weights, first layer first, the head last."""
        inner = [
            f"blocks.{i}.{name}.linear.weight"
            for i in range(len(self.blocks))
            for name in ("first", "second")
        ]
        return ["stem.linear.weight", *inner, "head.weight"]

    def chains(self) -> list[list[Any]]:
        """The ways of the data, for `bnbook.fold`: the first layer, each branch, the head."""
        return [self.stem.steps(), *(block.steps() for block in self._blocks()), [self.head]]

    def _blocks(self) -> Iterator[Block]:
        for block in self.blocks:
            assert isinstance(block, Block)
            yield block


@dataclass(frozen=True)
class Residual:
    """A residual network of 2·blocks + 2 layers: `Residual(48, blocks=7, branch="rezero")`.

    width          units, or channels, of every hidden layer
    blocks         of two layers each
    branch         how a branch f joins its skip connection:
                   "plain", h + f(h);
                   "rezero", h + α·f(h) with a learned number α that starts at 0, so that the
                   network starts as its first layer and head (bachlechner2021rezero, and
                   de2020batch as SkipInit);
                   "fixup", h + α·f(h) with α from 1, the last layer of each branch and the head
                   from 0, and the first from He's weights over √blocks; the source's scalar
                   biases are part of the layers' own (zhang2019fixup);
                   "scaled", h + 0.2·f(h/β) with β² = 1 + 0.2²·ℓ before branch ℓ = 0, 1, …, the
                   variance of h in units of that of h₀, where f keeps that of what it is given
                   (brock2021characterizing)
    convolutional  3 × 3 convolutions of images that are halved, by averages, after half of the
                   blocks, and a head that reads every position; else dense layers
    activation     one of `ACTIVATIONS`
    norm           a name from `bnbook.norms.names()`, with norm_options as (name, value) pairs
    input_shrink   images are first averaged over squares of this many pixels a side, if
                   convolutional

    Branches are pre-activated as in he2016identity, with the normaliser after each linear map,
    which it may transform or fold into. Weights are N(0, 2/fan-in).
    """

    width: int
    blocks: int
    branch: str = "plain"
    convolutional: bool = False
    activation: str = "relu"
    norm: str = "none"
    norm_options: tuple[tuple[str, Any], ...] = ()
    input_shrink: int = 1

    def __post_init__(self) -> None:
        if self.width < 1 or self.blocks < 1:
            raise NetError(f"width is {self.width} and blocks {self.blocks}; both are 1 or more")
        if self.branch not in BRANCHES:
            raise NetError(unknown("branch", self.branch, BRANCHES))
        if self.input_shrink > 1 and not self.convolutional:
            raise NetError("input_shrink is for convolutional networks; give dense ones less")
        check_settings(self, self.input_shrink)

    @torch.no_grad()
    def build(self, input_shape: tuple[int, ...], classes: int, seed: int) -> ResidualNetwork:
        """A network with the weights of `seed`: the same in every arm, "fixup" excepted."""
        net = ResidualNetwork(input_shape, classes, self)
        initialise(net, seed)
        if self.branch == "fixup":
            net.head.weight.zero_()
            for name in net.weight_names()[1:-1]:
                weight = net.get_parameter(name)
                weight.mul_(0 if "second" in name else 1 / math.sqrt(self.blocks))
        return net
