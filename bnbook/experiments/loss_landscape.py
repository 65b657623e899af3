"""How smooth the loss is along the gradient, in dense networks of three depths and a VGG."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bnbook import probes
from bnbook.experiments.shaken import LAB
from bnbook.nets import MLP, VGG, Spec
from bnbook.study import NATURAL, SCALES, Experiment
from bnbook.train import Arm, Plan, log_spaced

NORMS = ("none", "batch")
DEPTHS = {"1 layer": 1, "4 layers": 4, "12 layers": 12}
WIDTH = 64
CONVOLUTIONS = ((8, 1), (16, 1), (32, 1))
LEARNING_RATE = 0.1  # the same in every arm: what is measured within a step's reach depends on it
BATCH_SIZE = 64
PROBES = (
    "accuracy",
    "loss",
    "gradient_norm",
    "loss_variation",
    "gradient_change",
    "gradient_sum",
    "effective_smoothness",
    "relative_loss",
    "sphere_variation",
    "sphere_change",
    "sphere_smoothness",
    "sphere_relative_loss",
    "directional_sharpness",
)


def arms(
    learning_rate: float = LEARNING_RATE,
    nets: Callable[[str], Mapping[str, Spec]] | None = None,
) -> tuple[Arm, ...]:
    """Each network without a normaliser and with BN, named like "4 layers, batch"."""
    nets = nets or networks
    return tuple(
        Arm({"network": name, "norm": norm}, net, learning_rate, BATCH_SIZE)
        for norm in NORMS
        for name, net in nets(norm).items()
    )


def networks(norm: str) -> dict[str, Spec]:
    """Dense ReLU networks of three depths, and a small VGG on digits of 14 × 14 pixels."""
    dense: dict[str, Spec] = {
        name: MLP((WIDTH,) * layers, "relu", norm) for name, layers in DEPTHS.items()
    }
    return dense | {"convolutional": VGG(CONVOLUTIONS, norm=norm, input_shrink=2)}


def natural(norm: str) -> dict[str, Spec]:
    """The convolutional network of the lab."""
    return {"convolutional": VGG(LAB, norm=norm, input_shrink=2)}


def plan(scale: str) -> Plan:
    """The same networks at every scale but the lab's, trained for longer at larger ones."""
    data, seeds, steps, looks = {
        "smoke": ("mnist-5k", 2, 8, 3),
        "book": ("mnist-5k", 8, 300, 8),
        "lab": (NATURAL, 8, 1_000, 8),
        "paper": ("mnist", 10, 20_000, 32),
    }[scale]
    return Plan(
        data=data,
        arms=arms(nets=natural if scale == "lab" else networks),
        seeds=tuple(range(seeds)),
        steps=steps,
        probes=tuple(probes.get(name)() for name in PROBES),
        probe_steps=log_spaced(steps, looks),
    )


EXPERIMENT = Experiment(
    name="loss-landscape",
    question="Does batch normalization make the loss smoother along the gradient?",
    plan=plan,
    scales=SCALES,
)
