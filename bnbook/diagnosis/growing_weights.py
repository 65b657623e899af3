"""Weights before a normaliser that grow, and slow themselves down."""

from __future__ import annotations

import math

from bnbook.diagnosis.base import Finding, Patient, listed, sign
from bnbook.diagnosis.coming_step import steps_of_an_epoch, turns

GROWTH = 1.2
"""Factor in an epoch, at the pace of the coming step; the effective rate falls by its square."""


@sign(
    "growing-weights", page="learning-rate", kind="remark", unless=("not-finite", "effective-rate")
)
def growing_weights(p: Patient) -> Finding | None:
    """Weights that become a fifth longer in an epoch, at the pace of the coming update."""
    steps = steps_of_an_epoch(p)
    growth = {name: steps * math.log(turn.growth) for name, turn in turns(p).items()}
    growing = [name for name, log in growth.items() if log > math.log(GROWTH)]
    if not growing:
        return None
    worst = max(growing, key=lambda name: growth[name])
    factor = math.exp(min(growth[worst], 50.0))
    return Finding(
        seen=f"at the pace of the coming step the weight of '{worst}' becomes {factor:.3g} times "
        f"as long in an epoch of {steps} steps; a fifth or more in {listed(growing)}",
        sure="computed on a copy, by the optimizer's own step on one training batch; the pace "
        "slows down as the weight grows",
        why="the gradient of a weight before BN is at right angles to it, so each step makes it "
        "longer, and nothing but decay makes it shorter. The function does not change, but the "
        "steps turn it less and less: the learning rate falls by itself",
        cure="weight decay on the weights before normalisers, which balances growth; or hold their "
        "length; or take the fall into account in the schedule",
        check="the lengths of the weights settle, and so does the angle of a step",
    )
