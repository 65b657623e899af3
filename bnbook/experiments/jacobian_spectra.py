"""Source A's network, watched through the Jacobians of its layers: five activations, with and
without BN."""

from __future__ import annotations

from bnbook import probes
from bnbook.factors import crossed
from bnbook.nets import MLP
from bnbook.study import Experiment
from bnbook.train import Arm, Plan, log_spaced

ACTIVATIONS = ("relu", "leaky-relu", "sigmoid", "softplus", "tanh")  # the source's
LEARNING_RATE = 0.1  # the same in every arm, for the mean loss; the source's loss is a sum
BATCH_SIZE = 64  # one of the source's four
PROBES = (
    "accuracy",
    "jacobian_density",
    "jacobian_histogram",
    "isometry",
    "gradient_norm",
    "weight_norm",
)


def arms() -> tuple[Arm, ...]:
    """Two hidden layers of 100, as in the source's code; its text says three layers."""
    return tuple(
        Arm(arm, MLP((100, 100), arm["activation"], arm["norm"]), LEARNING_RATE, BATCH_SIZE)
        for arm in crossed(activation=ACTIVATIONS, norm=("none", "batch"))
    )


def plan(scale: str) -> Plan:
    """Spectra of 16 examples of the coming batch at each look."""
    data, seeds, steps, looks = {
        "smoke": ("mnist-5k", 2, 8, 3),
        "book": ("mnist-5k", 8, 600, 10),
        "paper": ("mnist", 10, 20_000, 40),
    }[scale]
    return Plan(
        data=data,
        arms=arms(),
        seeds=tuple(range(seeds)),
        steps=steps,
        probes=tuple(probes.get(name)() for name in PROBES),
        probe_steps=log_spaced(steps, looks),
    )


EXPERIMENT = Experiment(
    name="jacobian-spectra",
    question="Does batch normalization move the singular values of a layer's Jacobian towards 1?",
    plan=plan,
)
