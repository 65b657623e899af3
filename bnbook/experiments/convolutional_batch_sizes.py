"""Accuracy against batch size in a network of convolutions, where a channel has many values."""

from __future__ import annotations

from bnbook.experiments.batch_sizes_adam import Race, measure
from bnbook.experiments.noisy_convnet import SMALL
from bnbook.experiments.shaken import LAB
from bnbook.factors import crossed
from bnbook.nets import VGG
from bnbook.study import NATURAL, SCALES, Comparison, Experiment
from bnbook.train import SGD

NORMS: dict[str, tuple[tuple[str, int], ...]] = {"none": (), "batch": (), "group": (("groups", 4),)}
SIZES = (2, 4, 8, 32)
RATES = (0.003, 0.01, 0.03, 0.1, 0.3)


def plan(scale: str) -> Comparison:
    """Three convolutions on digits, six on natural images, averaged over squares of 2 × 2."""
    data, stages, examples, rates, tuning, seeds = {
        "smoke": ("mnist-5k", ((4, 1), (4, 1)), 128, RATES[2:4], (100,), 2),
        "book": ("mnist-5k", SMALL, 3_200, RATES, (100, 101), 8),
        "lab": (NATURAL, LAB, 6_400, RATES, (100, 101), 8),
        "paper": (NATURAL, LAB, 200_000, RATES, (100, 101, 102), 20),
    }[scale]
    specs = tuple(VGG(stages, norm=norm, norm_options=options) for norm, options in NORMS.items())
    race = Race(data, examples, rates, tuning, specs, SGD())
    arms = crossed(norm=tuple(NORMS), m=(2, 32) if scale == "smoke" else SIZES)
    return Comparison(arms, tuple(range(seeds)), measure, race, race.data)


EXPERIMENT = Experiment(
    name="convolutional-batch-sizes",
    question="Do small batches harm batch normalization in networks of convolutions, too?",
    plan=plan,
    scales=SCALES,
)
