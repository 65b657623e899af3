"""Training many networks at once, and what is decided before it starts."""

from bnbook.train.optimizers import SGD, Adam, Optimizer
from bnbook.train.plan import Arm, Group, Member, Plan, PlanError, log_spaced
from bnbook.train.population import Population

__all__ = [
    "SGD",
    "Adam",
    "Arm",
    "Group",
    "Member",
    "Optimizer",
    "Plan",
    "PlanError",
    "Population",
    "log_spaced",
]
