"""Weights before a normaliser that turn too far in a step, or not at all."""

from __future__ import annotations

from bnbook.diagnosis.base import HARM, Finding, Patient, listed, sign
from bnbook.diagnosis.coming_step import steps_of_an_epoch, turns

FAST = 0.5
"""Radians in a step: after ten in random directions nothing is left of what was learnt."""
SLOW = 0.01
"""Radians in an epoch, if every step went the same way."""


@sign("effective-rate", page="learning-rate", kind="remark", unless=("not-finite",))
def effective_rate(p: Patient) -> Finding | None:
    """Filters that one update turns by half a radian; or less than 0.01 in an epoch, unlearnt."""
    steps, found = steps_of_an_epoch(p), turns(p)
    fast = [name for name, turn in found.items() if turn.angle > FAST]
    slow = [name for name, turn in found.items() if turn.angle * steps < SLOW]
    if slow and float(p.losses("train", "batch").mean()) < HARM:
        slow = []  # what has been learnt needs no steps
    if not fast and not slow:
        return None
    angles = {name: found[name].angle for name in fast or slow}
    worst = max(angles, key=angles.__getitem__) if fast else min(angles, key=angles.__getitem__)
    return Finding(
        seen=f"the coming step turns the filters of '{worst}' by {angles[worst]:.2g} rad, an "
        f"epoch has {steps} steps; too {'far' if fast else 'little'} in {listed(angles)}",
        sure="computed on a copy, by the optimizer's own step on one training batch; the median "
        "over the filters of a layer",
        why="a normaliser takes out the length of the weights before it, so that only their "
        "turning counts. The angle goes as η/‖w‖² with SGD, and as η/‖w‖ with Adam: it is not the "
        "learning rate that one sets, but that over the length which the weights have come to",
        cure="lower the learning rate, or warm up, where filters turn too far; where they stand "
        "still, raise it, or decay the weights, whose length holds them",
        check="the angle lies between 0.5 rad a step and 0.01 rad an epoch",
    )
