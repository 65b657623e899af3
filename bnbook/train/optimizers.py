"""Optimizers for stacked parameters, each step equal to torch.optim's on every member alone."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.train.errors import PlanError

Tensors = dict[str, Tensor]
"""Parameters or gradients by name; dimension 0 of each is the member."""
Rates = Float[Tensor, " member"]
"""A learning rate for each member."""


@runtime_checkable
class Optimizer(Protocol):
    """One update rule; the learning rate (member,) may differ from member to member."""

    def init(self, params: Tensors) -> dict[str, Tensors]:
        """What the rule remembers between steps, before the first one."""

    def step(
        self, params: Tensors, grads: Tensors, state: dict[str, Tensors], learning_rate: Rates
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
        self, params: Tensors, grads: Tensors, state: dict[str, Tensors], learning_rate: Rates
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
        self, params: Tensors, grads: Tensors, state: dict[str, Tensors], learning_rate: Rates
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
            update = torch.div(mean, denominator, out=denominator)  # no more memory than needed
            p.addcmul_(update, rate, value=-1)


@dataclass(frozen=True)
class AdamW:
    """Adam whose weight decay is no part of the gradient: θ ← (1 − η·weight_decay)·θ, then Adam.

    As `torch.optim.AdamW`. Source: loshchilov2019decoupled.
    """

    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 1e-2

    @property
    def _adam(self) -> Adam:
        return Adam(self.betas, self.eps)

    def init(self, params: Tensors) -> dict[str, Tensors]:
        return self._adam.init(params)

    @torch.no_grad()
    def step(
        self, params: Tensors, grads: Tensors, state: dict[str, Tensors], learning_rate: Rates
    ) -> None:
        for p in params.values():
            p.mul_(1 - self.weight_decay * per_member(learning_rate, p))
        self._adam.step(params, grads, state, learning_rate)


@dataclass(frozen=True)
class Clipping(ABC):
    """A rule whose gradients are made shorter before each step."""

    rule: Optimizer

    def init(self, params: Tensors) -> dict[str, Tensors]:
        return self.rule.init(params)

    @torch.no_grad()
    def step(
        self, params: Tensors, grads: Tensors, state: dict[str, Tensors], learning_rate: Rates
    ) -> None:
        self.clip(params, grads)
        self.rule.step(params, grads, state, learning_rate)

    @abstractmethod
    def clip(self, params: Tensors, grads: Tensors) -> None:
        """Shorten grads in place."""


@dataclass(frozen=True)
class Clipped(Clipping):
    """A rule whose gradient, of all of a member's parameters together, is at most `norm` long.

    g ← g·min(1, norm/(‖g‖ + 10⁻⁶)), as `torch.nn.utils.clip_grad_norm_`.
    Source: pascanu2013difficulty.
    """

    norm: float = 1.0

    def __post_init__(self) -> None:
        _positive("norm", self.norm)

    def clip(self, params: Tensors, grads: Tensors) -> None:
        squares = [g.flatten(1).square().sum(1) for g in grads.values()]
        length = torch.stack(squares).sum(0).sqrt()
        factor = (self.norm / (length + 1e-6)).clamp(max=1)
        for g in grads.values():
            g.mul_(per_member(factor, g))


@dataclass(frozen=True)
class AdaptivelyClipped(Clipping):
    """A rule whose gradient of each filter is at most `ratio` times as long as the filter.

    G_o ← G_o·min(1, ratio·max(‖W_o‖, 10⁻³)/‖G_o‖) for every row or filter o of a weight with two
    dimensions or more, the head excepted; what has fewer is not clipped. Source: brock2021high.
    """

    ratio: float = 0.01

    def __post_init__(self) -> None:
        _positive("ratio", self.ratio)

    def clip(self, params: Tensors, grads: Tensors) -> None:
        for name, p in params.items():
            if p.dim() < 3 or name.startswith("head"):
                continue
            longest = self.ratio * filter_lengths(p).clamp(min=1e-3)
            factor = (longest / filter_lengths(grads[name]).clamp(min=1e-12)).clamp(max=1)
            grads[name].mul_(_per_filter(factor, p))


@dataclass(frozen=True)
class FixedLength:
    """A rule after each of whose steps every filter is put back to the length it had at first.

    Filters are the rows of the hidden layers' weights, those whose names end in `weights`; head,
    biases, γ and β are free. Where a filter's length does not matter to the function, before BN,
    this holds its effective learning rate η/‖w‖² where it was; elsewhere it leaves nothing to
    learn but directions. A filter of zeros stays one. Source: wan2021spherical.
    """

    rule: Optimizer
    weights: str = "linear.weight"

    def init(self, params: Tensors) -> dict[str, Tensors]:
        held = {n: filter_lengths(p).clone() for n, p in params.items() if n.endswith(self.weights)}
        return {**self.rule.init(params), "length": held}

    @torch.no_grad()
    def step(
        self, params: Tensors, grads: Tensors, state: dict[str, Tensors], learning_rate: Rates
    ) -> None:
        self.rule.step(params, grads, state, learning_rate)
        for name, length in state["length"].items():
            p = params[name]
            p.mul_(_per_filter(length / filter_lengths(p).clamp(min=1e-30), p))


def filter_lengths(p: Float[Tensor, "member out *fan_in"]) -> Float[Tensor, "member out"]:
    """‖w_o‖ (member, out) of the filters of a stacked weight (member, out, in, …).

    >>> filter_lengths(torch.tensor([[[3.0, 4.0], [0.0, 2.0]]]))
    tensor([[5., 2.]])
    """
    return p.flatten(2).norm(dim=2)


def _per_filter(values: Tensor, p: Tensor) -> Tensor:
    """`values` (member, out) shaped to broadcast along the first two dimensions of p."""
    return values.view(*values.shape, *[1] * (p.dim() - 2))


def _positive(name: str, value: float) -> None:
    if not 0 < value < math.inf:
        raise PlanError(f"{name} is {value}; it must be positive and finite")


def per_member(
    values: Float[Tensor, " member"], p: Float[Tensor, "member ..."]
) -> Float[Tensor, " member *ones"]:
    """`values` (member,) shaped to broadcast along the first dimension of p."""
    return values.to(p.dtype).view(-1, *[1] * (p.dim() - 1))
