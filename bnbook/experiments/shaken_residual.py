"""The shaken networks again, with skip connections, on whole images and on halved ones."""

from __future__ import annotations

from bnbook.experiments.shaken import NORMS
from bnbook.factors import crossed
from bnbook.nets import ResNet
from bnbook.probes.accuracy import Accuracy
from bnbook.study import NATURAL, SCALES, Experiment
from bnbook.train import Arm, Plan, Tuned, log_spaced

SHRINK = {"halved images": 2, "whole images": 1}
"""How many pixels a side are averaged to one; the lab's other studies see halved images."""
RATES = (0.03, 0.1, 0.3)


def plan(scale: str) -> Plan:
    """A residual network of 8 layers on digits, of 14 on natural images; each arm at its rate."""
    data, depth, width, seeds, steps, tuning = {
        "smoke": ("mnist-5k", 8, 0.125, 2, 6, (1, 3)),
        "book": ("mnist-5k", 8, 0.25, 8, 200, (2, 100)),
        "lab": (NATURAL, 14, 0.5, 8, 400, (2, 200)),
        "paper": (NATURAL, 20, 1.0, 8, 20_000, (2, 5_000)),
    }[scale]
    tries, length = tuning
    rate = Tuned(RATES, tuple(range(1000, 1000 + tries)), length)
    return Plan(
        data=data,
        arms=tuple(
            Arm(
                arm,
                ResNet(depth, width, norm=arm["norm"], input_shrink=SHRINK[arm["network"]]),
                rate,
                batch_size=32 if scale == "smoke" else 64,
            )
            for arm in crossed(network=tuple(SHRINK), norm=NORMS)
        ),
        seeds=tuple(range(seeds)),
        steps=steps,
        probes=(Accuracy(),),
        probe_steps=log_spaced(steps, 8),
    )


EXPERIMENT = Experiment(
    name="shaken-residual",
    question="Do skip connections, or images twice as wide, change what BN is worth?",
    plan=plan,
    scales=SCALES,
)
