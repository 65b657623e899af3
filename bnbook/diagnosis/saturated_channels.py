"""Channels whose nonlinearity is flat where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bnbook.diagnosis.base import Finding, Patient, listed, sign
from bnbook.nets.sites import is_nonlinear

SHARE = 0.5
FLAT = 0.05
"""Of the steepest slope."""

SATURATING: dict[str, Callable[[Tensor], Tensor]] = {
    "hardsigmoid": F.hardsigmoid,
    "hardtanh": F.hardtanh,
    "sigmoid": torch.sigmoid,
    "softsign": F.softsign,
    "tanh": torch.tanh,
}
"""Nonlinearities with two ends, all steepest at 0."""


@sign("saturated-channels", page="does-it-help", unless=("not-finite", "never-updated"))
def saturated_channels(p: Patient) -> Finding | None:
    """Layers in which half of the channels sit, for nearly all examples, at an end of φ."""
    saturated = {}
    for site, inputs in zip(p.sites, p.traced.inputs, strict=False):
        bend = _bend(p, site)
        if bend is None:
            continue
        slopes = torch.func.vmap(torch.func.vmap(torch.func.grad(bend)))(inputs[0].double())
        steepest = torch.func.grad(bend)(torch.zeros((), dtype=torch.double))
        flat = (slopes.mean(0) < FLAT * steepest).double().mean()
        if flat >= SHARE:
            saturated[site.name] = float(flat)
    if not saturated:
        return None
    worst = max(saturated, key=lambda name: saturated[name])
    return Finding(
        seen=f"behind '{worst}' the nonlinearity of {saturated[worst]:.0%} of the channels is "
        f"flat: its slope, averaged over examples, is below {FLAT:.0%} of that at 0; half of the "
        f"channels or more in {listed(saturated)}",
        sure="measured over the test examples, by batch statistics",
        why="hardly any gradient passes a flat nonlinearity, so the layers below stop learning, "
        "and what the layer hands on is little more than a sign. Before it a normaliser leaves "
        "values of size 1, unless γ has grown; without one, weights that are too large do it",
        cure="a normaliser before the nonlinearity, a smaller initial scale or γ, a smaller "
        "learning rate; or a nonlinearity without ends",
        check="the share of flat channels falls below a half",
    )


def _bend(p: Patient, site: Any) -> Callable[[Tensor], Tensor] | None:
    """The saturating nonlinearity of a site, if it has one."""
    modules = dict(p.net.get_submodule("model").named_modules())
    for user in site.inputs.users:
        if is_nonlinear(user, modules):
            called = user.op == "call_module"
            target = type(modules[str(user.target)]) if called else user.target
            name = getattr(target, "__name__", str(target)).removesuffix("_").lower()
            return SATURATING.get(name)
    return None
