"""The coming update of a model by its own optimizer, layer by layer."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import torch
import torch.nn.functional as F

from bnbook.diagnosis.base import Patient


@dataclass(frozen=True)
class Turn:
    """What one update does to a weight before a normaliser.

    angle    radians by which its filters turn, their median
    growth   its length after the update over that before
    """

    angle: float
    growth: float


@lru_cache(maxsize=2)
def turns(p: Patient) -> dict[str, Turn]:
    """The coming update on one training batch, by the names of the layers; {} without optimizer.

    Only weights that a normaliser follows are here: their direction is all that counts. Model and
    optimizer are copied, with what the optimizer remembers, and the step is that of its class.
    """
    layers = [site.name for site in p.sites if site.norms]
    if p.optimizer is None or not layers:
        return {}
    model, optimizer = copy.deepcopy((p.model, p.optimizer))
    weights = {name: cast(torch.Tensor, model.get_submodule(name).weight) for name in layers}
    before = {name: weight.detach().clone() for name, weight in weights.items()}
    x, y = p.snapshot.batch
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        model.zero_grad()
        F.cross_entropy(model(x[0]), y[0]).backward()
        type(optimizer).step(optimizer)
    return {n: _turn(w, weights[n].detach()) for n, w in before.items() if w.norm() > 0}


def _turn(before: torch.Tensor, after: torch.Tensor) -> Turn:
    one, other = (F.normalize(w.double().flatten(1), dim=1) for w in (before, after))
    half = ((one - other).norm(dim=1) / 2).clamp(max=1)
    return Turn(float((2 * torch.asin(half)).median()), float(after.norm() / before.norm()))


def steps_of_an_epoch(p: Patient) -> int:
    """Updates in a pass over the training examples."""
    return max(1, len(p.data.train) // p.batch_size)
