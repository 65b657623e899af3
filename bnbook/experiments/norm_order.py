"""Batch normalization before or after the nonlinearity, each at the learning rate it likes best."""

from __future__ import annotations

from bnbook import probes
from bnbook.nets import MLP, ORDERS
from bnbook.study import Experiment
from bnbook.train import Arm, Plan, log_spaced

ACTIVATIONS = ("sigmoid", "tanh", "relu")
LEARNING_RATES = (0.1, 0.3, 1.0)
BATCH_SIZE = 60


def plan(scale: str) -> Plan:
    """3 × 100 units, three activations, two orders, three learning rates."""
    data, seeds, steps, looks = {
        "smoke": ("mnist-5k", 2, 20, 3),
        "book": ("mnist-5k", 8, 200, 7),
        "paper": ("mnist", 10, 10_000, 24),
    }[scale]
    arms = [
        Arm(
            {"activation": activation, "order": order, "rate": rate},
            MLP((100, 100, 100), activation, "batch", order=order),
            rate,
            BATCH_SIZE,
        )
        for activation in ACTIVATIONS
        for order in ORDERS
        for rate in LEARNING_RATES
    ]
    return Plan(
        data=data,
        arms=tuple(arms),
        seeds=tuple(range(seeds)),
        steps=steps,
        probes=(probes.get("accuracy")(),),
        probe_steps=log_spaced(steps, looks),
    )


EXPERIMENT = Experiment(
    name="norm-order",
    question="Should batch normalization stand before or after the nonlinearity?",
    plan=plan,
)
