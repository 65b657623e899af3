"""Source A's network under Adam, its other optimizer, watched through the Jacobian of a layer."""

from __future__ import annotations

from bnbook.experiments.jacobian_spectra import BATCH_SIZE
from bnbook.factors import crossed
from bnbook.nets import MLP
from bnbook.probes.accuracy import Accuracy
from bnbook.probes.jacobian_spectrum import Isometry
from bnbook.study import Experiment
from bnbook.train import Adam, Arm, Plan, log_spaced

ACTIVATIONS = ("relu", "sigmoid", "tanh")
LEARNING_RATE = 0.001  # of kingma2015adam, not tuned: arms are not compared by speed


def plan(scale: str) -> Plan:
    """Networks, batches and lengths of `jacobian-spectra`, at fewer looks."""
    data, seeds, steps, looks = {
        "smoke": ("mnist-5k", 2, 8, 3),
        "book": ("mnist-5k", 8, 600, 6),
        "paper": ("mnist", 10, 20_000, 20),
    }[scale]
    return Plan(
        data=data,
        arms=tuple(
            Arm(
                arm,
                MLP((100, 100), arm["activation"], arm["norm"]),
                LEARNING_RATE,
                BATCH_SIZE,
                Adam(),
            )
            for arm in crossed(activation=ACTIVATIONS, norm=("none", "batch"))
        ),
        seeds=tuple(range(seeds)),
        steps=steps,
        probes=(Accuracy(), Isometry()),
        probe_steps=log_spaced(steps, looks),
    )


EXPERIMENT = Experiment(
    name="jacobian-adam",
    question="Does batch normalization move a layer's singular values towards 1 under Adam too?",
    plan=plan,
)
