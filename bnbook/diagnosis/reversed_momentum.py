"""A momentum that means the opposite."""

from __future__ import annotations

from bnbook.diagnosis.base import Finding, Patient, listed, sign

LARGEST = 0.9


@sign("reversed-momentum", page="bn-math", unless=("never-updated",))
def reversed_momentum(p: Patient) -> Finding | None:
    """A weight of the new batch of 0.9 or more."""
    large = {
        name: momentum
        for name, norm in p.remembering.items()
        if (momentum := norm.momentum) is not None and momentum >= LARGEST
    }
    if not large:
        return None
    largest = max(large.values())
    return Finding(
        seen=f"momentum is {largest:g} in {len(large)} of {len(p.remembering)} normalisers: "
        f"{listed(large)}",
        sure="certain. In torch momentum is the weight of the new batch; in TensorFlow and Keras "
        "it is that of the old value",
        why=f"the running statistics are {largest:.0%} the last batch: evaluation depends on "
        "which batch came last, and is as noisy as it",
        cure=f"momentum={1 - largest:.2g} is what {largest:g} means in the other convention; "
        "then train on for some hundred batches, or collect precise statistics",
        check="population accuracy no longer changes from one update to the next",
    )
