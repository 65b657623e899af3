"""Finding the learning rate of an arm before its study begins."""

from __future__ import annotations

from dataclasses import replace

import torch

from bnbook.data import Dataset, Split
from bnbook.probes.accuracy import predictions
from bnbook.progress import Progress
from bnbook.train.arm import Member
from bnbook.train.errors import PlanError
from bnbook.train.group import Group
from bnbook.train.population import Population, populate

TRAINED_ON = 0.8
"""Share of the training examples that is trained on while tuning; the rest judges."""


def tuned(group: Group, data: Dataset, progress: Progress | None = None) -> Group:
    """The group with the learning rate that `group.tuning` finds, for all members."""
    how = group.tuning
    assert how is not None
    arm, rates = group.members[0].arm, sorted(how.rates)
    tried = replace(
        group,
        members=tuple(Member(arm, seed, rate) for rate in rates for seed in how.seeds),
        steps=how.steps,
    )
    population = populate(tried, held_out(data))
    for _ in range(how.steps):
        population.step()
        if progress:
            progress(len(tried.members))
    right = _accuracy(population).view(len(rates), len(how.seeds)).mean(1)
    if not right.any():
        raise PlanError(f"arm {arm!r}: it trains at none of the learning rates {rates}; try others")
    best = rates[int(right.argmax())]  # the first of equal ones
    return replace(group, members=tuple(replace(m, learning_rate=best) for m in group.members))


def held_out(data: Dataset) -> Dataset:
    """The training examples alone, shuffled once and split in two; the test examples unseen."""
    x, y = data.train.x, data.train.y
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0)).to(y.device)
    kept, judges = order.split([round(TRAINED_ON * len(y)), len(y) - round(TRAINED_ON * len(y))])
    return replace(data, train=Split(x[kept], y[kept]), test=Split(x[judges], y[judges]))


def _accuracy(population: Population) -> torch.Tensor:
    """Share of held-out examples that each member gets right, 0 for those that diverged."""
    logits, y = predictions(population.snapshot())["test", "population"]
    right = (logits.argmax(-1) == y).double().mean(-1)
    lost = ~population.diverged_at.isnan() | ~logits.isfinite().flatten(1).all(1)
    return right.masked_fill(lost, 0)
