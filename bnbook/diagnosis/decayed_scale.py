"""Weight decay on γ and β."""

from __future__ import annotations

from bnbook.diagnosis.base import Finding, Patient, listed, sign
from bnbook.norms import Norm


@sign("decayed-scale", page="regularization-noise", kind="remark")
def decayed_scale(p: Patient) -> Finding | None:
    """An optimizer that decays the parameters of normalisers."""
    if p.optimizer is None:
        return None
    decayed = {
        id(q) for g in p.optimizer.param_groups if g.get("weight_decay") for q in g["params"]
    }
    names = [p.name_of(m) for m in p.net.modules() if isinstance(m, Norm)]
    hit = [n for n in names if any(id(q) in decayed for q in p.model.get_submodule(n).parameters())]
    if not hit:
        return None
    return Finding(
        seen=f"γ and β of {listed(hit)} are decayed",
        sure="certain: their parameter group has weight_decay",
        why="on the weights before BN decay only sets the effective learning rate; on γ and β it "
        "really shrinks what the layer gives. Recipes differ on whether to",
        cure="a parameter group of its own with weight_decay=0 for parameters of one dimension",
        check="compare test accuracy; neither choice is wrong in itself",
    )
