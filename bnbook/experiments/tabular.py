"""A table of numbers instead of pictures: seven classes of unequal size, one of them very rare."""

from __future__ import annotations

from bnbook import probes
from bnbook.factors import crossed
from bnbook.nets import MLP
from bnbook.study import Experiment
from bnbook.train import Arm, Plan, Tuned, log_spaced

PROBES = ("accuracy", "class_auc", "roc_curve", "recall")
ACTIVATIONS = ("sigmoid", "relu")
RATES = (0.05, 0.2, 0.8, 3.2, 12.8)
BATCH_SIZE = 60  # the source's for MNIST; it does not state another for its table


def plan(scale: str) -> Plan:
    """3 × 100 units, each arm at the learning rate it likes best; one epoch is 667 steps.

    The paper scale has the source's table, the others one made in its likeness.
    """
    data, seeds, steps, looks, tried = {
        "smoke": ("bayes-net", 2, 20, 3, 5),
        "book": ("bayes-net", 10, 1_500, 5, 300),
        "paper": ("glass-bng", 10, 20_000, 12, 4_000),
    }[scale]
    rate = Tuned(RATES, seeds=(100, 101), steps=tried)
    arms = [
        Arm(arm, MLP((100, 100, 100), arm["activation"], arm["norm"]), rate, BATCH_SIZE)
        for arm in crossed(activation=ACTIVATIONS, norm=("none", "batch"))
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
    name="tabular",
    question="Does batch normalization help on a table, and on each of its classes?",
    plan=plan,
)
