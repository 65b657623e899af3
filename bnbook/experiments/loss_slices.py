"""Planes through the loss of networks of two depths, with BN and without, while they train."""

from __future__ import annotations

from bnbook import probes
from bnbook.experiments.loss_landscape import arms
from bnbook.probes.slices import LossSlice
from bnbook.study import Experiment
from bnbook.train import Plan

DEPTHS = ("4 layers", "12 layers")


def plan(scale: str) -> Plan:
    """Those of `loss-landscape` that are deep enough to have a shape."""
    data, seeds, steps, places = {
        "smoke": ("mnist-5k", 2, (0, 5), 3),
        "book": ("mnist-5k", 5, (0, 3, 30, 100, 300), 9),
        "paper": ("mnist", 10, (0, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000), 25),
    }[scale]
    grid = tuple(round(-1 + 2 * k / (places - 1), 3) for k in range(places))
    return Plan(
        data=data,
        arms=tuple(arm for arm in arms() if arm.factors["network"] in DEPTHS),
        seeds=tuple(range(seeds)),
        steps=steps[-1],
        probes=(LossSlice(grid, grid), probes.get("accuracy")()),
        probe_steps=steps,
    )


EXPERIMENT = Experiment(
    name="loss-slices",
    question="What does the loss look like around the weights, along two random directions?",
    plan=plan,
)
