"""What is done to a network once, with the data, before its training begins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float32
from torch import Tensor

from bnbook import norms
from bnbook.data import Split
from bnbook.nets import Network, ReferencedNet
from bnbook.train.errors import PlanError


@runtime_checkable
class Start(Protocol):
    """A frozen dataclass that changes a freshly built network in place."""

    def __call__(self, net: Network, train: Split, seed: int) -> None:
        """Prepare `net` with training examples, which the seed may choose."""


@dataclass(frozen=True)
class Standardised:
    """Weights and biases under which every unit of a plain network has mean 0 and variance 1.

    Layer by layer, from below, with z the layer's output over `examples` training examples:
    w ← w/σ, b ← (b − μ)/σ for each unit. At these weights the network computes what one with BN
    computes in batch mode on those examples; from the first step on it is a plain network.
    The network's normaliser must be "none". Source: mishkin2016all, who divide by σ, and
    salimans2016weight, who also take out μ.
    """

    examples: int = 512

    @torch.no_grad()
    def __call__(self, net: Network, train: Split, seed: int) -> None:
        plain, found = norms.get("none"), [m for m in net.modules() if isinstance(m, norms.Norm)]
        if any(type(norm) is not plain for norm in found):
            raise PlanError(f"{self}: the network has a normaliser; it must be 'none'")
        x = chosen(train, self.examples, seed).to(next(net.parameters()).dtype)
        for layer, name in enumerate(net.weight_names()[:-1]):
            linear: Any = net.get_submodule(name.removesuffix(".weight"))
            trace: Any = net(x, trace=True)
            z = trace.linear[layer].transpose(0, 1).flatten(1)
            mean, sigma = z.mean(1), z.std(1, correction=0).clamp(min=1e-6)
            linear.weight.div_(sigma.view(-1, *[1] * (linear.weight.dim() - 1)))
            linear.bias.sub_(mean).div_(sigma)


@dataclass(frozen=True)
class FrozenStatistics:
    """Running statistics that are the exact ones of `examples` training examples, at the start.

    For a network with "frozen" normalisers these are the statistics it keeps.
    """

    examples: int = 512

    def __call__(self, net: Network, train: Split, seed: int) -> None:
        x = chosen(train, self.examples, seed).to(next(net.parameters()).dtype)
        norms.precise_statistics(net, [x])


@dataclass(frozen=True)
class TakeReference:
    """The reference batch of a `WithReference` network: as many training examples as it holds."""

    def __call__(self, net: Network, train: Split, seed: int) -> None:
        if not isinstance(net, ReferencedNet):
            raise PlanError(f"{self}: {type(net).__name__} takes no reference; use WithReference")
        net.reference.copy_(chosen(train, len(net.reference), seed))


def chosen(train: Split, examples: int, seed: int) -> Float32[Tensor, "chosen ..."]:
    """So many training examples, without repetition, that the seed picks."""
    if examples > len(train.y):
        raise PlanError(f"{examples} examples, but the training set holds {len(train.y)}")
    order = torch.randperm(len(train.y), generator=torch.Generator().manual_seed(seed + 7_919))
    return train.x[order[:examples].to(train.x.device)]
