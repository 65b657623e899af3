"""Batches that are no fair sample: few classes each, with five normalisers."""

from __future__ import annotations

from typing import Any

from bnbook import probes
from bnbook.nets import MLP
from bnbook.study import Experiment
from bnbook.train import Arm, FewClasses, Plan, Shuffled

NORMS: dict[str, tuple[tuple[str, Any], ...]] = {
    "none": (),
    "batch": (),
    "renorm": (("warmup", 20),),
    "ghost": (("ghost_size", 10),),  # half a batch: with all ten classes, one example of each
    "layer": (),
}
CLASSES = (10, 5, 2, 1)
BATCH_SIZE = 20
LEARNING_RATE = 0.05  # the same in every arm, and that of the study of batch sizes


def plan(scale: str) -> Plan:
    """Each normaliser on fair batches, and on batches of 1, 2, 5 and all 10 classes."""
    data, widths, seeds, steps = {
        "smoke": ("mnist-5k", (64, 64), 2, 4),
        "book": ("mnist-5k", (64, 64), 8, 200),
        "paper": ("mnist", (100, 100, 100), 10, 20_000),
    }[scale]
    samplers = {"shuffled": Shuffled()} | {
        f"{k} class{'es' * (k > 1)}": FewClasses(k) for k in CLASSES
    }
    arms = [
        Arm(
            {"norm": norm, "batches": batches},
            MLP(widths, "relu", norm, norm_options=options),
            LEARNING_RATE,
            BATCH_SIZE,
            sampler=sampler,
        )
        for batches, sampler in samplers.items()
        for norm, options in NORMS.items()
    ]
    return Plan(
        data=data,
        arms=tuple(arms),
        seeds=tuple(range(seeds)),
        steps=steps,
        probes=tuple(probes.get(name)() for name in ("accuracy", "loss")),
        probe_steps=(steps,),
    )


EXPERIMENT = Experiment(
    name="few-classes",
    question="What happens to batch normalization when a batch is no fair sample of the data?",
    plan=plan,
)
