"""ε that is not small."""

from __future__ import annotations

from bnbook.diagnosis.base import Finding, Patient, listed, sign
from bnbook.norms.batch import BatchNorm

SHARE = 0.5


@sign("epsilon-dominates", page="bn-math", unless=("not-finite", "never-updated", "dead-channels"))
def epsilon_dominates(p: Patient) -> Finding | None:
    """ρ = ε/(σ² + ε) above a half, in half of the channels of a layer."""
    rho = {}
    for name, norm in p.remembering.items():
        if isinstance(norm, BatchNorm):
            each = norm.eps / (norm.running_var.detach().double() + norm.eps)
            if float((each > SHARE).double().mean()) >= SHARE:
                rho[name] = (float(each.median()), norm.eps, float(norm.running_var.median()))
    if not rho:
        return None
    worst = max(rho, key=lambda name: rho[name][0])
    share, eps, var = rho[worst]
    return Finding(
        seen=f"in '{worst}' the median channel has the variance {var:.2g} beside ε = {eps:.2g}: "
        f"{share:.0%} of what it divides by is ε; more than a half in {listed(rho)}",
        sure="certain: it is what is stored",
        why="the layer no longer normalises. Its output shrinks with its input, the weights before "
        "it are no longer free of scale, and so is nothing that is argued from that",
        cure="scale the inputs, use a smaller ε, or look for why the layer before gives so little",
        check="ε is below a tenth of the variance in most channels",
    )
