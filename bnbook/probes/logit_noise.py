"""How much an example's logits depend on chance: on the rest of its batch, on what is dropped."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
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
    """Share of the variance of logits that is chance and not the example: 0 none, 1 all of it.

    E_x Var_B[logit]/Var[logit], both averaged over classes; Var_B is over batches that hold x,
    and the denominator is that plus the variance of E_B[logit] between examples. Training
    examples are dealt anew into batches of the training size `DRAWS` times, and pass as in
    training, so that the noise of BN and that of dropout count alike; a network that has neither
    has 0. The variance over draws is the unbiased one, the denominator that of endless draws.
    """

    def __call__(self, s: Snapshot) -> Float[Tensor, " member"]:
        size = s.batch[1].shape[1]
        x = s.whole_batches(s.examples("train", slice(max(EXAMPLES, size)))[0])
        generator = torch.Generator().manual_seed(0)
        found = []
        for draw in range(DRAWS):
            order = torch.randperm(x.shape[1], generator=generator).to(x.device)
            logits = logits_of(s, _moved_on(s, draw), x[:, order].unflatten(1, (-1, size)), "batch")
            found.append(logits[:, order.argsort()])
        return noise_share(torch.stack(found))


def noise_share(logits: Float[Tensor, "draw member n classes"]) -> Float[Tensor, " member"]:
    """(member,) from logits (draw, member, example, class)."""
    noise = logits.var(0).mean((1, 2))
    whole = logits.mean(0).var(1).mean(1) + noise * (1 - 1 / len(logits))
    return noise / whole


def _moved_on(s: Snapshot, draws: int) -> dict[str, Tensor]:
    """The buffers as they would be some training steps later, as far as random numbers go."""
    return {
        name: buffer + draws if name.endswith(COUNTERS) else buffer
        for name, buffer in s.buffers.items()
    }
