"""Dropout whose random numbers come from a key and a count, so that it stacks."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from bnbook.counter import hashed, uniform
from bnbook.nets.base import NetError
from bnbook.norms import Moded
from bnbook.text import unknown

PER = {"value": -1, "channel": 2, "example": 1, "batch": 0}
"""What is dropped as one, and how many dimensions it has an index for (all, where -1)."""


class Dropout(Moded):
    """h·b/(1 − p) with b = 0 at rate p and 1 otherwise, drawn anew for each value of h (N, …).

    `per` says what is dropped as one: a "value", a "channel" of an example (dimension 1), all of
    an "example", as where whole residual branches are left out, or all of the "batch". The
    division keeps the mean: E[out] = h, and Var[out] = h²·p/(1 − p). In train mode each pass
    has a mask of its own; batch mode shows that of the coming training pass and moves nothing on,
    so that a probe sees the network as it will train. In population mode, and while precise
    statistics are collected, values pass unchanged. The mask is a function of `noise_key`, a
    buffer drawn from the network's seed, and of `draws`, the training passes so far: alone and
    stacked, on every device and after an interruption it is the same. A rate outside [0, 1) is a
    `NetError`. Source: srivastava2014dropout.
    """

    noise_key: Tensor
    draws: Tensor

    def __init__(self, rate: float, per: str = "value") -> None:
        super().__init__()
        self.rate = check_rate(rate)
        if per not in PER:
            raise NetError(unknown("unit of dropout", per, PER))
        self.per = per
        self.register_buffer("noise_key", torch.tensor(0))
        self.register_buffer("draws", torch.tensor(0))

    def seed_noise(self, generator: torch.Generator) -> None:
        """Draw the key of this layer's masks."""
        self.noise_key.copy_(torch.randint(2**31, (), generator=generator))

    def forward(self, h: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        if self.mode in ("population", "collect"):
            return h
        key = hashed(self.noise_key + hashed(self.draws))
        if self.mode == "train":
            self.draws.add_(1)
        together = h.dim() if self.per == "value" else PER[self.per]
        shape = [*h.shape[:together], *[1] * (h.dim() - together)]
        kept = uniform(key, shape, h) > self.rate
        return h * (kept / (1 - self.rate)).to(h.dtype)

    def extra_repr(self) -> str:
        return f"rate={self.rate}, per={self.per}"


def check_rate(rate: float) -> float:
    """`rate` if it is one at which values can be dropped, 0 ≤ rate < 1; else a `NetError`."""
    if not 0 <= rate < 1:
        raise NetError(
            f"dropout is {rate}; it is the share of values set to 0, at least 0 and below 1 "
            "(at 1 nothing would be left)"
        )
    return rate
