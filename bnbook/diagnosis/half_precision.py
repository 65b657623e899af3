"""Normalisers in half precision."""

from __future__ import annotations

import torch

from bnbook.diagnosis.base import Finding, Patient, listed, sign


@sign("half-precision", page="bn-math", kind="remark", unless=("not-finite",))
def half_precision(p: Patient) -> Finding | None:
    """Running statistics that are stored in 16 bits."""
    means = {
        name: module.running_mean.dtype
        for name, module in p.model.named_modules()
        if isinstance(getattr(module, "running_mean", None), torch.Tensor)
    }
    half = [name for name, kind in means.items() if kind in (torch.float16, torch.bfloat16)]
    if not half:
        return None
    return Finding(
        seen=f"the running statistics of {listed(half)} are in {means[half[0]]}",
        sure="certain: it is what is stored",
        why="an update of less than a 2,048th (float16) or a 256th (bfloat16) of a value is lost, "
        "so that running statistics stop moving; a variance above 65,504 is infinite in float16",
        cure="keep normalisers in float32: model.half() and then .float() on each of them, or "
        "torch.autocast, which does so",
        check="their dtype is torch.float32",
    )
