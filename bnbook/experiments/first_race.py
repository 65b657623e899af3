"""The first race of BN against none: at one rate or each at its own, from two initial weights."""

from __future__ import annotations

from bnbook.factors import crossed
from bnbook.nets import MLP
from bnbook.probes.accuracy import Accuracy
from bnbook.study import NATURAL, SCALES, Experiment
from bnbook.train import Arm, Plan, Tuned, log_spaced

NORMS = ("none", "batch")
INITS = ("glorot", "he")  # the first was made for saturating units; the sources do not state theirs
SHARED = 0.5  # the same in both arms, and that of internal-shift
RATES = (0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
BATCH_SIZE = 60  # as in the source


def plan(scale: str) -> Plan:
    """3 × 100 sigmoid units; the source took 50,000 steps."""
    data, seeds, steps, looks, tuning = {
        "smoke": ("mnist-5k", 2, 20, 5, (1, 5)),
        "book": ("mnist-5k", 8, 1_000, 16, (2, 300)),
        "lab": (NATURAL, 8, 3_000, 16, (2, 1_000)),
        "paper": ("mnist", 10, 50_000, 40, (2, 10_000)),
    }[scale]
    tries, length = tuning
    rates: dict[str, float | Tuned] = {
        "shared": SHARED,
        "tuned": Tuned(RATES, tuple(range(1000, 1000 + tries)), length),
    }
    return Plan(
        data=data,
        arms=tuple(
            Arm(
                arm,
                MLP((100, 100, 100), "sigmoid", arm["norm"], init=arm["init"]),
                rates[arm["choice"]],
                BATCH_SIZE,
            )
            for arm in crossed(init=INITS, choice=tuple(rates), norm=NORMS)
        ),
        seeds=tuple(range(seeds)),
        steps=steps,
        probes=(Accuracy(),),
        probe_steps=log_spaced(steps, looks),
    )


EXPERIMENT = Experiment(
    name="first-race",
    question="Does batch normalization train faster, and end more accurate, at a fair rate?",
    plan=plan,
    scales=SCALES,
)
