"""Batches that are no fair sample."""

from __future__ import annotations

import torch
from scipy.stats import chi2

from bnbook.diagnosis.base import Finding, Patient, sign

CHANCE = 1e-6


@sign("unfair-batches", page="small-batches")
def unfair_batches(p: Patient) -> Finding | None:
    """Labels differ more from batch to batch than in batches dealt at random."""
    rows = [r for r in p.batches() if len(r) == p.batch_size]
    if len(rows) < 2 or p.batch_size < 2 or not p.remembering:
        return None
    labels = p.data.train.y
    counts = torch.stack([torch.bincount(labels[r], minlength=len(p.data.classes)) for r in rows])
    counts = counts[:, counts.sum(0) > 0].double()
    expected = counts.sum(0) / len(rows)
    statistic = float(((counts - expected).square() / expected).sum())
    freedom = (len(rows) - 1) * (counts.shape[1] - 1)
    chance = float(chi2.sf(statistic, freedom))
    if not freedom or chance > CHANCE or statistic < 1.5 * freedom:
        return None
    present = float((counts > 0).sum(1).double().mean())
    return Finding(
        seen=f"the counts of classes vary {statistic / freedom:.1f} times as much from batch to "
        f"batch as in batches dealt at random; a batch has {present:.1f} of {counts.shape[1]} "
        "classes on average",
        sure=f"measured over {len(rows)} batches: by chance with probability "
        f"{max(chance, 1e-300):.0e} (χ² test of homogeneity)",
        why="each batch is normalised by the moments of its own few classes, which tell the "
        "network what the batch is about; in evaluation that clue is gone",
        cure="shuffle: DataLoader(..., shuffle=True); for data in sequences, mix sequences in a "
        "batch; or a normaliser of single examples",
        check="the ratio is near 1",
    )
