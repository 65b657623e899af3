"""Training many networks at once, and what is decided before it starts."""

from bnbook.train.alone import descend
from bnbook.train.arm import Arm, Member, Tuned
from bnbook.train.augmentation import FlipAndCrop
from bnbook.train.batches import (
    Augmentation,
    Batches,
    FewClasses,
    Sampler,
    Sequences,
    Shuffled,
)
from bnbook.train.errors import PlanError
from bnbook.train.group import Group
from bnbook.train.optimizers import (
    SGD,
    Adam,
    AdamW,
    AdaptivelyClipped,
    Clipped,
    FixedLength,
    Optimizer,
)
from bnbook.train.plan import Plan, log_spaced
from bnbook.train.population import Population
from bnbook.train.schedules import Constant, Schedule, StepDecay
from bnbook.train.starts import FrozenStatistics, Standardised, Start, TakeReference

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "AdaptivelyClipped",
    "Arm",
    "Augmentation",
    "Batches",
    "Clipped",
    "Constant",
    "FewClasses",
    "FixedLength",
    "FlipAndCrop",
    "FrozenStatistics",
    "Group",
    "Member",
    "Optimizer",
    "Plan",
    "PlanError",
    "Population",
    "Sampler",
    "Schedule",
    "Sequences",
    "Shuffled",
    "Standardised",
    "Start",
    "StepDecay",
    "TakeReference",
    "Tuned",
    "descend",
    "log_spaced",
]
