"""A momentum that means the opposite."""

from __future__ import annotations

from bnbook.diagnosis.base import Finding, Patient, listed, sign
from bnbook.norms.from_torch import CumulativeBatchNorm

LARGEST = 0.9


@sign("reversed-momentum", page="bn-math", unless=("never-updated",))
def reversed_momentum(p: Patient) -> Finding | None:
    """A weight of the new batch of 0.9 or more."""
    large = {
        name: norm.momentum
        for name, norm in p.remembering.items()
        if not isinstance(norm, CumulativeBatchNorm) and norm.momentum >= LARGEST
    }
    if not large:
        return None
    momentum = max(large.values())
    return Finding(
        seen=f"momentum is {momentum:g} in {len(large)} of {len(p.remembering)} normalisers: "
        f"{listed(large)}",
        sure="certain. In torch momentum is the weight of the new batch; in TensorFlow and Keras "
        "it is that of the old value",
        why=f"the running statistics are {momentum:.0%} the last batch: evaluation depends on "
        "which batch came last, and is as noisy as it",
        cure=f"momentum={1 - momentum:.2g} is what {momentum:g} means in the other convention; "
        "then train on for some hundred batches, or collect precise statistics",
        check="population accuracy no longer changes from one update to the next",
    )
