"""A loss so sharp by the directions of the filters that plain steps cannot settle."""

from __future__ import annotations

from typing import cast

import torch

from bnbook.diagnosis.base import DiagnosisError, Finding, Patient, sign
from bnbook.probes.curvature import ritz


@sign(
    "sharp-on-sphere",
    page="smoothness",
    kind="remark",
    unless=("not-finite", "effective-rate", "dead-channels"),
)
def sharp_on_sphere(p: Patient) -> Finding | None:
    """SGD whose η/‖w‖² times the sharpness on the sphere exceeds 2(1 + momentum)."""
    if type(p.optimizer) is not torch.optim.SGD or not all(s.norms for s in p.sites[:-1]):
        return None
    names = [site.name for site in p.sites[:-1]]
    if not names:
        return None
    group = p.optimizer.param_groups[0]
    weights = [cast(torch.Tensor, p.model.get_submodule(name).weight).detach() for name in names]
    lengths = torch.cat([w.flatten(1).norm(dim=1) for w in weights])
    effective = float(group["lr"] / lengths.median() ** 2)
    try:
        sharpness = float(ritz(p.snapshot, "training", "sphere").largest[0])
    except RuntimeError as error:
        raise DiagnosisError(f"the loss cannot be differentiated twice: {error}") from error
    edge = 2 * (1 + group["momentum"])
    if effective * sharpness <= edge:
        return None
    return Finding(
        seen=f"by the directions of the filters the largest curvature is {sharpness:.3g}; times "
        f"the effective rate η/‖w‖² = {effective:.3g} it is {effective * sharpness:.3g}, beyond "
        f"2(1 + momentum) = {edge:.2g}",
        sure="the largest Ritz value of Lanczos' method on a few training batches, with ‖w‖ the "
        "median over the filters; for full batches and filters of one length it is exact",
        why="along such a direction a step overshoots by more than it came from, so the loss "
        "cannot settle there. Networks often train at this edge: now and then it is no fault",
        cure="a lower learning rate or a warm-up; longer weights lower the effective rate too",
        check="the product falls below 2(1 + momentum), and the training loss stops bouncing",
    )
