"""Each digit against the rest: the oldest experiment, seen class by class."""

from __future__ import annotations

from bnbook import probes
from bnbook.factors import crossed
from bnbook.nets import MLP
from bnbook.study import Experiment
from bnbook.train import Arm, Plan, Tuned, log_spaced

PROBES = ("class_auc", "roc_curve", "recall")
RATES = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)  # those of first-race
BATCH_SIZE = 60  # as in the source


def plan(scale: str) -> Plan:
    """3 × 100 sigmoid units from Glorot's weights, each arm at the learning rate it likes best."""
    data, seeds, steps, looks, tuning = {
        "smoke": ("mnist-5k", 2, 20, 2, (1, 5)),
        "book": ("mnist-5k", 8, 1_000, 4, (2, 300)),
        "paper": ("mnist", 10, 50_000, 8, (2, 10_000)),
    }[scale]
    tries, length = tuning
    rate = Tuned(RATES, tuple(range(1000, 1000 + tries)), length)
    arms = [
        Arm(arm, MLP((100, 100, 100), "sigmoid", arm["norm"], init="glorot"), rate, BATCH_SIZE)
        for arm in crossed(norm=("none", "batch"))
    ]
    return Plan(
        data=data,
        arms=tuple(arms),
        seeds=tuple(range(seeds)),
        steps=steps,
        probes=tuple(probes.get(name)() for name in PROBES),
        probe_steps=log_spaced(steps, looks),
    )


EXPERIMENT = Experiment(
    name="digit-roc",
    question="Does batch normalization help to tell every single digit from the rest?",
    plan=plan,
)
