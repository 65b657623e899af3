"""What all normalisers share: the interface, the registry, and the modes of their statistics."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Literal, get_args

import torch
from torch import Tensor, nn

Mode = Literal["train", "batch", "population", "collect"]
"""Which statistics a normaliser uses.

train        those of the batch, and the running ones move towards them (`module.train()`)
batch        those of the batch; nothing is updated
population   the running ones (`module.eval()`)
collect      those of the batch, while the running ones become the pooled moments of all the
             values seen since `reset_statistics`: this is how `precise_statistics` is computed
"""


class NormError(ValueError):
    """A normaliser was asked for something impossible; the message says what to change."""


registry: dict[str, type[Norm]] = {}


class Norm(nn.Module):
    """A map of activations (N, C, …) to activations of the same shape, channel dimension 1.

    Subclasses define `forward`. Those that keep running statistics read `self.mode`; those that
    normalise weights override `transform_weight`. `keeps_statistics` says whether batch,
    population and precise statistics can differ at all; `absorbs_bias`, whether a constant added
    to every value of a channel gets no gradient, so that networks leave it out.
    """

    keeps_statistics = False
    absorbs_bias = False
    mode: Mode

    def __init__(self, num_features: int) -> None:
        super().__init__()
        if num_features < 1:
            raise NormError(f"num_features is {num_features}; a normaliser needs at least 1")
        self.num_features = num_features
        self.mode = "train"

    def train(self, mode: bool = True) -> Norm:
        """As in torch: `train()` uses batch statistics and updates, `eval()` the running ones."""
        super().train(mode)
        self.mode = "train" if mode else "population"
        return self

    def transform_weight(self, weight: Tensor) -> Tensor:
        """The weight (out, in, …) that the layer before this normaliser really uses."""
        return weight

    def reset_statistics(self) -> None:
        """Forget the running statistics, if there are any."""

    def seed_noise(self, generator: torch.Generator) -> None:
        """Fix the random numbers of a normaliser that draws any; called once, when it is built."""

    def check_input(self, z: Tensor) -> None:
        """Raise `NormError` unless z is (N, C, …) with C = num_features."""
        if z.dim() < 2 or z.shape[1] != self.num_features:
            raise NormError(
                f"{type(self).__name__}({self.num_features}) was given {tuple(z.shape)}; "
                f"it takes (N, {self.num_features}, …): channels are dimension 1"
            )

    def extra_repr(self) -> str:
        return str(self.num_features)


def register(name: str) -> Callable[[type[Norm]], type[Norm]]:
    """Class decorator: enter a normaliser under `name`."""

    def enter(kind: type[Norm]) -> type[Norm]:
        if name in registry:
            raise NormError(f"two normalisers are called {name!r}: {registry[name]} and {kind}")
        registry[name] = kind
        return kind

    return enter


@contextmanager
def using(net: nn.Module, mode: Mode) -> Iterator[nn.Module]:
    """Let every normaliser of `net` use `mode` inside the block, and restore it afterwards."""
    if mode not in get_args(Mode):
        raise NormError(f"mode {mode!r} is none of {', '.join(get_args(Mode))}")
    norms = [module for module in net.modules() if isinstance(module, Norm)]
    before = [norm.mode for norm in norms]
    try:
        for norm in norms:
            norm.mode = mode
        yield net
    finally:
        for norm, mode_before in zip(norms, before, strict=True):
            norm.mode = mode_before


@torch.no_grad()
def precise_statistics(net: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """Replace running statistics by the pooled moments over `batches` at the present weights.

    Each batch is normalised by itself on its way through; μ is the mean and σ² the biased
    variance of all the values a channel saw, so that one batch holding the whole training set
    gives exactly the moments of the data. Changes `net` in place and returns it.
    Source: wu2021rethinking ("PreciseBN").
    """
    kept = [m for m in net.modules() if isinstance(m, Norm) and m.keeps_statistics]
    batches_before = [m.num_batches_tracked.clone() for m in kept]
    for norm in kept:
        norm.reset_statistics()
    seen = False
    with using(net, "collect"):
        for x in batches:
            net(x)
            seen = True
    if not seen:
        raise NormError("precise statistics need at least one batch")
    for norm, count in zip(kept, batches_before, strict=True):
        norm.num_batches_tracked.copy_(count)
    return net
