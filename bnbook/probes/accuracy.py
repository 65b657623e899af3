"""Accuracy and loss under each kind of statistics a normaliser can use."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor
from torch.func import functional_call, vmap

from bnbook import norms
from bnbook.nets.members import over_members
from bnbook.probes.base import SPLITS, STATISTICS, Probe, Snapshot, Tensors, once, probe


class Predictions:
    """What a snapshot's networks say, computed when it is first asked for.

    `found[split, kind]` are the logits (member, N, classes) and labels (member, N) of a split
    under a kind of statistics:

    batch        examples in batches of the training size, each normalised by itself; the few
                 left over by the last full batch are not used
    population   the running statistics, as in ordinary evaluation
    precise      pooled moments over the training examples looked at, at the present weights;
                 those left over by the last full batch are not used, because ghosts must divide it
    """

    def __init__(self, s: Snapshot) -> None:
        self.snapshot = s
        self.found: dict[tuple[str, str], tuple[Tensor, Tensor]] = {}

    def __getitem__(
        self, which: tuple[str, str]
    ) -> tuple[Float[Tensor, "member n classes"], Int64[Tensor, "member n"]]:
        if not keeps_statistics(self.snapshot):
            which = (which[0], "population")
        if which not in self.found:
            self.found[which] = self._predict(*which)
        return self.found[which]

    def _predict(self, split: str, kind: str) -> tuple[Tensor, Tensor]:
        s = self.snapshot
        (x, y), size = s.examples(split), s.batch[1].shape[1]
        buffers = _precise_buffers(s) if kind == "precise" else s.buffers
        mode: norms.Mode = "batch" if kind == "batch" else "population"
        step = min(size, y.shape[1]) if kind == "batch" else y.shape[1]
        logits = logits_of(s, buffers, _in_batches(x, step), mode)
        return logits, y[:, : logits.shape[1]]


@once
def predictions(s: Snapshot) -> Predictions:
    """The predictions of a snapshot, which its probes share."""
    return Predictions(s)


def keeps_statistics(s: Snapshot) -> bool:
    """Whether the network holds a normaliser for which the kinds of statistics differ."""
    return any(isinstance(m, norms.Norm) and m.keeps_statistics for m in s.net.modules())


def _in_batches(x: Tensor, size: int) -> Tensor:
    """(member, N, …) → (member, batches, size, …), dropping what does not fill a batch."""
    full = x.shape[1] // size
    return x[:, : full * size].unflatten(1, (full, size))


@torch.no_grad()
def logits_of(
    s: Snapshot,
    buffers: Tensors,
    batches: Float[Tensor, "member count m ..."],
    mode: norms.Mode,
) -> Float[Tensor, "member n classes"]:
    """Logits (member, N, classes) of batches (member, count, m, …), N = count·m, each by itself."""

    def forward(params: Tensors, buffers: Tensors, x: Tensor) -> Tensor:
        return functional_call(s.net, (params, buffers), (x,))

    def one_after_the_other(params: Tensors, buffers: Tensors, batches: Tensor) -> Tensor:
        return torch.stack([forward(params, buffers, x) for x in batches])

    stacked = vmap(forward, in_dims=(None, None, 0))
    over_batches = stacked if s.net.stacks else one_after_the_other
    with norms.using(s.net, mode):
        of_all = over_members(s.net, over_batches, (0, 0, 0))
        return of_all(s.params, buffers, batches).flatten(1, 2)


@once
def _precise_buffers(s: Snapshot) -> Tensors:
    """Copies of the buffers that hold the pooled moments of the training examples."""

    def pooled(params: Tensors, buffers: Tensors, x: Tensor) -> Tensors:
        buffers = {name: b.clone() for name, b in buffers.items()}
        functional_call(s.net, (params, buffers), (x,))
        return buffers

    x = s.whole_batches(s.examples("train")[0])
    fresh = {name: b.clone() for name, b in s.buffers.items()}
    for name, buffer in fresh.items():
        if name.endswith("num_batches_tracked"):
            buffer.zero_()
    with norms.using(s.net, "collect"), torch.no_grad():
        pooled_of_all = over_members(s.net, pooled, (0, 0, 0))
        pools = pooled_of_all(s.params, fresh, x)
    return {
        name: s.buffers[name] if name.endswith("num_batches_tracked") else buffer
        for name, buffer in pools.items()
    }


@probe(unit="1", dims=("split", "statistics"), source="ioffe2015batch")
@dataclass(frozen=True)
class Accuracy(Probe):
    """Share of examples whose largest logit is the right class, by split and statistics."""

    splits: tuple[str, ...] = SPLITS
    statistics: tuple[str, ...] = STATISTICS

    def __call__(self, s: Snapshot) -> Float[Tensor, "member split statistics"]:
        return _table(self, s, lambda logits, y: (logits.argmax(-1) == y).to(logits.dtype).mean(-1))


@probe(unit="nat", dims=("split", "statistics"), source="ioffe2015batch")
@dataclass(frozen=True)
class Loss(Probe):
    """Mean cross-entropy of the examples, by split and statistics."""

    splits: tuple[str, ...] = SPLITS
    statistics: tuple[str, ...] = STATISTICS

    def __call__(self, s: Snapshot) -> Float[Tensor, "member split statistics"]:
        def cross_entropy(logits: Tensor, y: Tensor) -> Tensor:
            return F.cross_entropy(logits.mT, y, reduction="none").mean(-1)

        return _table(self, s, cross_entropy)


def _table(probe: Accuracy | Loss, s: Snapshot, score) -> Tensor:  # type: ignore[no-untyped-def]
    """(member, split, statistics) of `score(logits, y)`, which gives one number a member."""
    found = predictions(s)
    rows = [
        torch.stack([score(*found[split, kind]) for kind in probe.statistics], 1)
        for split in probe.splits
    ]
    return torch.stack(rows, 1)
