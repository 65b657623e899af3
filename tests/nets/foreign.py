"""Networks as others write them: small ones, of many kinds, in torch alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BATCH_NORMS: tuple[dict[str, Any], ...] = (
    {},
    {"momentum": None},
    {"momentum": 0.9},
    {"affine": False},
    {"bias": False},
    {"track_running_stats": False},
    {"affine": False, "track_running_stats": False},
    {"eps": 1e-2},
)


class SqueezeExcite(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, channels // 2, 1)
        self.expand = nn.Conv2d(channels // 2, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        gate = F.relu(self.reduce(x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.expand(gate))


class InvertedResidual(nn.Module):
    """Expand, filter each channel, weigh channels, project; added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        wide = 2 * channels
        self.body = nn.Sequential(
            nn.Conv2d(channels, wide, 1, bias=False),
            nn.BatchNorm2d(wide),
            nn.SiLU(inplace=True),
            nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False),
            nn.BatchNorm2d(wide),
            nn.SiLU(inplace=True),
            SqueezeExcite(wide),
            nn.Conv2d(wide, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x)


class Basic(nn.Module):
    """relu(x + BN(conv(relu(BN(conv(x)))))), summed and rectified in place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(channels)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.first_norm(self.first(x)))
        out = self.second_norm(self.second(out))
        out += x
        return self.relu(out)


class ConvNeXt(nn.Module):
    """Depthwise convolution, LayerNorm over channels put last, two dense layers."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.up, self.down = nn.Linear(channels, 2 * channels), nn.Linear(2 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        return x + self.down(F.gelu(self.up(h))).permute(0, 3, 1, 2)


class Attention(nn.Module):
    """RMSNorm, one head of attention over positions, added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.RMSNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)

    def forward(self, x: Tensor) -> Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        q, k, v = self.qkv(self.norm(tokens)).chunk(3, dim=-1)
        h = F.scaled_dot_product_attention(q, k, v)
        return x + h.transpose(1, 2).view_as(x)


def normed(norm: nn.Module, channels: int) -> nn.Module:
    """Convolution, a normaliser, and a nonlinearity."""
    return nn.Sequential(nn.Conv2d(channels, channels, 3, padding=1), norm, nn.ReLU())


def batch_norm(kind: type[nn.Module], channels: int, bias: bool = True, **options: Any) -> Any:
    """Torch's own, without β as its newer versions make it: those of 2.11 do not know the word."""
    norm = kind(channels, **options)
    if not bias:
        norm.register_parameter("bias", None)
    return norm


def batch_normed(channels: int, options: dict[str, Any]) -> nn.Module:
    return normed(batch_norm(nn.BatchNorm2d, channels, **options), channels)


BLOCKS: dict[str, Callable[[int], nn.Module]] = {
    "inverted residual": InvertedResidual,
    "basic": Basic,
    "convnext": ConvNeXt,
    "attention": Attention,
    "group": lambda c: normed(nn.GroupNorm(2, c), c),
    "group without shift": lambda c: normed(nn.GroupNorm(2, c, affine=False), c),
    "instance": lambda c: normed(nn.InstanceNorm2d(c, affine=True), c),
    "instance that remembers": lambda c: normed(nn.InstanceNorm2d(c, track_running_stats=True), c),
    "layer of images": lambda c: normed(nn.LayerNorm([c, 8, 8]), c),
    **{f"batch {options}": partial(batch_normed, options=options) for options in BATCH_NORMS},
}


class Branching(nn.Module):
    """What torch.fx cannot trace: the way of the data depends on the data."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(12, 8), nn.Linear(8, 8)
        self.norm, self.act = nn.BatchNorm1d(8), nn.ReLU(inplace=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.act(self.norm(self.first(x)))
        if x.mean() > 1000:
            h = -h
        return self.head(torch.tanh(self.second(h)))


def stack(names: list[str], seed: int) -> nn.Module:
    """An image network of the named blocks; its numbers are those of a trained one."""
    torch.manual_seed(seed)
    blocks = [BLOCKS[name](4) for name in names]
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(2), nn.Flatten())
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), *blocks, pool, nn.Linear(16, 5))
    return stirred(net)


@torch.no_grad()
def stirred(net: nn.Module) -> nn.Module:
    """Normalisers away from their initial γ, β and running statistics."""
    for module in net.modules():
        if hasattr(module, "running_mean") and module.running_mean is not None:
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.num_batches_tracked.fill_(7)
        if "Norm" in type(module).__name__:
            for parameter in module.parameters():
                parameter.add_(0.3 * torch.randn_like(parameter))
    return net
