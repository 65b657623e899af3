"""Internal covariate shift of a network of convolutions, by gradients and by distributions."""

from __future__ import annotations

from bnbook.experiments.noisy_convnet import FULL, SHARED, SMALL, in_pairs
from bnbook.experiments.shaken import LAB, NORMS
from bnbook.nets import VGG
from bnbook.probes.accuracy import Accuracy
from bnbook.probes.activation_percentiles import ActivationPercentiles
from bnbook.probes.drift import WassersteinDrift
from bnbook.probes.gradient_ics import GradientCosine, GradientDifference, GradientShift
from bnbook.study import NATURAL, SCALES, Experiment
from bnbook.train import Arm, Plan, log_spaced

LEARNING_RATE = SHARED  # the same in every arm, and that of noisy-convnet
STAGES = {"smoke": ((4, 1), (4, 1)), "book": SMALL, "lab": LAB, "paper": FULL}


def plan(scale: str) -> Plan:
    """Network and rate of `noisy-convnet`; looks in pairs, one step apart."""
    data, seeds, steps, looks, batch_size = {
        "smoke": ("mnist-5k", 2, 8, 3, 32),
        "book": ("mnist-5k", 8, 300, 9, 64),
        "lab": (NATURAL, 8, 300, 9, 64),
        "paper": (NATURAL, 5, 15_000, 24, 128),
    }[scale]
    shrink = 1 if scale == "paper" else 2
    return Plan(
        data=data,
        arms=tuple(
            Arm(
                {"norm": norm},
                VGG(STAGES[scale], norm=norm, input_shrink=shrink),
                LEARNING_RATE,
                batch_size,
            )
            for norm in NORMS
        ),
        seeds=tuple(range(seeds)),
        steps=steps,
        probes=(
            Accuracy(splits=("train",), statistics=("batch",)),
            ActivationPercentiles(units=(0, 1)),
            WassersteinDrift(sites=("input",)),
            GradientShift(),
            GradientDifference(),
            GradientCosine(),
        ),
        probe_steps=in_pairs(log_spaced(steps, looks), steps),
    )


EXPERIMENT = Experiment(
    name="convolutional-shift",
    question="Does batch normalization lower internal covariate shift between convolutions?",
    plan=plan,
    scales=SCALES,
)
