"""Frozen parameters with statistics that are not."""

from __future__ import annotations

from bnbook.diagnosis.base import Finding, Patient, listed, sign


@sign("frozen-but-moving", page="bn-math")
def frozen_but_moving(p: Patient) -> Finding | None:
    """γ and β without gradients, in a layer that is in training mode beside ones that train."""
    if not p.model.training or not any(q.requires_grad for q in p.model.parameters()):
        return None
    moving = [
        name
        for name, norm in p.remembering.items()
        if (own := list(norm.parameters()))
        and not any(q.requires_grad for q in own)
        and p.in_training(name)
    ]
    if not moving:
        return None
    return Finding(
        seen=f"{listed(moving)} have frozen γ and β, but are in training mode",
        sure="certain: requires_grad is False and training is True",
        why="requires_grad=False stops gradients and nothing else. In training mode the layer "
        "normalises by the batch, and its running statistics move towards the new data: the frozen "
        "part is no longer the function that was trained",
        cure="after every model.train(), call eval() on the frozen normalisers; or replace them by "
        "torchvision's FrozenBatchNorm2d",
        check="the frozen buffers are the same before and after an epoch",
    )
