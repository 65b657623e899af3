"""Networks whose normalised values are shaken by noise that changes at every step."""

from __future__ import annotations

from bnbook.experiments.noisy_convnet import FULL
from bnbook.factors import crossed
from bnbook.nets import MLP, VGG, Spec
from bnbook.probes.accuracy import Accuracy
from bnbook.study import NATURAL, SCALES, Experiment
from bnbook.train import Arm, Plan, log_spaced

NORMS = ("none", "batch", "noisy-batch")
NETWORKS = ("dense", "convolutional")
LAB = ((16, 2), (32, 2), (64, 2))  # six convolutions, on natural images of 16 × 16 pixels
RATES = {"dense": 0.5, "convolutional": 0.1}  # of internal-shift, and of noisy-convnet
STAGES = ((8, 1), (16, 1), (32, 1))
BATCH_SIZE = 60


def plan(scale: str) -> Plan:
    """A dense sigmoid network and a convolutional one, each long enough to fit its digits."""
    data, seeds, steps, looks = {
        "smoke": ("mnist-5k", 2, {"dense": 12, "convolutional": 6}, 3),
        "book": ("mnist-5k", 8, {"dense": 2_000, "convolutional": 500}, 10),
        "lab": (NATURAL, 8, {"convolutional": 1_500}, 10),
        "paper": (NATURAL, 10, {"dense": 15_000, "convolutional": 15_000}, 24),
    }[scale]
    return Plan(
        data=data,
        arms=tuple(
            Arm(
                arm,
                network(arm["network"], arm["norm"], scale),
                RATES[arm["network"]],
                BATCH_SIZE,
                steps=steps[arm["network"]],
            )
            for arm in crossed(network=tuple(steps), norm=NORMS)
        ),
        seeds=tuple(range(seeds)),
        steps=max(steps.values()),
        probes=(Accuracy(),),
        probe_steps=tuple(sorted({s for n in steps.values() for s in log_spaced(n, looks)})),
    )


def network(kind: str, norm: str, scale: str) -> Spec:
    """The network of a kind and a scale, with a normaliser."""
    if kind == "dense":
        return MLP((100, 100, 100), "sigmoid", norm)
    if scale == "paper":
        return VGG(FULL, norm=norm)
    return VGG(LAB if scale == "lab" else STAGES, norm=norm, input_shrink=2)


EXPERIMENT = Experiment(
    name="shaken",
    question="Does a network with BN train as well when the distributions inside it are shaken?",
    plan=plan,
    scales=SCALES,
)
