"""Bjorck and colleagues' three learning rates, with batch normalization and without."""

from __future__ import annotations

from bnbook.experiments.shaken import LAB
from bnbook.factors import Factors
from bnbook.nets import VGG, ResNet, Spec
from bnbook.probes.accuracy import Accuracy, Loss
from bnbook.probes.weight_norm import WeightNorm
from bnbook.study import NATURAL, SCALES, Experiment
from bnbook.train import SGD, Arm, FlipAndCrop, Plan, StepDecay, log_spaced

NORMS = ("none", "batch")
RATES = (1e-4, 3e-3, 1e-1)  # of the source
MOMENTUM = 0.9
STATISTICS = ("batch", "population")


def plan(scale: str) -> Plan:
    """The source's ResNet-110 on CIFAR-10; smaller, a VGG network on digits of 14 × 14 pixels.

    The small network has no shortcuts: with them it would have to be deeper, and slower, before
    the highest rate tells the arms apart.
    """
    data, seeds, steps, looks = {
        "smoke": ("mnist-5k", 2, 12, 4),
        "book": ("mnist-5k", 8, 240, 7),
        "lab": (NATURAL, 8, 1_000, 9),
        "paper": (NATURAL, 5, 64_000, 30),
    }[scale]
    return Plan(
        data=data,
        arms=tuple(
            _arm({"rate": rate, "norm": norm}, network(scale, norm), rate, scale)
            for norm in NORMS
            for rate in RATES
        ),
        seeds=tuple(range(seeds)),
        steps=steps,
        probes=(Accuracy(statistics=STATISTICS), Loss(statistics=STATISTICS), WeightNorm()),
        probe_steps=log_spaced(steps, looks),
    )


def network(scale: str, norm: str) -> Spec:
    """The network of a scale with a normaliser."""
    if scale == "paper":
        return ResNet(110, norm=norm)
    stages = {"smoke": ((4, 1), (6, 1)), "lab": LAB}.get(scale, ((8, 2), (16, 2), (32, 2)))
    return VGG(stages, norm=norm, input_shrink=4 if scale == "smoke" else 2)


def _arm(factors: Factors, net: Spec, rate: float, scale: str) -> Arm:
    """At paper scale with the settings of ResNet's own authors, he2016deep."""
    if scale != "paper":
        return Arm(factors, net, rate, 64, SGD(momentum=MOMENTUM))
    return Arm(
        factors,
        net,
        rate,
        128,
        SGD(momentum=MOMENTUM, weight_decay=1e-4),
        schedule=StepDecay(at=(0.5, 0.75), by=0.1),
        augmentation=FlipAndCrop(padding=4),
    )


EXPERIMENT = Experiment(
    name="three-rates",
    question="Does batch normalization help by allowing higher learning rates?",
    plan=plan,
    scales=SCALES,
)
