"""Five activations, two optimizers, with and without BN, each arm at its own learning rate."""

from __future__ import annotations

from bnbook import probes
from bnbook.nets import MLP
from bnbook.study import Experiment
from bnbook.train import SGD, Adam, Arm, Optimizer, Plan, Tuned, log_spaced

ACTIVATIONS = ("relu", "leaky-relu", "sigmoid", "softplus", "tanh")  # those of the source
NORMS = ("none", "batch")
BATCH_SIZE = 64  # one of the source's four
OPTIMIZERS: dict[str, tuple[Optimizer, tuple[float, ...]]] = {
    "sgd": (SGD(), (0.03, 0.1, 0.3, 1.0, 3.0, 10.0)),
    "adam": (Adam(), (0.001, 0.003, 0.01, 0.03, 0.1, 0.3)),
}
"""Each with the learning rates among which an arm's is chosen, half a decade apart, from far
below what is customary to far above."""


def plan(scale: str) -> Plan:
    """Two hidden layers of 100, as in the source's code; its text says three."""
    data, seeds, steps, looks, tuning = {
        "smoke": ("mnist-5k", 3, 6, 3, (1, 2)),
        "book": ("mnist-5k", 10, 300, 8, (2, 200)),
        "paper": ("mnist", 10, 10_000, 16, (2, 10_000)),
    }[scale]
    tries, length = tuning
    return Plan(
        data=data,
        arms=tuple(
            Arm(
                {"activation": activation, "optimizer": name, "norm": norm},
                MLP((100, 100), activation, norm),
                Tuned(rates, tuple(range(1000, 1000 + tries)), length),
                BATCH_SIZE,
                optimizer,
            )
            for activation in ACTIVATIONS
            for name, (optimizer, rates) in OPTIMIZERS.items()
            for norm in NORMS
        ),
        seeds=tuple(range(seeds)),
        steps=steps,
        probes=(probes.get("accuracy")(),),
        probe_steps=log_spaced(steps, looks),
    )


EXPERIMENT = Experiment(
    name="activations",
    question="What decides how well a network learns: its activation, its optimizer, or BN?",
    plan=plan,
)
