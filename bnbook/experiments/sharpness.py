"""Curvature of the loss while networks of three depths train, with BN and without."""

from __future__ import annotations

from bnbook import probes
from bnbook.experiments.loss_landscape import arms, natural, networks
from bnbook.study import NATURAL, SCALES, Experiment
from bnbook.train import Plan

PROBES = (
    "accuracy",
    "loss",
    "weight_norm",
    "sharpness",
    "hessian_trace",
    "spectral_density",
    "edge_of_stability",
    "directional_sharpness",
)


def plan(scale: str) -> Plan:
    """The networks of `loss-landscape`, looked at seldom: a look costs a hundred steps."""
    data, seeds, steps = {
        "smoke": ("mnist-5k", 2, (0, 5)),
        "book": ("mnist-5k", 8, (0, 20, 300)),
        "lab": (NATURAL, 8, (0, 100, 1_000)),
        "paper": ("mnist", 10, (0, 10, 30, 100, 300, 1_000, 3_000, 10_000)),
    }[scale]
    return Plan(
        data=data,
        arms=arms(nets=natural if scale == "lab" else networks),
        seeds=tuple(range(seeds)),
        steps=steps[-1],
        probes=tuple(probes.get(name)() for name in PROBES),
        probe_steps=steps,
    )


EXPERIMENT = Experiment(
    name="sharpness",
    question="Does batch normalization lower the curvature of the loss?",
    plan=plan,
    scales=SCALES,
)
