"""Networks that were well and are broken, for the reader to cure."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from bnbook.cases import Visit, digits, epoch, healthy, seen_as
from bnbook.data import Batched
from bnbook.exercises._answers import Answer, Unusable
from bnbook.exercises._words import described, raised

LEFT = 0.03
"""Accuracy by which a cured network may be behind what it was when it was well."""

TRIED = (11, 12)
"""Seeds of the networks on which a cure is judged; the reader is shown the first."""


@dataclass(frozen=True)
class Ward:
    """An illness: `admit(seed)` gives a network that has it, with its data, and its healthy past.

    Use is what `used` says: the test digits in batches of 50, "as they come" or "sorted" by class.
    """

    admit: Callable[[int], tuple[Visit, float]]
    order: str = "as they come"

    @torch.no_grad()
    def accuracy(self, model: nn.Module, data: Batched) -> float:
        """Share of right answers in use, after `eval()`."""
        model = copy.deepcopy(model).eval()
        x, y = data.test.x, data.test.y
        rows = torch.arange(len(y)) if self.order == "as they come" else y.argsort(stable=True)
        right = [model(x[part]).argmax(1) == y[part] for part in rows.split(50)]
        return float(torch.cat(right).double().mean())


def _well(seed: int) -> tuple[Any, Batched, float]:
    model, data = healthy(seed), seen_as(epoch(32, seed))
    return model, data, Visit(model, data).accuracy()


def swapped(seed: int) -> tuple[Visit, float]:
    """A checkpoint whose buffers went into each other's layers."""
    model, data, past = _well(seed)
    one, other = _norms(model)
    for name in ("running_mean", "running_var"):
        mine, its = getattr(one, name), getattr(other, name)
        setattr(one, name, its)
        setattr(other, name, mine)
    return Visit(model, data), past


def overflowed(seed: int) -> tuple[Visit, float]:
    """A checkpoint in which some variances were too large for their numbers."""
    model, data, past = _well(seed)
    for layer in _norms(model):
        layer.running_var[::9] = torch.inf
        layer.running_mean[::9] = torch.nan
    return Visit(model, data), past


class Restless(nn.Sequential):
    """A network whose normalisers stay in training mode, whatever it is told."""

    def train(self, mode: bool = True) -> Restless:
        super().train(mode)
        for layer in _norms(self):
            layer.train()
        return self


def restless(seed: int) -> tuple[Visit, float]:
    """A training mode that does not end."""
    model, data, past = _well(seed)
    return Visit(Restless(*model), data), past


def impressed(seed: int) -> tuple[Visit, float]:
    """A momentum of another convention, and a last batch of ones only."""
    model, data, past = _well(seed)
    for layer in _norms(model):
        layer.momentum = 0.95
    ones = data.train.x[data.train.y == 1][:32]
    with torch.no_grad():
        model(ones)
    return Visit(model, data), past


def darkroom(seed: int) -> tuple[Visit, float]:
    """Test digits from another scanner."""
    model, _data, past = _well(seed)
    x, y = digits()[1]
    return Visit(model, seen_as(epoch(32, seed), (0.4 * x - 0.6, y))), past


def _norms(model: nn.Module) -> list[Any]:
    return [layer for layer in model.modules() if isinstance(layer, nn.BatchNorm1d)]


@dataclass(frozen=True)
class Cure(Answer):
    """A function that cures the networks of a ward, judged by what they are worth afterwards."""

    ward: Ward
    expects: str = "a function of a model and its data that returns a model"

    def fault(self, answer: Any) -> str | None:
        """See `Answer`."""
        if not callable(answer):
            raise Unusable(f"{described(answer)} is no function.")
        return next(filter(None, (self._left(answer, seed) for seed in TRIED)), None)

    def _left(self, cure: Callable[..., Any], seed: int) -> str | None:
        visit, past = self.ward.admit(seed)
        before = self.ward.accuracy(visit.model, visit.data)
        kept = _numbers(visit.data)
        try:
            model = cure(copy.deepcopy(visit.model), visit.data)
        except Exception as error:
            raise Unusable(raised(cure, error)) from error
        if not isinstance(model, nn.Module):
            raise Unusable("Your function returned no module.")
        if any(not torch.equal(*pair) for pair in zip(kept, _numbers(visit.data), strict=True)):
            return "the data were changed: cure the network, and leave its examples alone"
        after = self.ward.accuracy(model, visit.data)
        if after >= past - LEFT:
            return None
        better = "no better than before" if after <= before else f"better than {before:.0%}"
        return (
            f"the network is right on {after:.0%} of the test digits, {better}; "
            f"when it was well it was on {past:.0%}"
        )


def _numbers(data: Batched) -> list[Tensor]:
    return [t.clone() for split in (data.train, data.test) for t in (split.x, split.y)]


WARDS = {
    "ex-clinic-1": Ward(swapped),
    "ex-clinic-2": Ward(overflowed),
    "ex-clinic-3": Ward(restless, "sorted"),
    "ex-clinic-4": Ward(impressed),
    "ex-clinic-5": Ward(darkroom),
}
