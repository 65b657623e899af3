"""Saturating units, from 2 hidden layers to 20, each arm at its own learning rate."""

from __future__ import annotations

from bnbook import probes
from bnbook.nets import MLP
from bnbook.study import Experiment
from bnbook.train import Arm, Plan, Tuned, log_spaced

ACTIVATIONS = ("sigmoid", "tanh")
NORMS = ("none", "batch")
LEARNING_RATES = (0.01, 0.03, 0.1, 0.3, 1.0)
BATCH_SIZE, WIDTH = 60, 50


def plan(scale: str) -> Plan:
    """Glorot's initial weights, which were made for saturating units."""
    data, seeds, steps, looks, depths, tuning = {
        "smoke": ("mnist-5k", 2, 4, 3, (2, 20), (1, 2)),
        "book": ("mnist-5k", 5, 200, 5, (2, 5, 10, 20), (1, 200)),
        "paper": ("mnist", 10, 20_000, 16, (2, 5, 10, 20), (2, 20_000)),
    }[scale]
    tries, length = tuning
    return Plan(
        data=data,
        arms=tuple(
            Arm(
                {"activation": activation, "depth": depth, "norm": norm},
                MLP((WIDTH,) * depth, activation, norm, init="glorot"),
                Tuned(LEARNING_RATES, tuple(range(1000, 1000 + tries)), length),
                BATCH_SIZE,
            )
            for activation in ACTIVATIONS
            for depth in depths
            for norm in NORMS
        ),
        seeds=tuple(range(seeds)),
        steps=steps,
        probes=(probes.get("accuracy")(),),
        probe_steps=log_spaced(steps, looks),
    )


EXPERIMENT = Experiment(
    name="saturating-depth",
    question="How deep can a network of saturating units be and still learn?",
    plan=plan,
)
