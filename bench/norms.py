"""Forward and backward passes of `batch` against torch's own BatchNorm, dense and convolutional."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.timing import Ratios, Times, interleaved, ratio
from bnbook import norms

SHAPES = (
    (64, 100),
    (256, 512),
    (1024, 1024),
    (64, 16, 8, 8),
    (64, 32, 16, 16),
    (128, 64, 32, 32),
)


def pass_through(norm: nn.Module, z: Tensor) -> Callable[[], object]:
    """One forward and backward pass of a normaliser over z, with gradients of z, γ and β."""
    z = z.clone().requires_grad_()
    gradient = torch.randn_like(z)

    def run() -> object:
        z.grad = None
        norm.zero_grad()
        return norm(z).backward(gradient)

    run()
    return run


def compare(repeats: int = 30) -> dict[str, Times]:
    """Seconds of one pass on inputs (N, C) and (N, C, H, W), ours and torch's."""
    times: dict[str, Times] = {}
    for shape in SHAPES:
        theirs = nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d
        z = torch.randn(shape)
        pair = {
            f"batch {shape}": pass_through(norms.make("batch", shape[1]), z),
            f"torch.nn.{theirs.__name__} {shape}": pass_through(theirs(shape[1]), z),
        }
        times |= interleaved(pair, repeats)
    return times


def ratios(times: dict[str, Times]) -> Ratios:
    """Ours over torch's for each shape."""
    names = list(times)
    return {
        f"{ours} / torch.nn": ratio(times[ours], times[theirs])
        for ours, theirs in zip(names[::2], names[1::2], strict=True)
    }
