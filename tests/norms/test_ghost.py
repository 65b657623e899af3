"""Ghost batches: statistics of parts, running statistics of the whole."""

import pytest
import torch
from torch import Tensor

from bnbook import norms
from bnbook.norms import NormError

SHAPES = [(12, 3), (12, 3, 4), (12, 3, 4, 2)]


def pair(ghost_size: int) -> tuple[norms.Norm, norms.Norm]:
    """A ghost normaliser and BN with the same γ and β."""
    ghost = norms.make("ghost", 3, ghost_size=ghost_size, eps=0.1)
    bn = norms.make("batch", 3, eps=0.1)
    with torch.no_grad():
        for mine, its in zip(ghost.parameters(), bn.parameters(), strict=True):
            its.copy_(mine.copy_(torch.randn(3)))
    return ghost, bn


def agree(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_one_ghost_is_bn(shape: tuple[int, ...]) -> None:
    ghost, bn = pair(12)
    z = torch.randn(shape)
    agree(ghost(z), bn(z))


@pytest.mark.parametrize("size", [2, 3, 6])
@pytest.mark.parametrize("shape", SHAPES)
def test_each_ghost_is_normalised_as_a_batch_of_its_own(shape: tuple[int, ...], size: int) -> None:
    ghost, bn = pair(size)
    z = torch.randn(shape)
    agree(ghost(z), torch.cat([bn(part) for part in z.split(size)]))


@pytest.mark.parametrize("mode", ["train", "collect"])
@pytest.mark.parametrize("shape", SHAPES)
def test_running_statistics_pool_the_ghosts(shape: tuple[int, ...], mode: norms.Mode) -> None:
    ghost, bn = pair(3)
    for step in range(3):
        z = step + torch.randn(shape)
        with norms.using(ghost, mode), norms.using(bn, mode):
            ghost(z), bn(z)
    for mine, its in zip(ghost.buffers(), bn.buffers(), strict=True):
        agree(mine, its)


def test_a_ghost_of_one_image_is_instance_normalization() -> None:
    ghost, z = norms.make("ghost", 3, ghost_size=1), torch.randn(4, 3, 5, 2)
    agree(ghost(z), norms.make("instance", 3)(z))


@pytest.mark.parametrize("mode", ["train", "batch", "collect"])
def test_a_size_that_leaves_examples_over_is_refused(mode: norms.Mode) -> None:
    ghost = norms.make("ghost", 3, ghost_size=5)
    message = "ghost_size 5 does not divide a batch of 12"
    with norms.using(ghost, mode), pytest.raises(NormError, match=message):
        ghost(torch.randn(12, 3))
    assert ghost.eval()(torch.randn(12, 3)).shape == (12, 3)


def test_a_ghost_of_one_value_is_refused() -> None:
    with pytest.raises(NormError, match="one value per channel and ghost batch"):
        norms.make("ghost", 3, ghost_size=1)(torch.randn(4, 3))
    with pytest.raises(NormError, match="ghost_size is 0"):
        norms.make("ghost", 3, ghost_size=0)
