"""How much an example's logits depend on chance: on the rest of its batch, on what is dropped."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bnbook.probes.accuracy import logits_of
from bnbook.probes.base import Probe, Snapshot, probe

DRAWS = 8
EXAMPLES = 512
COUNTERS = ("num_batches_tracked", "draws")
"""Buffers that decide which random numbers a noisy normaliser and dropout draw."""


@probe(unit="1", dims=(), source="luo2019towards")
@dataclass(frozen=True)
class LogitNoise(Probe):
    """Variance of an example's logits over batches that hold it, over that between examples.

    E_x Var_B[logit]/Var_x E_B[logit], both averaged over classes. Training examples are dealt
    anew into batches of the training size `DRAWS` times, and pass as in training, so that the
    noise of BN and that of dropout count alike; 0 for a network that has neither. The variance
    over draws is the unbiased one, and the part of it that is in the mean over draws is taken out
    of the denominator.
    """

    def __call__(self, s: Snapshot) -> Tensor:
        size = s.batch[1].shape[1]
        x = s.whole_batches(s.examples("train")[0][: max(EXAMPLES, size)])
        generator = torch.Generator().manual_seed(0)
        found = []
        for draw in range(DRAWS):
            order = torch.randperm(len(x), generator=generator).to(x.device)
            logits = logits_of(s, _moved_on(s, draw), x[order].unflatten(0, (-1, size)), "batch")
            found.append(logits[:, order.argsort()])
        return noise_share(torch.stack(found))


def noise_share(logits: Tensor) -> Tensor:
    """(member,) from logits (draw, member, example, class)."""
    noise = logits.var(0).mean((1, 2))
    signal = logits.mean(0).var(1).mean(1) - noise / len(logits)
    return noise / signal


def _moved_on(s: Snapshot, draws: int) -> dict[str, Tensor]:
    """The buffers as they would be some training steps later, as far as random numbers go."""
    return {
        name: buffer + draws if name.endswith(COUNTERS) else buffer
        for name, buffer in s.buffers.items()
    }
