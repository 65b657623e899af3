"""Learning rates and initial weights, from far too small to far too large, with and without BN."""

from __future__ import annotations

from bnbook import probes
from bnbook.nets import MLP
from bnbook.study import Experiment
from bnbook.train import Arm, Plan

ACTIVATIONS = ("sigmoid", "relu")
NORMS = ("none", "batch")
LEARNING_RATES = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0)
INIT_SCALES = (0.1, 0.3, 1.0, 3.0, 10.0)  # times He's, in every layer
BATCH_SIZE = 60


def plan(scale: str) -> Plan:
    """Two hidden layers of 100, short runs: what cannot start in them does not train."""
    data, seeds, steps, rates, sizes = {
        "smoke": ("mnist-5k", 2, 4, LEARNING_RATES[::3], INIT_SCALES[2::2]),
        "book": ("mnist-5k", 8, 100, LEARNING_RATES, INIT_SCALES),
        "paper": ("mnist", 10, 5_000, LEARNING_RATES, INIT_SCALES),
    }[scale]
    return Plan(
        data=data,
        arms=tuple(
            Arm(
                {"activation": activation, "rate": rate, "init_scale": size, "norm": norm},
                MLP((100, 100), activation, norm, init_scale=size),
                rate,
                BATCH_SIZE,
            )
            for activation in ACTIVATIONS
            for rate in rates
            for size in sizes
            for norm in NORMS
        ),
        seeds=tuple(range(seeds)),
        steps=steps,
        probes=(probes.get("accuracy")(),),
        probe_steps=(steps,),
    )


EXPERIMENT = Experiment(
    name="robustness",
    question="Which learning rates and initial weights does a network bear, with BN and without?",
    plan=plan,
)
