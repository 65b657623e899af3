"""How smooth the loss is along the gradient, in networks of three depths, with BN and without."""

from __future__ import annotations

from bnbook import probes
from bnbook.experiments.base import Experiment
from bnbook.nets import MLP
from bnbook.train import Arm, Plan, log_spaced

NORMS = ("none", "batch")
DEPTHS = {"1 layer": 1, "4 layers": 4, "12 layers": 12}
WIDTH = 64
LEARNING_RATE = 0.1  # the same in every arm: what is measured within a step's reach depends on it
BATCH_SIZE = 64
PROBES = (
    "accuracy",
    "loss",
    "gradient_norm",
    "loss_variation",
    "gradient_change",
    "gradient_sum",
    "effective_smoothness",
    "relative_loss",
    "directional_sharpness",
)


def arms(learning_rate: float = LEARNING_RATE) -> tuple[Arm, ...]:
    """Dense ReLU networks of each depth, without a normaliser and with BN: "4 layers+batch"."""
    return tuple(
        Arm(f"{depth}+{norm}", MLP((WIDTH,) * layers, "relu", norm), learning_rate, BATCH_SIZE)
        for depth, layers in DEPTHS.items()
        for norm in NORMS
    )


def plan(scale: str) -> Plan:
    """The same networks at every scale, trained for longer at larger ones."""
    data, seeds, steps, looks = {
        "smoke": ("mnist-5k", 2, 20, 4),
        "book": ("mnist-5k", 10, 1_000, 12),
        "paper": ("mnist", 10, 20_000, 32),
    }[scale]
    return Plan(
        data=data,
        arms=arms(),
        seeds=tuple(range(seeds)),
        steps=steps,
        probes=tuple(probes.get(name)() for name in PROBES),
        probe_steps=log_spaced(steps, looks),
    )


EXPERIMENT = Experiment(
    name="loss-landscape",
    question="Does batch normalization make the loss smoother along the gradient?",
    plan=plan,
)
