"""Dropout, and a normaliser after it."""

from __future__ import annotations

import math
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor

from bnbook import norms
from bnbook.diagnosis.base import Finding, Patient, listed, sign
from bnbook.nets import Dropout
from bnbook.probes.variance_shift import variance_ratio

SHIFT = math.log(1.15)


@sign("dropout-before-norm", page="regularization-noise", unless=("not-finite",))
def dropout_before_norm(p: Patient) -> Finding | None:
    """Dropout changes the variance of what a normaliser with running statistics is given."""
    dropouts = [m for m in p.net.modules() if isinstance(m, Dropout) and m.rate > 0]
    if not dropouts or not p.remembering:
        return None
    spread = [_inputs(p, mode) for mode in ("batch", "population")]
    ratios = {name: float(variance_ratio(one, spread[1][name])) for name, one in spread[0].items()}
    shifted = {name: r for name, r in ratios.items() if abs(math.log(r)) > SHIFT}
    if not shifted:
        return None
    worst = max(shifted, key=lambda name: abs(math.log(shifted[name])))
    return Finding(
        seen=f"dropout makes the variance of what '{worst}' is given {shifted[worst]:.2f} times "
        f"that of evaluation; more than 1.15-fold in {listed(shifted)}",
        sure=f"measured over {len(next(iter(spread[0].values()))[0])} training examples, with and "
        "without dropout",
        why="the running variance is that of training, with values dropped; in evaluation nothing "
        "is dropped, and the layer divides by too much",
        cure="move dropout behind the last normaliser; or collect precise statistics, which are "
        "taken without dropout",
        check="the ratio is 1, and population and batch statistics agree",
    )


@torch.no_grad()
def _inputs(p: Patient, dropout_mode: str) -> dict[str, Tensor]:
    """What each normaliser is given, (1, N, C), normalised by batches throughout."""
    found: dict[str, Tensor] = {}

    def noting(name: str) -> Any:
        def note(_: Any, given: tuple[Tensor, ...]) -> None:
            found.setdefault(name, given[0].movedim(1, -1).flatten(0, -2)[None])

        return note

    x = p.snapshot.whole_batches(p.snapshot.examples("train")[0][:, :512])[0]
    with ExitStack() as hooks, norms.using(p.net, "batch"):
        for name, norm in p.remembering.items():
            hooks.callback(norm.register_forward_pre_hook(noting(name)).remove)
        for module in p.net.modules():
            if isinstance(module, Dropout):
                module.mode = dropout_mode  # type: ignore[assignment]
        p.net(x)
    return found
