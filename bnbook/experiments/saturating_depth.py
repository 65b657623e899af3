"""Saturating units, from 2 hidden layers to 20, each arm at its own learning rate."""

from __future__ import annotations

from bnbook import probes
from bnbook.nets import MLP
from bnbook.study import Experiment
from bnbook.train import SGD, Adam, Arm, Optimizer, Plan, Tuned, log_spaced

ACTIVATIONS = ("sigmoid", "tanh")
CORRECTED = "none, start and optimizer corrected"
SLOPES = {"sigmoid": 4.0, "tanh": 1.0}  # one over φ′(0), by which Glorot's weights are too small
CURES: dict[str, tuple[str, Optimizer, tuple[float, ...]]] = {
    "none": ("none", SGD(), (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)),
    "batch": ("batch", SGD(), (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)),
    CORRECTED: ("none", Adam(), (0.0003, 0.001, 0.003, 0.01, 0.03)),
}
"""A normaliser, an optimizer and the learning rates to choose from, by what is done for depth."""
BATCH_SIZE, WIDTH = 60, 50


def plan(scale: str) -> Plan:
    """Glorot's initial weights, which were made for saturating units; corrected, times 1/φ′(0)."""
    data, seeds, steps, looks, depths, tuning = {
        "smoke": ("mnist-5k", 2, 4, 3, (2, 20), (1, 2)),
        "book": ("mnist-5k", 8, 600, 5, (2, 5, 10, 20), (2, 200)),
        "paper": ("mnist", 10, 20_000, 16, (2, 5, 10, 20), (2, 20_000)),
    }[scale]
    tries, length = tuning
    return Plan(
        data=data,
        arms=tuple(
            Arm(
                {"activation": activation, "depth": depth, "cure": cure},
                MLP(
                    (WIDTH,) * depth,
                    activation,
                    norm,
                    init="glorot",
                    init_scale=SLOPES[activation] if cure == CORRECTED else 1.0,
                ),
                Tuned(rates, tuple(range(1000, 1000 + tries)), length),
                BATCH_SIZE,
                optimizer,
            )
            for activation in ACTIVATIONS
            for depth in depths
            for cure, (norm, optimizer, rates) in CURES.items()
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
