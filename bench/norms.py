"""Time of forward and backward passes of `batch` against torch's own: `python -m bench.norms`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

import torch
from torch import Tensor, nn

from bnbook import norms

SHAPES = {
    "dense": [(64, 100), (256, 512), (1024, 1024)],
    "conv": [(64, 16, 8, 8), (64, 32, 16, 16), (128, 64, 32, 32)],
}


@dataclass(frozen=True)
class Times:
    """Seconds of one call: the least and the median of the repeats."""

    least: float
    median: float


def interleaved(subjects: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, Times]:
    """Time every subject in turn, `repeats` times over, so that all meet the same disturbances.

    A repeat holds as many calls as fill about 5 ms. Each subject is called once before.
    """
    calls = {name: max(1, round(5e-3 / _seconds(run, 1))) for name, run in subjects.items()}
    seen: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(repeats):
        for name, run in subjects.items():
            seen[name].append(_seconds(run, calls[name]))
    return {name: Times(min(times), median(times)) for name, times in seen.items()}


def _seconds(run: Callable[[], object], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - start) / calls


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


def compare(shape: tuple[int, ...], repeats: int = 30) -> dict[str, Times]:
    """`batch` and torch's BatchNorm on inputs of one shape (N, C) or (N, C, H, W)."""
    theirs = nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d
    z = torch.randn(shape)
    return interleaved(
        {
            "bnbook": pass_through(norms.make("batch", shape[1]), z),
            "torch": pass_through(theirs(shape[1]), z),
        },
        repeats,
    )


def main() -> None:
    """Print a table: shape, microseconds (least and median) of each, and their ratios."""
    print(f"{'':6}{'shape':>20}{'bnbook μs':>16}{'torch μs':>16}{'ratio':>14}")
    for kind, shapes in SHAPES.items():
        for shape in shapes:
            ours, torchs = compare(shape).values()
            cells = [f"{t.least * 1e6:,.0f} {t.median * 1e6:,.0f}" for t in (ours, torchs)]
            ratio = f"{ours.least / torchs.least:.2f} {ours.median / torchs.median:.2f}"
            print(f"{kind:6}{shape!s:>20}{cells[0]:>16}{cells[1]:>16}{ratio:>14}")


if __name__ == "__main__":
    main()
