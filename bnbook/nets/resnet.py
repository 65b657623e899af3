"""Residual networks as they are built for CIFAR-10: three stages of blocks of two convolutions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from bnbook.nets.base import NetError, Network, Trace
from bnbook.nets.convolution import (
    ConvLayer,
    check_settings,
    image_size,
    initialise,
    shrunk,
)

WIDTHS = (16, 32, 64)
SHORTCUTS = ("pad", "project")


class Block(nn.Module):
    """φ(x + norm(conv(φ(norm(conv(x)))))), φ the nonlinearity; x reaches its shape by a shortcut.

    Where the block halves the image and adds channels, the shortcut takes every second pixel and
    fills the new channels with zeros, "pad" (option A of the source), or is a 1 × 1 convolution
    with a normaliser of its own, "project" (option B).
    """

    def __init__(self, inputs: int, channels: int, stride: int, spec: ResNet) -> None:
        super().__init__()
        self.first = ConvLayer(inputs, channels, spec, stride=stride)
        self.second = ConvLayer(channels, channels, spec)
        self.stride, self.new_channels = stride, channels - inputs
        self.shortcut: ConvLayer | None = None
        if spec.shortcut == "project" and (stride > 1 or self.new_channels):
            self.shortcut = ConvLayer(
                inputs, channels, spec, kernel=1, stride=stride, activation="identity"
            )

    def forward(
        self, x: Float[Tensor, "n c h w"], trace: Trace
    ) -> Float[Tensor, "n out h_out w_out"]:
        add = self.short(x) if self.shortcut is None else self.shortcut(x, trace)
        return self.second(self.first(x, trace), trace, add)

    def short(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n out h_out w_out"]:
        """Every `stride`-th pixel of x, and zeros for the channels that it lacks."""
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        return F.pad(x, (0, 0, 0, 0, 0, self.new_channels)) if self.new_channels else x

    def layers(self) -> Iterator[tuple[str, ConvLayer]]:
        """Names and layers in the order in which a pass meets them."""
        if self.shortcut is not None:
            yield "shortcut", self.shortcut
        yield "first", self.first
        yield "second", self.second


class ResidualNet(Network):
    """A convolution, three stages of blocks, the mean over positions, and a linear head.

    Images (N, C, H, W) become logits (N, classes). The `Trace` has an entry for each convolution,
    in order. At the end of a block `inputs` is the sum with the shortcut, which is what the
    nonlinearity is given; a projection in a shortcut has no nonlinearity, and its `outputs` are
    its `inputs`.
    """

    def __init__(self, input_shape: tuple[int, ...], classes: int, spec: ResNet) -> None:
        super().__init__()
        channels, height, width = image_size(input_shape, spec.input_shrink)
        if min(height, width) < 2 ** (len(WIDTHS) - 1):
            raise NetError(f"images of {height} × {width} are too small to be halved twice")
        widths = spec.channels
        self.input_shrink = spec.input_shrink
        self.stem = ConvLayer(channels, widths[0], spec)
        blocks, below = [], widths[0]
        for stage, width in enumerate(widths):
            for i in range(spec.blocks_per_stage):
                stride = 2 if stage and i == 0 else 1
                blocks.append(Block(below, width, stride, spec))
                below = width
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.utils.skip_init(nn.Linear, below, classes)

    def forward(
        self, x: Float[Tensor, "n ..."], trace: bool = False
    ) -> Float[Tensor, "n classes"] | Trace:
        seen = Trace()
        h = self.stem(shrunk(x, self.input_shrink), seen)
        for block in self.blocks:
            h = block(h, seen)
        seen.logits = self.head(h.mean((2, 3)))
        return seen if trace else seen.logits

    def weight_names(self) -> list[str]:
        """Parameter names of the convolutions' weights, in the order of a pass, the head last."""
        inner = [
            f"blocks.{i}.{name}.linear.weight"
            for i, block in enumerate(self._blocks())
            for name, _ in block.layers()
        ]
        return ["stem.linear.weight", *inner, "head.weight"]

    def chains(self) -> list[list[Any]]:
        """The ways of the data, for `bnbook.fold`: what a shortcut leaves or joins ends a chain."""
        chains = [self.stem.steps()]
        for block in self._blocks():
            chains.append([*block.first.steps(), *block.second.steps()])
            if block.shortcut is not None:
                chains.append(block.shortcut.steps())
        return [*chains, [self.head]]

    def _blocks(self) -> Iterator[Block]:
        for block in self.blocks:
            assert isinstance(block, Block)
            yield block


@dataclass(frozen=True)
class ResNet:
    """A residual network of 6n + 2 layers: `ResNet(depth=20, norm="batch")`.

    depth          6n + 2: a convolution, three stages of n blocks of two, and the head
    scale          channels of the stages are 16, 32 and 64 times this, rounded
    shortcut       "pad" with zeros, or "project" by a convolution, where shapes change
    activation     one of `ACTIVATIONS`
    norm           a name from `bnbook.norms.names()`, with norm_options as (name, value) pairs
    input_shrink   images are first averaged over squares of this many pixels a side

    The first block of the second and third stage halves the image. Weights are N(0, 2/fan-in).
    Source: he2016deep.
    """

    depth: int = 20
    scale: float = 1.0
    shortcut: str = "pad"
    activation: str = "relu"
    norm: str = "none"
    norm_options: tuple[tuple[str, Any], ...] = ()
    input_shrink: int = 1

    def __post_init__(self) -> None:
        if self.depth < 8 or self.depth % 6 != 2:
            raise NetError(f"depth is {self.depth}; it is 6n + 2: 8, 14, 20, …, 110")
        if min(self.channels) < 1:
            raise NetError(f"scale {self.scale} leaves no channels of {WIDTHS}")
        if self.shortcut not in SHORTCUTS:
            raise NetError(f"shortcut is {self.shortcut!r}; it is 'pad' or 'project'")
        check_settings(self, self.input_shrink)

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each stage."""
        return tuple(round(width * self.scale) for width in WIDTHS)

    @property
    def blocks_per_stage(self) -> int:
        """n in 6n + 2."""
        return (self.depth - 2) // 6

    def build(self, input_shape: tuple[int, ...], classes: int, seed: int) -> ResidualNet:
        """A network with the weights of `seed`: the same in every arm that shares the shapes."""
        net = ResidualNet(input_shape, classes, self)
        initialise(net, seed)
        return net
