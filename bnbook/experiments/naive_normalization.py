"""Normalizing outside the gradient step: the source's example, one bias and one mean."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import xarray as xr
from torch import Tensor

from bnbook.factors import crossed
from bnbook.laws import naive_normalization
from bnbook.study import Experiment, Measurement

WHERE = ("outside the gradient", "inside the gradient")


@dataclass(frozen=True)
class Naive:
    """x = u + b is centred and compared with targets of mean 1, in float64.

    A step that takes the mean of x for a constant therefore adds about η to b each time.
    """

    examples: int = 8
    iterations: int = 200
    learning_rate: float = 0.1

    def batch(self, seed: int) -> tuple[Tensor, Tensor]:
        """Inputs u and targets t of a seed, (n,) each."""
        generator = torch.Generator().manual_seed(seed)
        u, noise = torch.randn(2, self.examples, generator=generator, dtype=torch.float64)
        return u, 1 + 0.5 * noise


def measure(settings: Naive, seed: int) -> xr.Dataset:
    """The bias and the loss at each iteration, and how far they are from the closed form.

    loss_change   |L_k − L_0|/L_0, largest over the iterations
    line_gap      |b_k − k·η·mean(t)|/|b_K|, largest over the iterations; of the arm inside,
                  whose bias has no reason to move, max |b_k|
    """
    u, t = settings.batch(seed)
    parts = []
    for arm in WHERE:
        inside = arm == "inside the gradient"
        steps, rate = settings.iterations, settings.learning_rate
        run = naive_normalization(u, t, steps=steps, learning_rate=rate, through_mean=inside)
        line = torch.arange(steps + 1, dtype=u.dtype) * rate * t.mean()
        gap = run.bias if inside else (run.bias - line) / run.bias[-1]
        change = (run.loss - run.loss[0]) / run.loss[0]
        parts.append(
            xr.Dataset(
                {
                    "bias": ("iteration", run.bias, {"units": "1"}),
                    "loss": ("iteration", run.loss, {"units": "1"}),
                    "loss_change": ((), change.abs().max().item(), {"units": "1"}),
                    "line_gap": ((), gap.abs().max().item(), {"units": "1"}),
                },
                {"iteration": range(steps + 1)},
            )
        )
    return xr.concat(parts, "arm").assign_coords(arm=list(WHERE))


def plan(scale: str) -> Measurement:
    """The same at every scale, but for the seeds."""
    seeds = {"smoke": 5, "book": 10, "paper": 50}[scale]
    return Measurement(
        crossed(where=WHERE), tuple(range(seeds)), measure, Naive(), seeds_per_task=50
    )


EXPERIMENT = Experiment(
    name="naive-normalization",
    question="What becomes of a bias if the gradient step takes the mean for a constant?",
    plan=plan,
)
