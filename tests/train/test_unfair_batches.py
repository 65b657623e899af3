"""Samplers whose batches are no fair sample of the data."""

from __future__ import annotations

from collections import Counter

import pytest
import torch

from bnbook.train import Batches, FewClasses, PlanError, Sequences

LABELS = torch.arange(200) % 10


def order(sampler: FewClasses | Sequences, m: int, labels: torch.Tensor = LABELS) -> torch.Tensor:
    return sampler(labels, m, torch.Generator().manual_seed(0)).view(-1, m)


@pytest.mark.parametrize(("classes", "m"), [(1, 4), (2, 4), (3, 6), (5, 10), (10, 20)])
def test_a_batch_holds_so_many_classes_in_turn_and_equally_often(classes: int, m: int) -> None:
    for batch in order(FewClasses(classes), m):
        kinds = LABELS[batch].tolist()
        assert set(Counter(kinds).values()) == {m // classes}
        assert len(set(kinds)) == classes
        assert all(set(kinds[i : i + classes]) == set(kinds) for i in range(0, m, classes))


@pytest.mark.parametrize(("classes", "m"), [(1, 4), (2, 4), (5, 20), (10, 20)])
def test_an_epoch_shows_each_example_at_most_once_and_nearly_all_of_them(
    classes: int, m: int
) -> None:
    shown = order(FewClasses(classes), m).flatten()
    assert len(shown.unique()) == len(shown) == len(LABELS)


def test_classes_of_unequal_size_are_shown_as_long_as_enough_of_them_have_examples() -> None:
    labels = torch.tensor([0] * 40 + [1] * 8 + [2] * 8)
    shown = labels[order(FewClasses(2), 8, labels)]
    assert all(len(set(batch.tolist())) == 2 for batch in shown)
    assert 2 <= len(shown) <= 4  # by then fewer than two classes have four examples left


def test_each_seed_has_its_own_order_and_each_epoch_another() -> None:
    batches = Batches(LABELS, 20, (1, 2, 1), FewClasses(2))
    first = batches[0]
    assert torch.equal(first[0], first[2])
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first, batches[batches.per_epoch])


@pytest.mark.parametrize(
    ("classes", "m", "says"),
    [
        (11, 22, "only 10 classes"),
        (3, 20, "take a multiple of 3"),
        (2, 60, "take a smaller batch"),
    ],
)
def test_batches_that_cannot_be_are_explained(classes: int, m: int, says: str) -> None:
    with pytest.raises(PlanError, match=says):
        order(FewClasses(classes), m)


def test_a_batch_of_no_class_is_refused() -> None:
    with pytest.raises(PlanError, match="1 class or more"):
        FewClasses(0)


def test_sequences_stay_whole_and_come_in_random_order() -> None:
    shown = order(Sequences(5), 20)
    parts = shown.view(-1, 5)
    assert torch.equal(parts - parts[:, :1], torch.arange(5).expand(len(parts), 5))
    assert sorted(parts[:, 0].tolist()) == list(range(0, 200, 5))
    assert parts[:, 0].tolist() != sorted(parts[:, 0].tolist())


@pytest.mark.parametrize(("length", "m"), [(0, 10), (3, 10), (7, 14)])
def test_a_sequence_that_would_be_cut_is_refused(length: int, m: int) -> None:
    with pytest.raises(PlanError, match="must divide both"):
        order(Sequences(length), m)
