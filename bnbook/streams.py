"""Streams of random numbers with a purpose: no two purposes share one."""

from __future__ import annotations

import hashlib

import torch


def stream(purpose: str, *numbers: int) -> torch.Generator:
    """A generator for one purpose, such as `stream("order", seed, epoch)`.

    Its seed is a hash of what it is for. A generator that is seeded with the number of a network
    itself would draw in the likeness of that network's first weights.
    """
    name = " ".join([purpose, *map(str, numbers)])
    return torch.Generator().manual_seed(
        int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)
    )
