"""A network that takes a fixed batch of reference examples along on every pass."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook import norms
from bnbook.nets.base import NetError, Network, Spec, Trace


class ReferencedNet(Network):
    """A network whose passes take `reference` (R, …), a buffer, along in front of x (N, …).

    In training and batch mode the normalisers of `inner` see R + N examples, of which the first R
    give the statistics; logits and traces are those of x. In population and collect mode the
    reference stays at home. It holds zeros until it is filled.
    """

    reference: Tensor

    def __init__(self, inner: Network, reference: Tensor) -> None:
        super().__init__()
        self.inner = inner
        self.register_buffer("reference", reference)

    def forward(
        self, x: Float[Tensor, "n ..."], trace: bool = False
    ) -> Float[Tensor, "n classes"] | Trace:
        if not self._taken_along():
            return self.inner(x, trace)
        size = len(self.reference)
        seen = self.inner(torch.cat([self.reference.to(x.dtype), x]), True)
        own = {
            name: [h[size:] for h in vars(seen)[name]] for name in ("linear", "inputs", "outputs")
        }
        found = Trace(**own, logits=seen.logits[size:])
        return found if trace else found.logits

    def _taken_along(self) -> bool:
        modes = {m.mode for m in self.inner.modules() if isinstance(m, norms.Norm)}
        return not modes <= {"population", "collect"}

    def weight_names(self) -> list[str]:
        return [f"inner.{name}" for name in self.inner.weight_names()]

    def chains(self) -> list[list[Any]]:
        return self.inner.chains()


@dataclass(frozen=True)
class WithReference:
    """`WithReference(MLP((64, 64), norm="reference"), size=512)`: see `ReferencedNet`.

    net    a network whose normaliser is "reference", which is told the size here
    size   reference examples, filled in before training by `bnbook.train.TakeReference`

    Source: salimans2016improved.
    """

    net: Spec
    size: int

    def __post_init__(self) -> None:
        if self.net.norm != "reference":
            raise NetError(
                f"the normaliser is {self.net.norm!r}; only 'reference' looks at what goes along"
            )
        if self.size < 2:
            raise NetError(f"size is {self.size}; statistics need two reference examples or more")

    @property
    def norm(self) -> str:
        return self.net.norm

    @property
    def norm_options(self) -> tuple[tuple[str, Any], ...]:
        return self.net.norm_options

    def build(self, input_shape: tuple[int, ...], classes: int, seed: int) -> ReferencedNet:
        """The network of `seed`; its weights are those it has without a reference."""
        options = (*self.net.norm_options, ("reference_size", self.size))
        informed: Any = replace(self.net, norm_options=options)  # type: ignore[type-var]
        inner = informed.build(input_shape, classes, seed)
        return ReferencedNet(inner, torch.zeros(self.size, *input_shape))
