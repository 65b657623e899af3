"""The shape of the distributions inside a network, with and without batch normalization."""

from __future__ import annotations

from bnbook import probes
from bnbook.factors import crossed
from bnbook.nets import MLP
from bnbook.study import Experiment
from bnbook.train import Arm, Plan, log_spaced

ACTIVATIONS = ("sigmoid", "tanh", "relu")
LEARNING_RATE = 0.1  # the same in every arm
BATCH_SIZE = 60  # the source's


def plan(scale: str) -> Plan:
    """The source's network, 3 × 100 units, with three activations."""
    data, seeds, steps, looks = {
        "smoke": ("mnist-5k", 2, 30, 4),
        "book": ("mnist-5k", 8, 600, 8),
        "paper": ("mnist", 10, 50_000, 30),
    }[scale]
    arms = [
        Arm(
            arm,
            MLP((100, 100, 100), arm["activation"], arm["norm"]),
            LEARNING_RATE,
            BATCH_SIZE,
        )
        for arm in crossed(activation=ACTIVATIONS, norm=("none", "batch"))
    ]
    return Plan(
        data=data,
        arms=tuple(arms),
        seeds=tuple(range(seeds)),
        steps=steps,
        probes=tuple(probes.get(name)() for name in ("accuracy", "non_gaussianity")),
        probe_steps=log_spaced(steps, looks),
    )


EXPERIMENT = Experiment(
    name="gaussian-units",
    question="Does batch normalization make the activations inside a network Gaussian?",
    plan=plan,
)
