"""The few examples that are left over."""

from __future__ import annotations

from bnbook.diagnosis.base import Finding, Patient, sign

FEW = 8


@sign("last-batch", page="small-batches")
def last_batch(p: Patient) -> Finding | None:
    """A training batch with far fewer values per channel than the others."""
    sizes = [len(rows) for rows in p.batches()]
    names = [n for n in p.remembering if p.in_training(n) or not p.model.training]
    if len(sizes) < 2 or not names:
        return None
    narrow = min(names, key=lambda name: p.values_per_channel(name, 1))
    few, usual = (p.values_per_channel(narrow, n) for n in (min(sizes), p.batch_size))
    if few >= FEW or usual < 4 * few:
        return None
    end = "training stops with an error" if few == 1 else "its moments are those of hardly anything"
    return Finding(
        seen=f"of {len(sizes)} batches of {p.batch_size}, the smallest has {min(sizes)}: "
        f"'{narrow}' then has {few} values per channel instead of {usual}",
        sure="certain: the loader's batches were counted",
        why=f"with {few} values {end}, the gradient is mostly noise, and as the last batch of an "
        "epoch it is the one that the running statistics remember best",
        cure="DataLoader(..., drop_last=True), or a batch size that leaves no small rest",
        check="the smallest batch is as large as the others",
    )
