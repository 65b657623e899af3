"""Santurkar and colleagues' study on a VGG network: stable distributions or a smooth loss?"""

from __future__ import annotations

from typing import Any

from bnbook.factors import crossed
from bnbook.nets import VGG
from bnbook.probes import Probe
from bnbook.probes.accuracy import Accuracy
from bnbook.probes.drift import WassersteinDrift
from bnbook.probes.walk import EffectiveSmoothness, GradientChange, LossVariation, Regime
from bnbook.study import Experiment
from bnbook.train import SGD, Arm, Plan, log_spaced

NORMS: dict[str, tuple[tuple[str, Any], ...]] = {
    "none": (),
    "batch": (),
    "noisy-batch": (),
    "renorm": (("warmup", 20),),
    "ghost": (("ghost_size", 16),),
    "layer": (),
    "group": (("groups", 4),),
    "weight-std": (("gain", "fan-in"),),
}
"""The source compares the first three; an order of three says little, so there are more."""
RATES = (0.03, 0.1, 0.3)
SHARED = 0.1  # of these, the one at which the source's three are compared in the figures
MODES: tuple[Regime, ...] = ("training",)
SMALL = ((8, 1), (16, 1), (32, 1))
"""Three convolutions: the source's VGG network on digits of 14 × 14 pixels, for two cores."""

FULL = ((64, 1), (128, 1), (256, 2), (512, 2), (512, 2))
"""Eight convolutions, VGG-11; the source says "VGG" and no more."""


def plan(scale: str) -> Plan:
    """Every normaliser at every rate; at the lowest ones the network without BN trains too."""
    data, stages, shrink, seeds, steps, looks = {
        "smoke": ("mnist-5k", ((4, 1), (4, 1), (4, 1)), 2, 2, 6, 3),
        "book": ("mnist-5k", SMALL, 2, 8, 200, 7),
        "paper": ("cifar10", FULL, 1, 5, 15_000, 24),
    }[scale]
    batch_size = {"smoke": 32, "book": 64, "paper": 128}[scale]
    return Plan(
        data=data,
        arms=tuple(
            Arm(
                arm,
                VGG(
                    stages,
                    norm=arm["norm"],
                    norm_options=NORMS[arm["norm"]],
                    input_shrink=shrink,
                ),
                arm["rate"],
                batch_size,
                SGD(),
            )
            for arm in crossed(norm=tuple(NORMS), rate=(SHARED,) if scale == "smoke" else RATES)
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
