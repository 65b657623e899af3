"""Finding the learning rate of an arm before its study begins."""

from __future__ import annotations

from dataclasses import replace

import torch

from bnbook.data import Dataset
from bnbook.probes.accuracy import predictions
from bnbook.progress import Progress
from bnbook.train.arm import Member
from bnbook.train.errors import PlanError
from bnbook.train.group import Group
from bnbook.train.population import Population, populate


def tuned(group: Group, aside: Dataset, progress: Progress | None = None) -> Group:
    """The group with the learning rate that `group.tuning` finds, for all members.

    Each of its seeds is dealt training and test examples of `aside`, which no member of the
    group sees.
    """
    how = group.tuning
    assert how is not None
    arm, rates = group.members[0].arm, sorted(how.rates)
    tried = replace(
        group,
        members=tuple(Member(arm, seed, rate) for rate in rates for seed in how.seeds),
        steps=how.steps,
    )
    population = populate(tried, aside)
    for _ in range(how.steps):
        population.step()
        if progress:
            progress(len(tried.members))
    right = _accuracy(population).view(len(rates), len(how.seeds)).mean(1)
    if not right.any():
        raise PlanError(f"arm {arm!r}: it trains at none of the learning rates {rates}; try others")
    best = rates[int(right.argmax())]  # the first of equal ones
    return replace(group, members=tuple(replace(m, learning_rate=best) for m in group.members))


def _accuracy(population: Population) -> torch.Tensor:
    """Share of held-out examples that each member gets right, 0 for those that diverged."""
    logits, y = predictions(population.snapshot())["test", "population"]
    right = (logits.argmax(-1) == y).double().mean(-1)
    lost = ~population.diverged_at.isnan() | ~logits.isfinite().flatten(1).all(1)
    return right.masked_fill(lost, 0)
