"""Networks of one shape that train together."""

from __future__ import annotations

from dataclasses import dataclass

from bnbook.nets import Spec
from bnbook.probes import Probe
from bnbook.train.arm import Member, Tuned
from bnbook.train.batches import Augmentation, Sampler, Shuffled
from bnbook.train.optimizers import Optimizer
from bnbook.train.schedules import Constant, Schedule


@dataclass(frozen=True)
class Group:
    """Members of one shape, which train together.

    `apart` says that examples are put aside, because some arm of the plan is tuned on them.
    """

    data: str
    net: Spec
    optimizer: Optimizer
    batch_size: int
    members: tuple[Member, ...]
    steps: int
    probes: tuple[Probe, ...]
    probe_steps: tuple[int, ...]
    schedule: Schedule = Constant()
    sampler: Sampler = Shuffled()
    augmentation: Augmentation | None = None
    apart: bool = False

    @property
    def tuning(self) -> Tuned | None:
        """How the learning rate of its one arm is found, when it is not given."""
        rate = self.members[0].learning_rate
        return rate if isinstance(rate, Tuned) else None

    @property
    def work(self) -> int:
        """Steps of all members together, and of what is tried before, for progress bars."""
        return self.steps * len(self.members) + (self.tuning.work if self.tuning else 0)

    @property
    def label(self) -> str:
        """For progress bars: the arms and the seeds."""
        arms = list(dict.fromkeys(m.arm for m in self.members))
        seeds = sorted({m.seed for m in self.members})
        return f"{', '.join(arms)} · seeds {seeds[0]}–{seeds[-1]}"
