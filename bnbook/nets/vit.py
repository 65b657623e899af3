"""A vision transformer in the small: patches of an image as tokens, and any normaliser."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from bnbook import norms
from bnbook.nets.base import ACTIVATIONS, NetError, Network, Trace
from bnbook.nets.convolution import check_settings, image_size
from bnbook.text import unknown

BRANCHES = ("plain", "rezero")


class TransformerBlock(nn.Module):
    """t + α·attention(norm(t)), then t + α·W₂ φ(W₁ norm(t)), for tokens t (N·T, C).

    Attention mixes the T tokens of an example: softmax(QKᵀ/√d) V for each head of d channels.
    α is fixed at 1 ("plain") or, for each of the two branches, learned from 0 ("rezero").
    """

    def __init__(self, spec: ViT) -> None:
        super().__init__()
        width, hidden = spec.width, spec.hidden
        self.heads, self.activation = spec.heads, ACTIVATIONS[spec.activation]
        self.before_attention, self.before_mlp = spec.normaliser(), spec.normaliser()
        bias = not self.before_mlp.absorbs_bias  # what reads t next normalises it
        self.qkv = nn.utils.skip_init(nn.Linear, width, 3 * width)
        self.projection = nn.utils.skip_init(nn.Linear, width, width, bias=bias)
        self.first = nn.utils.skip_init(nn.Linear, width, hidden)
        self.second = nn.utils.skip_init(nn.Linear, hidden, width, bias=bias)
        learned = spec.branch == "rezero"
        self.gains = nn.Parameter(torch.zeros(2)) if learned else None

    def forward(
        self, t: Float[Tensor, "token width"], tokens: int, note: Any
    ) -> Float[Tensor, "token width"]:
        one, other = (1.0, 1.0) if self.gains is None else self.gains.unbind()
        qkv = note(self.qkv(self.before_attention(t)))
        t = t + one * note(self.projection(self.attended(qkv, tokens)))
        z = self.first(self.before_mlp(t))
        return t + other * note(self.second(note(z, self.activation(z))))

    def attended(
        self, qkv: Float[Tensor, "token three_widths"], tokens: int
    ) -> Float[Tensor, "token width"]:
        """What attention makes of queries, keys and values (N·T, 3C): (N·T, C)."""
        q, k, v = (
            part.reshape(-1, tokens, self.heads, part.shape[1] // self.heads).transpose(1, 2)
            for part in qkv.chunk(3, dim=1)
        )
        weights = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), dim=-1)
        return (weights @ v).transpose(1, 2).reshape(len(qkv), -1)

    def chains(self) -> list[list[Any]]:
        mlp = [self.before_mlp, self.first, self.activation, self.second]
        return [[self.before_attention, self.qkv], [self.projection], mlp]


class VisionTransformer(Network):
    """Patches (N·T, pixels) through a linear map, plus a learned place, then blocks; a head.

    Images (N, C, H, W) become logits (N, classes): the mean over the tokens, normalised, goes
    through a linear head. A normaliser sees tokens as examples, (N·T, C): "layer" takes the
    moments of one token and "batch" those of a channel over all tokens of the batch. The `Trace`
    has an entry (N, C_ℓ, rows, columns) for each linear map but the head.
    """

    def __init__(self, input_shape: tuple[int, ...], classes: int, spec: ViT) -> None:
        super().__init__()
        channels, height, width = image_size(input_shape, 1)
        if height % spec.patch or width % spec.patch:
            raise NetError(
                f"images of {height} × {width} cannot be cut into patches of {spec.patch} × "
                f"{spec.patch}; take a divisor of both"
            )
        self.patch, self.grid = spec.patch, (height // spec.patch, width // spec.patch)
        final = spec.normaliser()
        self.embedding = nn.utils.skip_init(
            nn.Linear, channels * spec.patch**2, spec.width, bias=not final.absorbs_bias
        )
        self.places = nn.Parameter(torch.zeros(math.prod(self.grid), spec.width))
        self.blocks = nn.ModuleList(TransformerBlock(spec) for _ in range(spec.blocks))
        self.before_head = final
        self.head = nn.utils.skip_init(nn.Linear, spec.width, classes)

    def forward(
        self, x: Float[Tensor, "n channel height width"], trace: bool = False
    ) -> Float[Tensor, "n classes"] | Trace:
        seen, tokens = Trace(), math.prod(self.grid)

        def note(z: Tensor, output: Tensor | None = None) -> Tensor:
            """Enter what a linear map gives, and the nonlinearity's output where there is one."""
            output = z if output is None else output
            seen.linear.append(self._pictured(z))
            seen.inputs.append(seen.linear[-1])
            seen.outputs.append(self._pictured(output))
            return output

        t = note(self.embedding(self.patches(x)))
        t = (t.unflatten(0, (-1, tokens)) + self.places).flatten(0, 1)
        for block in self.blocks:
            t = block(t, tokens, note)
        pooled = t.unflatten(0, (-1, tokens)).mean(1)
        seen.logits = self.head(self.before_head(pooled))
        return seen if trace else seen.logits

    def patches(self, x: Float[Tensor, "n channel height width"]) -> Float[Tensor, "token pixels"]:
        """The patches of images (N, C, H, W), row by row: (N·T, C·patch²)."""
        rows, columns = self.grid
        cut = x.reshape(len(x), x.shape[1], rows, self.patch, columns, self.patch)
        return cut.permute(0, 2, 4, 1, 3, 5).reshape(len(x) * rows * columns, -1)

    def _pictured(self, t: Tensor) -> Tensor:
        """Tokens (N·T, C) as an image of tokens (N, C, rows, columns)."""
        return t.unflatten(0, (-1, *self.grid)).movedim(-1, 1)

    def weight_names(self) -> list[str]:
        """Parameter names of the linear maps' weights, in the order of a pass, the head last."""
        maps = ("qkv", "projection", "first", "second")
        inner = [f"blocks.{i}.{name}.weight" for i in range(len(self.blocks)) for name in maps]
        return ["embedding.weight", *inner, "head.weight"]

    def layer_prefixes(self, weight: str) -> tuple[str, ...]:
        """The parameters of a linear map; γ and β belong to no layer, but stand before one."""
        return (weight.removesuffix("weight"),)

    def chains(self) -> list[list[Any]]:
        """The ways of the data, for `bnbook.fold`: a skip connection ends each."""
        inner = [chain for block in self._blocks() for chain in block.chains()]
        return [[self.embedding], *inner, [self.before_head, self.head]]

    def _blocks(self) -> Iterator[TransformerBlock]:
        for block in self.blocks:
            assert isinstance(block, TransformerBlock)
            yield block


@dataclass(frozen=True)
class ViT:
    """A small vision transformer: `ViT(patch=7, width=32, blocks=2, norm="layer")`.

    patch        pixels a side of a patch; must divide both sides of the images
    width        channels of a token
    hidden       units of the dense layer in each block
    blocks       each attention and two dense layers, normalised before and not after
    heads        of attention; must divide the width
    branch       "plain", or "rezero": each branch times a learned number that starts at 0
                 (bachlechner2021rezero)
    activation   one of `ACTIVATIONS`
    norm         a name from `bnbook.norms.names()`, with norm_options as (name, value) pairs; one
                 that transforms the weights of the layer before it has none here

    Weights are N(0, 1/fan-in), but N(0, 2/fan-in) after the nonlinearity; places N(0, 0.02²).
    Source: dosovitskiy2021image, with the mean over tokens for a class token.
    """

    patch: int = 7
    width: int = 32
    hidden: int = 64
    blocks: int = 2
    heads: int = 4
    branch: str = "plain"
    activation: str = "relu"
    norm: str = "layer"
    norm_options: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        least = min(self.patch, self.width, self.hidden, self.blocks, self.heads)
        if least < 1:
            raise NetError(f"{self}: patch, width, hidden, blocks and heads are 1 or more")
        if self.width % self.heads:
            raise NetError(f"{self.heads} heads do not divide a width of {self.width}")
        if self.branch not in BRANCHES:
            raise NetError(unknown("branch", self.branch, BRANCHES))
        check_settings(self, 1)
        if norms.get(self.norm).transform_weight is not norms.Norm.transform_weight:
            raise NetError(
                f"normaliser {self.norm!r} transforms the weights of the layer before it, and "
                "here a skip connection stands before each normaliser: use a Residual network"
            )

    def normaliser(self) -> norms.Norm:
        """A fresh normaliser of tokens."""
        return norms.make(self.norm, self.width, **dict(self.norm_options))

    @torch.no_grad()
    def build(self, input_shape: tuple[int, ...], classes: int, seed: int) -> VisionTransformer:
        """A network with the weights of `seed`: the same in every arm that shares the shapes."""
        net = VisionTransformer(input_shape, classes, self)
        generator = torch.Generator().manual_seed(seed)
        for name in net.weight_names():
            layer: Any = net.get_submodule(name.removesuffix(".weight"))
            gain = 2 if name.endswith("second.weight") else 1
            layer.weight.normal_(0, math.sqrt(gain / layer.in_features), generator=generator)
            if layer.bias is not None:
                layer.bias.zero_()
        net.places.normal_(0, 0.02, generator=generator)
        for module in net.modules():
            if isinstance(module, norms.Moded):
                module.seed_noise(generator)
        return net
