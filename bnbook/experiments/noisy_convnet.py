"""Santurkar and colleagues' study on a VGG network: stable distributions or a smooth loss?"""

from __future__ import annotations

from bnbook.experiments.base import Experiment
from bnbook.nets import VGG
from bnbook.probes import Probe
from bnbook.probes.accuracy import Accuracy
from bnbook.probes.drift import MeanDrift, WassersteinDrift
from bnbook.probes.gradient_ics import GradientShift
from bnbook.probes.walk import EffectiveSmoothness, GradientChange, LossVariation, Mode
from bnbook.train import SGD, Arm, Plan, log_spaced

ARMS = ("none", "batch", "noisy-batch")
MODES: tuple[Mode, ...] = ("training",)
SMALL = ((8, 2), (16, 2), (32, 2))
"""Six convolutions: the source's VGG network on digits of 14 × 14 pixels, for two cores."""

FULL = ((64, 1), (128, 1), (256, 2), (512, 2), (512, 2))
"""Eight convolutions, VGG-11; the source says "VGG" and no more."""


def plan(scale: str) -> Plan:
    """One learning rate for all arms: one at which the network without BN trains too."""
    data, stages, shrink, seeds, steps, looks = {
        "smoke": ("mnist-5k", ((3, 2), (4, 2), (5, 2)), 2, 2, 12, 5),
        "book": ("mnist-5k", SMALL, 2, 5, 300, 11),
        "paper": ("cifar10", FULL, 1, 5, 15_000, 24),
    }[scale]
    batch_size, rate = {"smoke": (32, 0.05), "book": (64, 0.1), "paper": (128, 0.1)}[scale]
    return Plan(
        data=data,
        arms=tuple(
            Arm(
                name,
                VGG(stages, norm=name, input_shrink=shrink),
                rate,
                batch_size,
                SGD(),
            )
            for name in ARMS
        ),
        seeds=tuple(range(seeds)),
        steps=steps,
        probes=instruments(),
        probe_steps=log_spaced(steps, looks),
    )


def instruments() -> tuple[Probe, ...]:
    """Speed, the stability of distributions, and smoothness along the gradient in training mode."""
    speed = (Accuracy(statistics=("batch", "population")),)
    stability = (WassersteinDrift(), MeanDrift(), GradientShift())
    smoothness = (LossVariation(MODES), GradientChange(MODES), EffectiveSmoothness(MODES))
    return (*speed, *stability, *smoothness)


EXPERIMENT = Experiment(
    name="noisy-convnet",
    question="Which of the two, stable distributions or a smooth loss, goes with fast training?",
    plan=plan,
)
