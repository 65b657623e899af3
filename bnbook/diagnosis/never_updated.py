"""Running statistics as they were made."""

from __future__ import annotations

import torch

from bnbook.diagnosis.base import Finding, Patient, listed, sign


@sign("never-updated", page="bn-math")
def never_updated(p: Patient) -> Finding | None:
    """Mean exactly 0 and spread exactly that of a new layer, in every channel."""
    fresh = []
    for name, norm in p.remembering.items():
        mean, spread = (moment.detach().clone() for moment in norm.statistics())
        new = torch.ones_like(spread) if spread.dim() == 1 else torch.eye(len(spread)).to(spread)
        if not mean.any() and bool((spread == new).all()):
            fresh.append(name)
    if not fresh:
        return None
    total = len(p.remembering)
    return Finding(
        seen=f"the running mean is 0 and the running variance 1 in every channel of "
        f"{len(fresh)} of {total} normalisers: {listed(fresh)}",
        sure="certain: no batch of data has such moments. They were never updated, or lost",
        why="in evaluation these layers normalise by numbers that have nothing to do with what "
        "they are given. Buffers are lost where a checkpoint keeps only parameters, where weights "
        "are copied one by one, and by load_state_dict(strict=False), which does not complain",
        cure="load the buffers too (state_dict() holds them); where they are gone, collect them: "
        "bnbook.norms.precise_statistics(bnbook.adopt(model), batches), or a few hundred passes in "
        "training mode without updates",
        check="population and batch statistics must give the same accuracy on training examples",
    )
