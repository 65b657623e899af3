"""Images changed in ways that leave their class alone, afresh at every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from bnbook.counter import hashed, uniform
from bnbook.train.errors import PlanError


@dataclass(frozen=True)
class FlipAndCrop:
    """A random window of the image padded with zeros, and its mirror image half of the time.

    padding   pixels of zeros on each side; the window, of the size of the image, may start at any
              of (2·padding + 1)² places. Zero is the mean of the training pixels
    flip      whether left and right are swapped with probability ½

    The random numbers are a function of seed and step alone: every arm of a seed sees the same
    images, however it is grouped, and a resumed run the same as an uninterrupted one. Source:
    he2016deep, for CIFAR-10.
    """

    padding: int = 4
    flip: bool = True

    def __post_init__(self) -> None:
        if self.padding < 0:
            raise PlanError(f"padding is {self.padding}; it is a number of pixels, 0 or more")

    def __call__(
        self, x: Float[Tensor, "member m *image"], seeds: Sequence[int], step: int
    ) -> Float[Tensor, "member m *image"]:
        """x (member, m, C, H, W) → the same shape; `seeds` has one for each member."""
        if x.dim() != 5:
            raise PlanError(f"FlipAndCrop takes images (member, m, C, H, W), not {tuple(x.shape)}")
        draws = {seed: self._draws(seed, step, x) for seed in set(seeds)}
        top, left, flipped = torch.cat([draws[seed] for seed in seeds]).unbind(1)
        images, (height, width) = x.flatten(0, 1), x.shape[3:]
        rows = top[:, None] + torch.arange(height, device=x.device)
        columns = left[:, None] + torch.arange(width, device=x.device)
        columns = torch.where(flipped[:, None] == 1, columns.flip(1), columns)
        padded = F.pad(images, [self.padding] * 4)
        example = torch.arange(len(images), device=x.device)[:, None, None, None]
        channel = torch.arange(x.shape[2], device=x.device)[:, None, None]
        chosen = padded[example, channel, rows[:, None, :, None], columns[:, None, None, :]]
        return chosen.view_as(x)

    def _draws(self, seed: int, step: int, x: Tensor) -> Tensor:
        """(m, 3): for each example the first row and column of its window, and whether it flips."""
        key = hashed(torch.tensor(seed, device=x.device)) + step
        choices = torch.tensor([2 * self.padding + 1] * 2 + [1 + self.flip], device=x.device)
        return (uniform(key, (x.shape[1], 3), x) * choices).long()
