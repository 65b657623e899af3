"""Networks of many kinds that are trained as they should be: in them nothing is to be found."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from bnbook.cases import Batch, Visit, dense, endless, epoch, fit, seeded, seen_as
from bnbook.nets import MLP, ResNet, Spec


def convolutions(norm: Callable[[int], nn.Module]) -> nn.Module:
    """Three convolutions with a normaliser each."""

    def layer(below: int, above: int) -> list[nn.Module]:
        return [nn.Conv2d(below, above, 3, padding=1, bias=False), norm(above), nn.ReLU()]

    pool = (nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(64, 10))
    return nn.Sequential(
        *layer(1, 8), nn.MaxPool2d(2), *layer(8, 16), nn.MaxPool2d(2), *layer(16, 16), *pool
    )


class Residual(nn.Module):
    """A residual block, its normalisers after the convolutions or, `first`, before them."""

    def __init__(self, channels: int, first: bool) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(2))
        self.convs = nn.ModuleList(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2)
        )
        self.first = first

    def forward(self, x: Any) -> Any:
        h = x
        for i, (norm, conv) in enumerate(zip(self.norms, self.convs, strict=True)):
            if self.first:
                h = conv(torch.relu(norm(h)))
            else:
                h = norm(conv(h))
                h = torch.relu(h) if i == 0 else h
        return x + h if self.first else torch.relu(x + h)


class Dense(nn.Module):
    """Each layer is given all before it, side by side."""

    def __init__(self, channels: int, growth: int, layers: int) -> None:
        super().__init__()
        widths = [channels + growth * i for i in range(layers)]
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in widths)
        self.convs = nn.ModuleList(
            nn.Conv2d(width, growth, 3, padding=1, bias=False) for width in widths
        )

    def forward(self, x: Any) -> Any:
        for norm, conv in zip(self.norms, self.convs, strict=True):
            x = torch.cat([x, conv(torch.relu(norm(x)))], 1)
        return x


class Separable(nn.Module):
    """A convolution of each channel, weights for the channels, and a mixing of them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.each = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.each_norm = nn.BatchNorm2d(channels)
        self.gate = nn.Linear(channels, channels)
        self.mix = nn.Conv2d(channels, channels, 1, bias=False)
        self.mix_norm = nn.BatchNorm2d(channels)

    def forward(self, x: Any) -> Any:
        h = F.hardswish(self.each_norm(self.each(x)))
        h = h * torch.sigmoid(self.gate(h.mean((2, 3))))[:, :, None, None]
        return x + self.mix_norm(self.mix(h))


class Attention(nn.Module):
    """One transformer block over patches, normalised before each part."""

    def __init__(self, channels: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.before, self.between = norm(channels), norm(channels)
        self.qkv, self.out = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        self.up, self.down = nn.Linear(channels, 2 * channels), nn.Linear(2 * channels, channels)

    def forward(self, x: Any) -> Any:
        q, k, v = self.qkv(self.before(x)).chunk(3, dim=-1)
        x = x + self.out(F.scaled_dot_product_attention(q, k, v))
        return x + self.down(F.gelu(self.up(self.between(x))))


class Patches(nn.Module):
    """Patches of 7 × 7 as tokens, one transformer block, their mean, and a head."""

    def __init__(self, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.embed = nn.Conv2d(1, 32, 7, stride=7)
        self.place = nn.Parameter(0.1 * torch.randn(4, 32))
        self.block, self.last, self.head = Attention(32, norm), norm(32), nn.Linear(32, 10)

    def forward(self, x: Any) -> Any:
        tokens = self.embed(x).flatten(2).transpose(1, 2) + self.place
        return self.head(self.last(self.block(tokens)).mean(1))


def around(*blocks: nn.Module) -> nn.Module:
    """A stem of 8 channels, blocks, and a head over what they give."""
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU()),
        *blocks,
        *(nn.AdaptiveAvgPool2d(3), nn.Flatten(), nn.LazyLinear(10)),
    )


def rows() -> nn.Module:
    """A digit as a sequence of rows, under convolutions along it."""
    return nn.Sequential(
        nn.Flatten(1, 2),
        *(nn.Conv1d(14, 24, 3, padding=1, bias=False), nn.BatchNorm1d(24), nn.ReLU()),
        *(nn.Conv1d(24, 24, 3, padding=1, bias=False), nn.BatchNorm1d(24), nn.Tanh()),
        *(nn.Flatten(), nn.Linear(336, 10)),
    )


def with_dropout() -> nn.Module:
    """Dropout behind the last normaliser, where it does no harm."""
    net = dense(nn.BatchNorm1d)
    net.insert(len(net) - 1, nn.Dropout(0.3))
    return net


def ours(spec: Spec) -> nn.Module:
    """A network of this package."""
    return spec.build((1, 14, 14), 10, torch.initial_seed() % 2**31)


KINDS: dict[str, Callable[[], nn.Module]] = {
    "dense, batch norm": lambda: dense(nn.BatchNorm1d),
    "dense, statistics collected anew": lambda: dense(partial(nn.BatchNorm1d, momentum=None)),
    "dense, no γ and β": lambda: dense(partial(nn.BatchNorm1d, affine=False)),
    "dense, layer norm": lambda: dense(nn.LayerNorm),
    "dense, RMS norm": lambda: dense(nn.RMSNorm),
    "dense, no normaliser": lambda: dense(lambda c: nn.Identity()),
    "dense, dropout at the end": with_dropout,
    "dense, batch renorm": lambda: ours(MLP((64, 64), "relu", "renorm", (("warmup", 20),))),
    "convolutions, batch norm": lambda: convolutions(nn.BatchNorm2d),
    "convolutions, group norm": lambda: convolutions(lambda c: nn.GroupNorm(4, c)),
    "convolutions, instance norm": lambda: convolutions(
        lambda c: nn.InstanceNorm2d(c, affine=True)
    ),
    "convolutions over rows": rows,
    "residual": lambda: around(Residual(8, first=False), Residual(8, first=False)),
    "residual, norm first": lambda: around(Residual(8, first=True), nn.BatchNorm2d(8), nn.ReLU()),
    "densely connected": lambda: around(Dense(8, 4, 3)),
    "separable, gated": lambda: around(Separable(8), Separable(8)),
    "transformer, layer norm": lambda: Patches(nn.LayerNorm),
    "transformer, RMS norm": lambda: Patches(nn.RMSNorm),
    "residual, of this package": lambda: ours(ResNet(8, 0.5, norm="batch")),
}
"""Kinds of networks, by name."""


def trained(kind: str, seed: int, steps: int = 120) -> Visit:
    """A network of a kind, trained in batches of 32."""
    known = epoch(32, seed)
    model = seeded(seed, partial(shaped, KINDS[kind], known[0][0][:2]))
    seeded(seed, partial(fit, model.train(), endless(32, seed), steps, 0.05))  # dropout draws
    if any(getattr(module, "momentum", 0) is None for module in model.modules()):
        collected(model, known)
    return Visit(model, seen_as(known))


@torch.no_grad()
def shaped(make: Callable[[], nn.Module], x: torch.Tensor) -> nn.Module:
    """A network that has seen examples: what took its shape from them has drawn its weights."""
    model = make()
    model.eval()(x)
    return model


@torch.no_grad()
def collected(model: nn.Module, batches: list[Batch]) -> None:
    """Statistics anew, as torch.optim.swa_utils.update_bn does it."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d):
            module.reset_running_stats()
    for x, _ in batches:
        model(x)
