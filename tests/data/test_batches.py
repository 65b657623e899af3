"""A data set from the batches of a loader."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from bnbook import data
from bnbook.data import DataError

X = torch.arange(20.0).view(10, 2)
Y = torch.arange(10) // 5


def loader(size: int) -> DataLoader[tuple[Tensor, ...]]:
    return DataLoader(TensorDataset(X, Y), batch_size=size)


def test_values_stay_as_they_come_and_batches_are_remembered() -> None:
    mine = data.from_batches(loader(3), (X, Y), ["a", "b"])
    assert (mine.classes, mine.batch_size) == (("a", "b"), 3)
    assert [len(rows) for rows in mine.batches] == [3, 3, 3, 1]
    rows = torch.cat(mine.batches)
    assert torch.equal(mine.train.x[rows], X)
    assert torch.equal(mine.train.y[rows], Y)
    assert torch.equal(mine.test.x, X)


def test_the_first_examples_are_a_mixture_though_the_loader_sorts() -> None:
    x, y = torch.randn(1000, 2), torch.arange(1000) // 500
    mine = data.from_batches((x, y), (x, y))
    assert 0.3 < mine.train.y[:100].double().mean() < 0.7


def test_reading_stops_where_it_is_told() -> None:
    def endless() -> Iterator[tuple[Tensor, Tensor]]:
        while True:
            yield X, Y

    assert len(data.from_batches(endless(), (X, Y), examples=25).train) == 20


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ([], "empty"),
        ([(X, Y), (X[:, :1], Y)], "differ in shape"),
        ([(X.long(), Y)], "floating-point"),
        ([(X, Y.float())], "class numbers"),
        ([(X * float("nan"), Y)], "NaN"),
        ([[X, Y, Y]], "a list"),
        ([(X, Y - 1)], "from 0 on"),
    ],
)
def test_what_is_no_batch_is_named(train: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        data.from_batches(train, (X, Y))


def test_fewer_classes_than_labels_are_refused() -> None:
    with pytest.raises(DataError, match="labels go up to 1"):
        data.from_batches((X, Y), (X, Y), ["only"])
