"""Rank and orthogonality of representations: closed forms, and numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bnbook.probes.representation import effective_rank, orthogonality_gap, stable_rank


def test_orthogonal_examples_have_full_rank_and_no_gap() -> None:
    h = 3 * torch.linalg.qr(torch.randn(7, 7, dtype=torch.float64))[0][:4]
    assert effective_rank(h).item() == pytest.approx(4)
    assert stable_rank(h).item() == pytest.approx(4)
    assert orthogonality_gap(h).item() == pytest.approx(0, abs=1e-12)


def test_examples_on_one_line_have_rank_one() -> None:
    h = torch.outer(torch.tensor([1.0, -2.0, 0.5]), torch.tensor([1.0, 2.0, 3.0, 4.0]))
    assert effective_rank(h).item() == pytest.approx(1)
    assert stable_rank(h).item() == pytest.approx(1)
    assert orthogonality_gap(h).item() == pytest.approx(math.sqrt(1 - 1 / 3))


@pytest.mark.oracle("representation_rank")
@pytest.mark.parametrize("shape", [(5, 9), (9, 5)])
def test_ranks_are_those_of_the_singular_values_of_numpy(shape: tuple[int, int]) -> None:
    h = torch.randn(2, *shape, dtype=torch.float64)
    for i in range(2):
        squares = np.linalg.svd(h[i].numpy(), compute_uv=False) ** 2
        expected = squares.sum() ** 2 / (squares**2).sum()
        assert effective_rank(h)[i].item() == pytest.approx(expected)
        assert stable_rank(h)[i].item() == pytest.approx(squares.sum() / squares.max())


def test_the_squared_gap_is_what_the_rank_lacks() -> None:
    h = torch.randn(6, 4, dtype=torch.float64)
    gap, rank = orthogonality_gap(h).item(), effective_rank(h).item()
    assert gap**2 == pytest.approx(1 / rank - 1 / 6)
