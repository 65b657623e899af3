"""What every network has: a frozen specification that builds it, and a trace of a pass."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Shaped
from torch import Tensor

from bnbook.norms import Moded

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda z: z,
    "relu": F.relu,
    "leaky-relu": lambda z: F.leaky_relu(z, 0.2),
    "sigmoid": torch.sigmoid,
    "softplus": F.softplus,
    "tanh": torch.tanh,
}


class NetError(ValueError):
    """A network was specified that cannot be built; the message says what to change."""


@dataclass
class Trace:
    """What one forward pass leaves, layer by layer; every entry is (N, C_ℓ) or (N, C_ℓ, H, W).

    linear    what the linear map gives, z = Wx + b
    inputs    what the nonlinearity is given: BN(z) when the normaliser stands before it, else z
    outputs   what the layer hands on
    logits    (N, classes)
    """

    linear: list[Float[Tensor, "_ _ ..."]] = field(default_factory=list)
    inputs: list[Float[Tensor, "_ _ ..."]] = field(default_factory=list)
    outputs: list[Float[Tensor, "_ _ ..."]] = field(default_factory=list)
    logits: Float[Tensor, " ..."] = field(default_factory=lambda: torch.empty(0))


class Network(Moded, ABC):
    """A classifier, (N, …) → logits (N, classes); with `trace=True` the `Trace` of the pass.

    `stacks` says whether `torch.func.vmap` can be trusted with it, so that members can be stacked.
    """

    stacks: bool = True

    @abstractmethod
    def forward(
        self, x: Shaped[Tensor, " ..."], trace: bool = False
    ) -> Float[Tensor, "n classes"] | Trace: ...

    @abstractmethod
    def weight_names(self) -> list[str]:
        """Parameter names of the linear maps' weights, first layer first, the head last."""

    def layer_prefixes(self, weight: str) -> tuple[str, ...]:
        """How the names of all parameters begin that are of the layer of a weight."""
        return (weight.removesuffix("linear.weight"),)

    @abstractmethod
    def chains(self) -> Any:
        """The ways of the data, for `bnbook.fold`: in each, steps without a side branch."""


@runtime_checkable
class Spec(Protocol):
    """A frozen dataclass that says what to build. Its normaliser is a name of the registry."""

    @property
    def norm(self) -> str: ...

    @property
    def norm_options(self) -> tuple[tuple[str, Any], ...]: ...

    def build(self, input_shape: tuple[int, ...], classes: int, seed: int) -> Network:
        """A network with the weights of `seed`: the same in every arm that shares the shapes."""
