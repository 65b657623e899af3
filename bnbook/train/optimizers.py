"""Optimizers for stacked parameters, each step equal to torch.optim's on every member alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

Tensors = dict[str, Tensor]
"""Parameters or gradients by name; dimension 0 of each is the member."""


@runtime_checkable
class Optimizer(Protocol):
    """One update rule; the learning rate (member,) may differ from member to member."""

    def init(self, params: Tensors) -> dict[str, Tensors]:
        """What the rule remembers between steps, before the first one."""

    def step(
        self, params: Tensors, grads: Tensors, state: dict[str, Tensors], learning_rate: Tensor
    ) -> None:
        """Update params and state in place; grads may be overwritten."""


@dataclass(frozen=True)
class SGD:
    """θ ← θ − η·v with v ← momentum·v + g + weight_decay·θ, as `torch.optim.SGD`."""

    momentum: float = 0.0
    weight_decay: float = 0.0

    def init(self, params: Tensors) -> dict[str, Tensors]:
        if not self.momentum:
            return {}
        return {"velocity": {name: torch.zeros_like(p) for name, p in params.items()}}

    @torch.no_grad()
    def step(
        self, params: Tensors, grads: Tensors, state: dict[str, Tensors], learning_rate: Tensor
    ) -> None:
        for name, p in params.items():
            update = grads[name]
            if self.weight_decay:
                update = update.add_(p, alpha=self.weight_decay)
            if self.momentum:
                update = state["velocity"][name].mul_(self.momentum).add_(update)
            p.addcmul_(update, per_member(learning_rate, p), value=-1)


@dataclass(frozen=True)
class Adam:
    """Adam with bias correction, weight decay added to the gradient, as `torch.optim.Adam`.

    Source: kingma2015adam.
    """

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 0.0

    def init(self, params: Tensors) -> dict[str, Tensors]:
        zeros = {name: torch.zeros_like(p) for name, p in params.items()}
        squares = {name: torch.zeros_like(p) for name, p in params.items()}
        return {"mean": zeros, "square": squares, "count": {"steps": torch.zeros(())}}

    @torch.no_grad()
    def step(
        self, params: Tensors, grads: Tensors, state: dict[str, Tensors], learning_rate: Tensor
    ) -> None:
        state["count"]["steps"] += 1
        steps = float(state["count"]["steps"])
        beta1, beta2 = self.betas
        for name, p in params.items():
            g = grads[name]
            if self.weight_decay:
                g = g.add_(p, alpha=self.weight_decay)
            mean = state["mean"][name].mul_(beta1).add_(g, alpha=1 - beta1)
            square = state["square"][name].mul_(beta2).addcmul_(g, g, value=1 - beta2)
            denominator = (square / (1 - beta2**steps)).sqrt_().add_(self.eps)
            rate = per_member(learning_rate, p) / (1 - beta1**steps)
            p.sub_(rate * mean / denominator)


def per_member(values: Tensor, p: Tensor) -> Tensor:
    """`values` (member,) shaped to broadcast along the first dimension of p."""
    return values.to(p.dtype).view(-1, *[1] * (p.dim() - 1))
