"""A bias that a normaliser removes."""

from __future__ import annotations

from bnbook.diagnosis.base import Finding, Patient, listed, sign


@sign("redundant-bias", page="bn-math", kind="remark")
def redundant_bias(p: Patient) -> Finding | None:
    """A linear map with a bias right before a normaliser that absorbs it."""
    modules = dict(p.net.named_modules())
    redundant = []
    for s in p.sites:
        users = list(s.linear.users)
        after = modules.get(f"model.{users[0].target}") if len(users) == 1 else None
        if modules[f"model.{s.name}"].bias is not None and getattr(after, "absorbs_bias", False):
            redundant.append(s.name)
    if not redundant:
        return None
    return Finding(
        seen=f"{listed(redundant)} have a bias that the normaliser after them subtracts",
        sure="certain: it follows from the graph",
        why="it gets no gradient but rounding error, which Adam divides by its own size and walks "
        "along; and it costs a little memory. Nothing is wrong by it",
        cure="bias=False in these layers",
        check="nothing else changes",
    )
