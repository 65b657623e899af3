"""Where the noise comes from: batch statistics of several sizes, dropout of several rates, both."""

from __future__ import annotations

from bnbook import probes
from bnbook.factors import Factors
from bnbook.nets import MLP, Spec
from bnbook.study import Experiment
from bnbook.train import Arm, Plan, log_spaced

WIDTHS = (100, 100)
DEEP = (100,) * 6  # deep enough for a shift of variance to add up
BATCH_SIZE = 64
GHOSTS = (4, 8, 16, 32)  # of the same batch; the whole of it is the arm with BN
RATES = (0.1, 0.3, 0.5)
LEARNING_RATE = 0.2  # the same in every arm with this batch
SMALL_BATCH = 16  # of the arm that takes a smaller batch instead of smaller ghosts
PROBES = ("accuracy", "loss", "logit_noise", "variance_shift")


NETS: tuple[tuple[Factors, Spec], ...] = (
    *(
        (
            {"norm": "ghost", "m": size},
            MLP(WIDTHS, norm="ghost", norm_options=(("ghost_size", size),)),
        )
        for size in GHOSTS
    ),
    ({"norm": "batch"}, MLP(WIDTHS, norm="batch")),
    *(
        ({"norm": "batch", "dropout": rate}, MLP(WIDTHS, norm="batch", dropout=rate))
        for rate in RATES
    ),
    (
        {"norm": "batch", "dropout": 0.5, "at": "last"},
        MLP(WIDTHS, norm="batch", dropout=0.5, dropout_at="last"),
    ),
    ({"norm": "none"}, MLP(WIDTHS)),
    ({"norm": "none", "dropout": 0.3}, MLP(WIDTHS, dropout=0.3)),
    ({"net": "deep", "norm": "batch", "dropout": 0.5}, MLP(DEEP, norm="batch", dropout=0.5)),
    (
        {"net": "deep", "norm": "batch", "dropout": 0.5, "at": "last"},
        MLP(DEEP, norm="batch", dropout=0.5, dropout_at="last"),
    ),
)
"""ReLU networks by arm. Dropout stands behind every hidden layer, or behind the last alone; `m` are
the examples behind the statistics of a ghost."""


def arms(steps: int) -> tuple[Arm, ...]:
    """Those of `NETS`, and one that sees as many examples in smaller batches, η in proportion."""
    times = BATCH_SIZE // SMALL_BATCH
    small = Arm(
        {"norm": "batch", "batch_size": SMALL_BATCH},
        MLP(WIDTHS, norm="batch"),
        LEARNING_RATE / times,
        SMALL_BATCH,
        steps=steps * times,
    )
    whole = (Arm(*each, LEARNING_RATE, BATCH_SIZE, steps=steps) for each in NETS)
    return (*whole, small)


def plan(scale: str) -> Plan:
    """Ten epochs of 4,000 digits at book scale: enough to fit the training set."""
    data, seeds, steps, looks = {
        "smoke": ("mnist-5k", 2, 20, 3),
        "book": ("mnist-5k", 8, 600, 9),
        "paper": ("mnist", 10, 20_000, 12),
    }[scale]
    return Plan(
        data=data,
        arms=arms(steps),
        seeds=tuple(range(seeds)),
        steps=steps,
        probes=tuple(probes.get(name)() for name in PROBES),
        probe_steps=(*log_spaced(steps, looks), steps * BATCH_SIZE // SMALL_BATCH),
    )


EXPERIMENT = Experiment(
    name="ghost-dropout",
    question="Does the noise of batch statistics regularise, and does it do so like dropout?",
    plan=plan,
)
