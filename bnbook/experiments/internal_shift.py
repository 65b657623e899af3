"""Ioffe and Szegedy's MNIST network, watched layer by layer, with three normalisers."""

from __future__ import annotations

from bnbook import probes
from bnbook.nets import MLP
from bnbook.study import Experiment
from bnbook.train import Arm, Plan, log_spaced

ARMS = ("none", "batch", "noisy-batch")
PROBES = (
    "accuracy",
    "loss",
    "activation_percentiles",
    "wasserstein_drift",
    "mean_drift",
    "gradient_norm",
    "weight_norm",
    "gradient_shift",
    "gradient_difference",
    "gradient_cosine",
    "coupling",
)
LEARNING_RATE = 0.5  # the same in every arm; the source does not state its own
BATCH_SIZE = 60  # as in the source


def plan(scale: str) -> Plan:
    """3 × 100 sigmoid units; the source took 50,000 steps."""
    data, seeds, steps, looks = {
        "smoke": ("mnist-5k", 2, 20, 4),
        "book": ("mnist-5k", 8, 3_000, 22),
        "paper": ("mnist", 10, 50_000, 40),
    }[scale]
    return Plan(
        data=data,
        arms=tuple(
            Arm({"norm": name}, MLP((100, 100, 100), "sigmoid", name), LEARNING_RATE, BATCH_SIZE)
            for name in ARMS
        ),
        seeds=tuple(range(seeds)),
        steps=steps,
        probes=tuple(probes.get(name)() for name in PROBES),
        probe_steps=log_spaced(steps, looks),
    )


EXPERIMENT = Experiment(
    name="internal-shift",
    question="Does batch normalization keep the distributions inside a network still?",
    plan=plan,
)
