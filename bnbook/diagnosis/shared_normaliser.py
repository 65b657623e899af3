"""One normaliser at several places."""

from __future__ import annotations

from bnbook.diagnosis.base import Finding, Patient, listed, sign


@sign("shared-normaliser", page="bn-math")
def shared_normaliser(p: Patient) -> Finding | None:
    """A normaliser with running statistics that a pass uses more than once."""
    shared = {name: p.calls.get(name, 0) for name in p.remembering if p.calls.get(name, 0) > 1}
    if not shared:
        return None
    return Finding(
        seen=f"one pass uses {listed(shared)} {max(shared.values())} times",
        sure="certain: the calls were counted",
        why="in training each use has the moments of its own input; the running statistics mix "
        "all of them, and fit none of the uses",
        cure="a normaliser of its own for every use, with shared γ and β if they must be shared",
        check="population and batch statistics give the same accuracy on training examples",
    )
