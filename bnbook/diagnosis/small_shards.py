"""A batch that is divided among devices."""

from __future__ import annotations

from torch import nn

from bnbook.diagnosis.base import Finding, Patient, sign
from bnbook.diagnosis.small_batch import found


@sign("small-shards", page="small-batches")
def small_shards(p: Patient) -> Finding | None:
    """As `small-batch`, for the part of a batch that one device normalises by."""
    apart = [n for n in p.remembering if not _together(p, n) and p.in_training(n)]
    if p.replicas < 2 or not apart:
        return None
    return found(
        p,
        p.shard,
        f"{p.replicas} replicas share batches of {p.batch_size}, and each normalises by its own "
        f"{p.shard} examples",
        "nn.SyncBatchNorm.convert_sync_batchnorm(model), larger batches, fewer replicas, or "
        "GroupNorm",
    )


def _together(p: Patient, name: str) -> bool:
    return isinstance(p.model.get_submodule(name), nn.SyncBatchNorm)
