"""Numbers that are none."""

from __future__ import annotations

import torch

from bnbook.diagnosis.base import Finding, Patient, listed, sign


@sign("not-finite", page="bn-math")
def not_finite(p: Patient) -> Finding | None:
    """NaN or infinity in the state, or a running variance below 0."""
    state = {**dict(p.model.named_parameters()), **dict(p.model.named_buffers())}
    bad = [n for n, t in state.items() if t.is_floating_point() and not t.isfinite().all()]
    bad += [n for n, t in state.items() if n.endswith("running_var") and bool((t < 0).any())]
    if not bad:
        return None
    half = [n for n in bad if state[n].dtype in (torch.float16, torch.bfloat16)]
    dtype = " They are in half precision, whose largest number is 65,504." if half else ""
    return Finding(
        seen=f"{listed(bad)} hold NaN, infinity, or a variance below 0.{dtype}",
        sure="certain: it is what is stored",
        why="a single such number spreads to every output that passes it, and running statistics "
        "never forget it: (1 − α)·NaN + α·batch stays NaN",
        cure="load the last state without it; reset the statistics (reset_running_stats) and "
        "collect them anew by bnbook.norms.precise_statistics; keep normalisers in float32",
        check="diagnose again; the finding must be gone, and the loss finite",
    )
