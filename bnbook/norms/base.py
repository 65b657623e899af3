"""What all normalisers share: the interface, the registry, and the modes of their statistics."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, cast, get_args

import torch
from torch import Tensor, nn

Mode = Literal["train", "batch", "population", "collect"]
"""Which statistics a normaliser uses.

train        those of training, and the running ones move towards the batch's (`module.train()`)
batch        those of training; nothing is updated
population   the running ones (`module.eval()`)
collect      those of the batch, while the running ones become the pooled moments of all the
             values seen since `reset_statistics`: this is how `precise_statistics` is computed
"""


class NormError(ValueError):
    """A normaliser was asked for something impossible; the message says what to change."""


class Moded(nn.Module):
    """A layer that does one thing in training and another in use, as `mode` says (see `Mode`)."""

    mode: Mode

    def __init__(self) -> None:
        super().__init__()
        self.mode = "train"

    def train(self, mode: bool = True) -> Moded:
        """As in torch: `train()` uses batch statistics and updates, `eval()` the running ones."""
        super().train(mode)
        self.mode = "train" if mode else "population"
        return self

    def seed_noise(self, generator: torch.Generator) -> None:
        """Fix the random numbers of a layer that draws any; called once, when it is built."""


registry: dict[str, type[Norm]] = {}


class Norm(Moded):
    """A map of activations (N, C, …) to activations of the same shape, channel dimension 1.

    Subclasses define `forward`. Those that keep running statistics read `self.mode`; those that
    normalise weights override `transform_weight`. `keeps_statistics` says whether batch,
    population and precise statistics can differ at all; `absorbs_bias`, whether a constant added
    to every value of a channel gets no gradient, so that networks leave it out. `mixes_examples`
    and `mixes_channels` say whether an output depends on other examples, or on other channels,
    of what is normalised: where it does not, derivatives take that many times fewer passes.

    What holds for all: NaN and infinity are not looked for; they spread to whatever shares a
    moment with them, running statistics included, as in torch. Values that are normalised by
    moments of their own and do not vary become β, with finite gradients, because ε > 0.
    """

    keeps_statistics = False
    absorbs_bias = False
    mixes_examples = True
    mixes_channels = True

    def __init__(self, num_features: int) -> None:
        super().__init__()
        if num_features < 1:
            raise NormError(f"num_features is {num_features}; a normaliser needs at least 1")
        self.num_features = num_features

    def transform_weight(self, weight: Tensor) -> Tensor:
        """The weight (out, in, …) that the layer before this normaliser really uses."""
        return weight

    def statistics(self) -> tuple[Tensor, ...]:
        """The running moments themselves, first the means (C,); empty if there are none."""
        return ()

    def reset_statistics(self) -> None:
        """Forget the running statistics, if there are any."""

    def population_map(self) -> tuple[Tensor, Tensor] | None:
        """(A, c) with A·z + c what population mode does to the channels of every position.

        A is (C,) where channels are scaled one by one, or (C, C); c is (C,). None where there is
        no such map: the output of a position depends on other positions, or is not affine. A class
        with a `forward` of its own does not inherit a map: it says it anew, or has none.
        """
        return None

    def __init_subclass__(cls) -> None:
        """The map belongs to the `forward` that it describes."""
        super().__init_subclass__()
        if "forward" in vars(cls) and "population_map" not in vars(cls):
            cls.population_map = Norm.population_map  # type: ignore[method-assign]

    def check_input(self, z: Tensor) -> None:
        """Raise `NormError` unless z is (N, C, …) with C = num_features."""
        if z.dim() < 2 or z.shape[1] != self.num_features:
            raise NormError(
                f"{type(self).__name__}({self.num_features}) was given {tuple(z.shape)}; "
                f"it takes (N, {self.num_features}, …): channels are dimension 1"
            )

    def check_count(self, count: int, z: Tensor, per: str = "channel") -> None:
        """Raise `NormError` unless moments are taken over two values or more."""
        if count < 2:
            raise NormError(
                f"{tuple(z.shape)} gives {type(self).__name__}({self.num_features}) one value per "
                f"{per}: its variance is 0, and the output would not depend on it. "
                "Use a larger batch, another normaliser or, where there is one, mode 'population'"
            )

    def extra_repr(self) -> str:
        return str(self.num_features)


def positive(name: str, value: float) -> float:
    """`value`, a positive finite number; anything else is a `NormError`.

    Every ε must be positive, as in torch: with 0 a constant channel would be divided by 0. In
    float64, 1e-30 is as good as none.
    """
    if not 0 < value < math.inf:
        raise NormError(f"{name} is {value}; it must be positive (1e-30 is as good as none)")
    return value


def register(name: str) -> Callable[[type[Norm]], type[Norm]]:
    """Class decorator: enter a normaliser under `name`."""

    def enter(kind: type[Norm]) -> type[Norm]:
        if name in registry:
            raise NormError(f"two normalisers are called {name!r}: {registry[name]} and {kind}")
        registry[name] = kind
        return kind

    return enter


@contextmanager
def using(net: nn.Module, mode: str) -> Iterator[nn.Module]:
    """Let every normaliser and dropout of `net` use `mode` in the block, and restore it afterwards.

    `mode` is a `Mode`; any other name is a `NormError`.
    """
    if mode not in get_args(Mode):
        raise NormError(f"mode {mode!r} is none of {', '.join(get_args(Mode))}")
    layers = [module for module in net.modules() if isinstance(module, Moded)]
    before = [layer.mode for layer in layers]
    try:
        for layer in layers:
            layer.mode = cast(Mode, mode)
        yield net
    finally:
        for layer, mode_before in zip(layers, before, strict=True):
            layer.mode = mode_before
