"""What convolutional networks are made of: one layer, its initialisation, and its order."""

from __future__ import annotations

import math
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from bnbook import norms
from bnbook.nets.base import ACTIVATIONS, NetError, Network, Trace
from bnbook.text import unknown


@runtime_checkable
class Settings(Protocol):
    """What every layer of a network has in common."""

    @property
    def activation(self) -> str: ...

    @property
    def norm(self) -> str: ...

    @property
    def norm_options(self) -> tuple[tuple[str, Any], ...]: ...


class ConvLayer(nn.Module):
    """A convolution padded with zeros, a normaliser, and a nonlinearity, in this order.

    x (N, C_in, H, W) becomes (N, C, ⌈H/stride⌉, ⌈W/stride⌉). What `forward` is given to add, the
    other branch of a residual block, is added before the nonlinearity. There is no bias where the
    normaliser would remove it.
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        settings: Settings,
        *,
        kernel: int = 3,
        stride: int = 1,
        activation: str | None = None,
    ) -> None:
        super().__init__()
        self.norm = norms.make(settings.norm, channels, **dict(settings.norm_options))
        self.linear = nn.utils.skip_init(
            nn.Conv2d,
            inputs,
            channels,
            kernel,
            stride=stride,
            padding=kernel // 2,
            bias=not self.norm.absorbs_bias,
        )
        self.activation = ACTIVATIONS[activation or settings.activation]

    def forward(
        self,
        x: Float[Tensor, "n c h w"],
        trace: Trace,
        add: Float[Tensor, "n out h_out w_out"] | None = None,
    ) -> Float[Tensor, "n out h_out w_out"]:
        weight, conv = self.norm.transform_weight(self.linear.weight), self.linear
        z = F.conv2d(x, weight, conv.bias, conv.stride, conv.padding)
        a = self.norm(z)
        if add is not None:
            a = a + add
        h = self.activation(a)
        trace.linear.append(z)
        trace.inputs.append(a)
        trace.outputs.append(h)
        return h

    def steps(self) -> list[Any]:
        """What data pass through, in order, as `bnbook.folding` wants to be told."""
        return [self.linear, self.norm, self.activation]


def check_settings(settings: Settings, input_shrink: int) -> None:
    """Raise `NetError`, or the registry's error, for a setting that no network can have."""
    if settings.activation not in ACTIVATIONS:
        raise NetError(unknown("activation", settings.activation, ACTIVATIONS))
    if input_shrink < 1:
        raise NetError(f"input_shrink is {input_shrink}; images become that many times smaller")
    norms.get(settings.norm)


def image_size(input_shape: tuple[int, ...], input_shrink: int) -> tuple[int, int, int]:
    """Channels, height and width of what the first layer sees."""
    if len(input_shape) != 3:
        raise NetError(
            f"inputs have shape {input_shape}; a convolutional network takes (channels, height, "
            "width). Use an MLP, or images"
        )
    channels, height, width = input_shape
    if min(height, width) < input_shrink:
        raise NetError(f"images of {height} × {width} cannot shrink {input_shrink} times")
    return channels, height // input_shrink, width // input_shrink


def shrunk(x: Float[Tensor, "n c h w"], times: int) -> Float[Tensor, "n c h_out w_out"]:
    """Images (N, C, H, W) averaged over squares of `times` × `times` pixels."""
    return x if times == 1 else F.avg_pool2d(x, times)


@torch.no_grad()
def initialise(net: Network, seed: int) -> None:
    """He's initialisation from `seed`: weights N(0, 2/fan-in), biases 0, and the norms' noise.

    The fan-in of a k × k convolution of C channels is C·k². Source: he2015delving.
    """
    generator = torch.Generator().manual_seed(seed)
    for name in net.weight_names():
        layer: Any = net.get_submodule(name.removesuffix(".weight"))
        fan_in = layer.weight[0].numel()
        layer.weight.normal_(0, math.sqrt(2 / fan_in), generator=generator)
        if layer.bias is not None:
            layer.bias.zero_()
    for module in net.modules():
        if isinstance(module, norms.Moded):
            module.seed_noise(generator)
