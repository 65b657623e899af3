"""Random numbers as a function of a key and a counter, with no generator to carry around.

A normaliser that draws noise must give the same numbers alone and stacked under `torch.func.vmap`,
on every device, after an interruption, and whether or not a probe looked in between. A hash of
(key, position) does all of that. The mixing function is SplitMix64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

_GOLDEN = -7046029254386353131  # 0x9E3779B97F4A7C15 as a signed 64-bit number
_MIX_1 = -4658895280553007687  # 0xBF58476D1CE4E5B9
_MIX_2 = -7723592293110705685  # 0x94D049BB133111EB


def hashed(key: Int64[Tensor, "*shape"]) -> Int64[Tensor, "*shape"]:
    """An int64 tensor mixed so that neighbouring keys give unrelated numbers (SplitMix64)."""
    mixed = key + _GOLDEN
    mixed = (mixed ^ _shifted(mixed, 30)) * _MIX_1
    mixed = (mixed ^ _shifted(mixed, 27)) * _MIX_2
    return mixed ^ _shifted(mixed, 31)


def uniform(
    key: Int64[Tensor, ""], shape: Sequence[int], like: Shaped[Tensor, " ..."]
) -> Float[Tensor, " ..."]:
    """Numbers from U(0, 1), of `shape`, on the device of `like`; 0 and 1 never occur.

    Their dtype is that of `like`, or float32 where that is coarser: half precision has no 2⁻²⁵.
    """
    return _fraction(_shifted(_bits(key, shape, like), 40), like)


def normal(
    key: Int64[Tensor, ""], shape: Sequence[int], like: Shaped[Tensor, " ..."]
) -> Float[Tensor, " ..."]:
    """Numbers from N(0, 1), by the Box–Muller transform of the two ends of one hash.

    Shape, dtype and device as for `uniform`.
    """
    bits = _bits(key, shape, like)
    radius = torch.sqrt(-2 * torch.log(_fraction(_shifted(bits, 40), like)))
    return radius * torch.cos(2 * math.pi * _fraction(bits & 0xFFFFFF, like))


def _bits(key: Tensor, shape: Sequence[int], like: Tensor) -> Tensor:
    """64 mixed bits for each position of `shape`."""
    counter = torch.arange(math.prod(shape), device=like.device).view(*shape)
    return hashed(hashed(key) + counter)


def _fraction(bits: Tensor, like: Tensor) -> Tensor:
    """24 bits as a number in (0, 1)."""
    return (bits.to(torch.promote_types(like.dtype, torch.float32)) + 0.5) / 2**24


def _shifted(value: Tensor, places: int) -> Tensor:
    """Logical right shift of int64 (torch's own is arithmetic)."""
    return (value >> places) & ((1 << (64 - places)) - 1)
