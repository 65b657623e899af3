"""A linear map that is used twice and normalised after."""

from __future__ import annotations

from bnbook.diagnosis.base import Finding, Patient, listed, sign


@sign("reused-layer", page="bn-math", kind="remark", unless=("shared-normaliser",))
def reused_layer(p: Patient) -> Finding | None:
    """A linear map, used more than once, that a normaliser with running statistics follows."""
    followed = {s.name for s in p.sites if set(s.norms) & set(p.remembering)}
    reused = [name for name in followed if p.calls.get(name, 0) > 1]
    if not reused:
        return None
    return Finding(
        seen=f"one pass uses {listed(sorted(reused))} more than once, before batch normalization",
        sure="certain: the calls were counted",
        why="fusing puts a normaliser's scale and shift into the map's weights. A map with two "
        "normalisers would have to have two weights; tools that fuse pair by pair apply both to "
        "the one, and the outputs are wrong without an error",
        cure="leave these unfused (bnbook.fold refuses them), or give every use a copy of the map",
        check="compare the fused network with the original on a few inputs: equal to rounding",
    )
