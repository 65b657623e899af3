"""Where the noise comes from: batch statistics of several sizes, dropout of several rates, both."""

from __future__ import annotations

from bnbook import probes
from bnbook.experiments.base import Experiment
from bnbook.nets import MLP
from bnbook.train import Arm, Plan, log_spaced

WIDTHS = (100, 100)
DEEP = (100,) * 6  # deep enough for a shift of variance to add up
BATCH_SIZE = 64
GHOSTS = (4, 8, 16, 32)  # of the same batch; the whole of it is arm "batch"
RATES = (0.1, 0.3, 0.5)
LEARNING_RATE = 0.2  # the same in every arm with this batch
SMALL_BATCH = 16  # of the arm that takes a smaller batch instead of smaller ghosts
PROBES = ("accuracy", "loss", "logit_noise", "variance_shift")


def arms(steps: int) -> tuple[Arm, ...]:
    """ReLU networks; names say what differs, "hidden" is dropout behind every hidden layer."""

    def arm(name: str, norm: str, widths: tuple[int, ...] = WIDTHS, **settings: object) -> Arm:
        return Arm(name, MLP(widths, "relu", norm, **settings), LEARNING_RATE, BATCH_SIZE)  # type: ignore[arg-type]

    ghosts = [arm(f"ghost {size}", "ghost", norm_options=(("ghost_size", size),)) for size in GHOSTS]
    hidden = [arm(f"batch, dropout {rate}", "batch", dropout=rate) for rate in RATES]
    return (
        *ghosts,
        arm("batch", "batch"),
        *hidden,
        arm("batch, dropout 0.5 last", "batch", dropout=0.5, dropout_at="last"),
        arm("none", "none"),
        arm("none, dropout 0.3", "none", dropout=0.3),
        arm("deep", "batch", DEEP),
        arm("deep, dropout 0.5", "batch", DEEP, dropout=0.5),
        arm("deep, dropout 0.5 last", "batch", DEEP, dropout=0.5, dropout_at="last"),
        Arm(
            f"batch of {SMALL_BATCH}",
            MLP(WIDTHS, "relu", "batch"),
            LEARNING_RATE * SMALL_BATCH / BATCH_SIZE,
            SMALL_BATCH,
            steps=steps * BATCH_SIZE // SMALL_BATCH,
        ),
    )


def plan(scale: str) -> Plan:
    """Ten epochs of 4,000 digits at book scale: enough to fit the training set."""
    data, seeds, steps, looks = {
        "smoke": ("mnist-5k", 2, 20, 3),
        "book": ("mnist-5k", 6, 600, 6),
        "paper": ("mnist", 10, 20_000, 12),
    }[scale]
    return Plan(
        data=data,
        arms=arms(steps),
        seeds=tuple(range(seeds)),
        steps=steps,
        probes=tuple(probes.get(name)() for name in PROBES),
        probe_steps=log_spaced(steps, looks),
    )


EXPERIMENT = Experiment(
    name="ghost-dropout",
    question="Does the noise of batch statistics regularise, and does it do so like dropout?",
    plan=plan,
)
