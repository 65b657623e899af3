"""One network by the plain loop that a population stands for, where there is only one to train."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import nn

from bnbook.data import Split
from bnbook.train.batches import Batches


def descend(
    net: nn.Module,
    data: Split,
    *,
    steps: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
) -> Iterator[int]:
    """SGD on the mean cross-entropy of `net`, in place: yields 0, 1, …, `steps` before each update.

    Or another of `torch.optim`, with its own defaults besides the learning rate.

    The batches are those of a member of a population with this seed, in training mode, so that
    the run is that member's to rounding. What is done between two steps must leave the mode as it
    was. For one small network a third of the time of a population of one.
    """
    batches, params = Batches(data.y, batch_size, [seed]), list(net.parameters())
    rule = optimizer(params, lr=learning_rate)
    for step in range(steps):
        yield step
        rows = batches[step][0]
        x = data.x[rows].to(params[0].dtype)
        rule.zero_grad()
        F.cross_entropy(net(x), data.y[rows]).backward()
        rule.step()
    yield steps
