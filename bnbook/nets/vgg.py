"""VGG networks: stages of convolutions, each ended by a pooling that halves the image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate, pairwise
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

POOLS: dict[str, Callable[[Tensor, int], Tensor]] = {"max": F.max_pool2d, "average": F.avg_pool2d}


class VGGNet(Network):
    """Stages of 3 × 3 convolutions and a linear head; images (N, C, H, W), logits (N, classes).

    The `Trace` has an entry for each convolution, in order; pooling stands between two of them.
    """

    def __init__(self, input_shape: tuple[int, ...], classes: int, spec: VGG) -> None:
        super().__init__()
        channels, height, width = image_size(input_shape, spec.input_shrink)
        halvings = 2 ** len(spec.stages)
        if min(height, width) < halvings:
            raise NetError(
                f"{len(spec.stages)} poolings would shrink {height} × {width} to nothing; "
                "take fewer stages or larger images"
            )
        counts = [count for _, count in spec.stages]
        widths = [spec.channels(i) for i, count in enumerate(counts) for _ in range(count)]
        self.layers = nn.ModuleList(
            ConvLayer(below, above, spec) for below, above in pairwise([channels, *widths])
        )
        self.pooled_after = {end - 1 for end in accumulate(counts)}
        self.pool, self.input_shrink = POOLS[spec.pool], spec.input_shrink
        flat = widths[-1] * (height // halvings) * (width // halvings)
        self.head = nn.utils.skip_init(nn.Linear, flat, classes)

    def forward(
        self, x: Float[Tensor, "n ..."], trace: bool = False
    ) -> Float[Tensor, "n classes"] | Trace:
        seen = Trace()
        h = shrunk(x, self.input_shrink)
        for i, layer in enumerate(self.layers):
            h = layer(h, seen)
            if i in self.pooled_after:
                h = self.pool(h, 2)
        seen.logits = self.head(h.flatten(1))
        return seen if trace else seen.logits

    def weight_names(self) -> list[str]:
        """Parameter names of the convolutions' weights, first layer first, the head last."""
        return [f"layers.{i}.linear.weight" for i in range(len(self.layers))] + ["head.weight"]

    def chains(self) -> list[list[Any]]:
        """The way of the data, for `bnbook.fold`: one chain."""
        chain: list[Any] = []
        for i, layer in enumerate(self._layers()):
            chain += layer.steps()
            chain += [self.pool] if i in self.pooled_after else []
        return [[*chain, nn.Flatten(), self.head]]

    def _layers(self) -> Iterator[ConvLayer]:
        for layer in self.layers:
            assert isinstance(layer, ConvLayer)
            yield layer


@dataclass(frozen=True)
class VGG:
    """A VGG network: `VGG(stages=((16, 1), (32, 2)), norm="batch")`.

    stages         (channels, convolutions) of each stage; a stage ends with a 2 × 2 pooling. The
                   default are the eight convolutions of VGG-11, without its dense layers
    scale          channels are those of `stages` times this, rounded
    activation     one of `ACTIVATIONS`
    norm           a name from `bnbook.norms.names()`, with norm_options as (name, value) pairs
    pool           "max" or "average"
    input_shrink   images are first averaged over squares of this many pixels a side

    Convolutions are 3 × 3 with one pixel of padding; the normaliser stands before the
    nonlinearity. Weights are N(0, 2/fan-in). Source: simonyan2015very.
    """

    stages: tuple[tuple[int, int], ...] = ((64, 1), (128, 1), (256, 2), (512, 2), (512, 2))
    scale: float = 1.0
    activation: str = "relu"
    norm: str = "none"
    norm_options: tuple[tuple[str, Any], ...] = ()
    pool: str = "max"
    input_shrink: int = 1

    def __post_init__(self) -> None:
        counts = [count for stage in self.stages for count in stage]
        if not counts or min(counts) < 1:
            raise NetError(f"stages are {self.stages}; give (channels, convolutions), 1 or more")
        if min(self.channels(i) for i in range(len(self.stages))) < 1:
            raise NetError(f"scale {self.scale} leaves a stage of {self.stages} without channels")
        if self.pool not in POOLS:
            raise NetError(f"pool is {self.pool!r}; it is 'max' or 'average'")
        check_settings(self, self.input_shrink)

    def channels(self, stage: int) -> int:
        """Channels of a stage, counted from 0."""
        return round(self.stages[stage][0] * self.scale)

    def build(self, input_shape: tuple[int, ...], classes: int, seed: int) -> VGGNet:
        """A network with the weights of `seed`: the same in every arm that shares the shapes."""
        net = VGGNet(input_shape, classes, self)
        initialise(net, seed)
        return net
