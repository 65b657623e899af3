"""Examples that see each other in evaluation."""

from __future__ import annotations

import torch

from bnbook.diagnosis.base import Finding, Patient, listed, sign

CHANGE = 1e-2


@sign("depends-in-use", page="regularization-noise", unless=("not-finite",))
@torch.no_grad()
def depends_in_use(p: Patient) -> Finding | None:
    """After `eval()`: buffers that move, or logits that change with the rest of the batch."""
    x = p.snapshot.examples("test")[0][0, : max(8, min(64, p.batch_size))]
    model, before = p.in_use, {n: b.clone() for n, b in p.in_use.named_buffers()}
    whole, half = model(x), model(x[: len(x) // 2])
    moved = [n for n, b in model.named_buffers() if not torch.equal(b, before[n])]
    change = float((whole[: len(half)] - half).norm() / whole[: len(half)].norm())
    if not moved and change < CHANGE:
        return None
    still = [name for name, m in model.named_modules() if m.training]
    parts = [f"buffers such as {listed(moved, 1)} are updated" if moved else ""]
    parts += [
        f"logits change by {change:.0%} with the rest of the batch" if change > CHANGE else ""
    ]
    parts += [f"{listed(still)} stay in training mode" if still else ""]
    return Finding(
        seen="after model.eval(), " + ", and ".join(filter(None, parts)),
        sure="measured on a copy: the same examples in a batch of another size",
        why="an answer then depends on who else is asked: on the batch size, on the order, on "
        "other users' inputs; and test examples leak into the statistics",
        cure="let eval() reach every normaliser (a train() that is overridden must not undo it), "
        "and keep running statistics (track_running_stats=True)",
        check="a batch and its halves give the same logits after eval()",
    )
