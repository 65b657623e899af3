"""What a probe sees, and what it declares about itself."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property, wraps
from typing import Any, ClassVar, Literal, TypeVar, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor
from torch.func import functional_call

from bnbook import norms
from bnbook.counter import uniform
from bnbook.data import Dealt
from bnbook.nets import Network, Trace
from bnbook.nets.members import gradients_of, over_members

Tensors = dict[str, Tensor]
Statistics = Literal["batch", "population", "precise"]
SPLITS = ("train", "test")
ACTIVATION_SITES = ("linear", "inputs", "outputs")
STATISTICS: tuple[Statistics, ...] = ("batch", "population", "precise")
EXAMPLES = 1000
"""Examples of each split that probes look at: enough for a percentile, few enough to be cheap."""


class ProbeError(ValueError):
    """A probe was asked for something the network does not have; the message says what exists."""


@dataclass(eq=False)
class Snapshot:
    """A population at one step, just before its next update.

    Everything a probe may read. Tensors have the member as dimension 0 and belong to the
    population: a probe changes none of them. What several probes need is computed once.
    """

    step: int
    net: Network
    params: Tensors
    buffers: Tensors
    batch: tuple[Float[Tensor, "member m ..."], Int64[Tensor, "member m"]]
    data: Dealt
    learning_rate: Float[Tensor, " _"]
    update: Callable[[Tensors, Tensors], Tensors]
    previous: Trace | None = None
    memo: dict[Any, Any] = field(default_factory=dict)

    def forget(self) -> None:
        """Let go of all that was computed but the activations, which the next look compares."""
        self.memo.clear()
        for name in ("gradients_and_losses", "next_params"):
            vars(self).pop(name, None)

    @property
    def members(self) -> int:
        return len(self.batch[1])

    @cached_property
    def weight_names(self) -> list[str]:
        """Names of the linear maps' weights, first layer first, the head last."""
        return self.net.weight_names()

    def examples(
        self, split: str, which: slice | None = None
    ) -> tuple[Float[Tensor, "member n ..."], Int64[Tensor, "member n"]]:
        """Examples of a split, x (member, N, …) in the network's dtype and y (member, N).

        Every member's are those of its own seed: the first `EXAMPLES`, or `which`.
        """
        if which is None:
            return _first_examples(self, split)
        x, y = getattr(self.data, split)[which]
        return x.to(next(iter(self.params.values())).dtype), y

    def whole_batches(self, x: Float[Tensor, "member n ..."]) -> Float[Tensor, "member kept ..."]:
        """x (member, N, …) without what the last full batch leaves over: ghosts must divide it.

        All of x where it does not fill one.
        """
        size, count = self.batch[1].shape[1], x.shape[1]
        return x[:, : count // size * size] if count >= size else x

    def loss(
        self,
        params: Tensors,
        buffers: Tensors,
        x: Float[Tensor, "m ..."],
        y: Int64[Tensor, " m"],
    ) -> Float[Tensor, ""]:
        """One member's mean cross-entropy as in training, updating nothing."""
        with norms.using(self.net, "batch"):
            return F.cross_entropy(functional_call(self.net, (params, buffers), (x,)), y)

    def gradient_at(self, params: Tensors) -> Tensors:
        """∇L of every member on the coming batch, at other parameters (member, …)."""
        grads, _ = gradients_of(self.net, self.loss)(params, self.buffers, *self.batch)
        return grads

    @cached_property
    def gradients_and_losses(self) -> tuple[Tensors, Float[Tensor, " member"]]:
        """∇L and L of every member on the coming batch, at the present parameters."""
        return gradients_of(self.net, self.loss)(self.params, self.buffers, *self.batch)

    @property
    def gradients(self) -> Tensors:
        """∇L of every member on the coming batch, at the present parameters."""
        return self.gradients_and_losses[0]

    @cached_property
    def next_params(self) -> Tensors:
        """The parameters after the coming update."""
        return self.update(self.params, self.gradients)

    @cached_property
    def activations(self) -> Trace:
        """The trace of held-out examples as one batch; every tensor is (member, N, C_ℓ).

        A channel of a convolutional layer is a unit with a value at each position. Of each
        example one position is taken, drawn at random once and for all, so that a unit has N
        independent values there too.
        """
        return self.traced("batch")

    def traced(self, mode: norms.Mode) -> Trace:
        """What `activations` holds, in another mode; a last batch that is not full is left out."""

        def traced(params: Tensors, buffers: Tensors, x: Tensor) -> dict[str, Any]:
            trace = vars(functional_call(self.net, (params, buffers), (x,), {"trace": True}))
            layers = {name: [one_position(h) for h in trace[name]] for name in ACTIVATION_SITES}
            return layers | {"logits": trace["logits"]}

        traced_of_all = over_members(self.net, traced, (0, 0, 0))
        x = self.whole_batches(self.examples("test")[0])
        with norms.using(self.net, mode), torch.no_grad():
            parts = traced_of_all(self.params, self.buffers, x)
        return Trace(**parts)

    @property
    def seen(self) -> Trace | None:
        """The activations, if a probe has looked at them."""
        return vars(self).get("activations")


def one_position(h: Float[Tensor, "n c *space"]) -> Float[Tensor, "n c"]:
    """(N, C, H, W) → (N, C), a position of each example; (N, C) stays."""
    if h.dim() == 2:
        return h
    flat = h.flatten(2)
    drawn = uniform(torch.tensor(0, device=h.device), (len(h), 1, 1), h)
    chosen = (drawn * flat.shape[2]).long()
    return flat.gather(2, chosen.expand(-1, h.shape[1], -1)).squeeze(2)


class Probe(ABC):
    """An instrument. `dims` follow the member's; `coords` labels those that need it."""

    name: ClassVar[str]
    unit: ClassVar[str]
    dims: ClassVar[tuple[str, ...]]
    source: ClassVar[str]

    @abstractmethod
    def __call__(self, s: Snapshot) -> Float[Tensor, "member ..."]:
        """The measurement, (member, *dims)."""


registry: dict[str, type[Probe]] = {}
P = TypeVar("P", bound=Probe)
Shared = TypeVar("Shared", bound=Callable[..., Any])


def probe(*, unit: str, dims: tuple[str, ...], source: str) -> Callable[[type[P]], type[P]]:
    """Class decorator: declare a probe and enter it under its class name in snake case."""

    def enter(kind: type[P]) -> type[P]:
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.__name__).lower()
        if name in registry:
            raise ProbeError(f"two probes are called {name!r}: {registry[name]} and {kind}")
        kind.name, kind.unit, kind.dims, kind.source = name, unit, dims, source
        registry[name] = kind
        return kind

    return enter


def once(compute: Shared) -> Shared:
    """Decorator for what several probes share: computed once for a snapshot and what is asked."""

    @wraps(compute)
    def remembered(s: Snapshot, *asked: Any) -> Any:
        key = (compute, *asked)
        if key not in s.memo:
            s.memo[key] = compute(s, *asked)
        return s.memo[key]

    return cast(Shared, remembered)


@once
def _first_examples(s: Snapshot, split: str) -> tuple[Tensor, Tensor]:
    """The examples that probes look at, put together once a look."""
    return s.examples(split, slice(EXAMPLES))


def coords(instrument: Probe, dims: Sequence[str]) -> dict[str, list[Any]]:
    """Labels of a probe's dimensions: a field with the dimension's name, or its plural."""
    labels: dict[str, list[Any]] = {"split": list(SPLITS), "statistics": list(STATISTICS)}
    for entry in fields(instrument):  # type: ignore[arg-type]
        value = getattr(instrument, entry.name)
        if isinstance(value, tuple):
            labels |= {name: list(value) for name in (entry.name, entry.name.removesuffix("s"))}
    return {dim: labels[dim] for dim in dims if dim in labels}
