"""Does the order of the recipes depend on how many examples there are?"""

from __future__ import annotations

from bnbook.experiments.successors import Race, Run, study
from bnbook.factors import crossed
from bnbook.study import Comparison, Experiment

RECIPES = ("none", "batch", "layer", "rezero")
KIND = "residual MLP"


def plan(scale: str) -> Comparison:
    """The same number of steps on few training examples and on many; nothing else differs."""
    race, sizes, seeds = {
        "smoke": (
            Race("mnist-5k", (Run(KIND, (2, 4)),), (100,), judges=50, every_rate=False),
            (40, 400),
            2,
        ),
        "book": (
            Race("mnist-5k", (Run(KIND, (32, 128)),), (100, 101), judges=800, every_rate=False),
            (100, 500, 3000),
            8,
        ),
        "paper": (
            Race("mnist", (Run(KIND, (300, 3000)),), (100, 101), judges=5_000, every_rate=False),
            (100, 1000, 10_000, 40_000),
            20,
        ),
    }[scale]
    return study(race, crossed(network=(KIND,), recipe=RECIPES, examples=sizes), seeds)


EXPERIMENT = Experiment(
    name="fewer-examples",
    question="Does it depend on the number of examples which recipe is the most accurate?",
    plan=plan,
)
