"""Santurkar and colleagues' study on a VGG network: stable distributions or a smooth loss?"""

from __future__ import annotations

from bnbook.nets import VGG
from bnbook.probes import Probe
from bnbook.probes.accuracy import Accuracy
from bnbook.probes.drift import WassersteinDrift
from bnbook.probes.walk import EffectiveSmoothness, GradientChange, LossVariation, Mode
from bnbook.study import Experiment
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
        "smoke": ("mnist-5k", ((3, 2), (4, 2), (5, 2)), 2, 2, 12, 4),
        "book": ("mnist-5k", SMALL, 2, 8, 300, 10),
        "paper": ("cifar10", FULL, 1, 5, 15_000, 24),
    }[scale]
    batch_size, rate = {"smoke": (32, 0.05), "book": (64, 0.1), "paper": (128, 0.1)}[scale]
    return Plan(
        data=data,
        arms=tuple(
            Arm(
                {"norm": name},
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
        probe_steps=in_pairs(log_spaced(steps, looks), steps),
    )


def instruments() -> tuple[Probe, ...]:
    """Speed, the stability of distributions, and smoothness along the gradient in training mode."""
    speed = (Accuracy(splits=("train",), statistics=("batch",)),)
    stability = (WassersteinDrift(sites=("input",)),)
    smoothness = (LossVariation(MODES), GradientChange(MODES), EffectiveSmoothness(MODES))
    return (*speed, *stability, *smoothness)


def in_pairs(looks: tuple[int, ...], steps: int) -> tuple[int, ...]:
    """Each look and the one a step later: drift in one step, and drift in many."""
    return tuple(sorted({min(look + later, steps) for look in looks for later in (0, 1)}))


EXPERIMENT = Experiment(
    name="noisy-convnet",
    question="Which of the two, stable distributions or a smooth loss, goes with fast training?",
    plan=plan,
)
