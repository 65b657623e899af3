"""Normalisers that cannot vanish."""

from __future__ import annotations

import copy

from bnbook.diagnosis.base import Finding, Patient, sign
from bnbook.folding import FoldError, fold


@sign("not-foldable", page="bn-math", kind="remark", unless=("reused-layer", "shared-normaliser"))
def not_foldable(p: Patient) -> Finding | None:
    """A normaliser with running statistics that folding refuses."""
    if not p.remembering:
        return None
    try:
        fold(copy.deepcopy(p.net).eval())
    except FoldError as error:
        return Finding(
            seen=f"folding refuses: {error}",
            sure="certain: it was tried",
            why="where folding works, a normaliser costs nothing in use. Here it stays a step of "
            "its own; nothing is wrong by it",
            cure="leave it, or normalise right after a linear map or convolution",
            check="bnbook.fold(bnbook.adopt(model).eval()) gives a network without normalisers",
        )
    return None
