"""What each seed is dealt of a data set: stratified, disjoint, standardised by training alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bnbook import data
from bnbook.data import Dealt, Pool
from bnbook.data.pool import chosen, moments


def numbered(counts: tuple[int, ...], test: int) -> Pool:
    """A pool whose example i is the number i, with so many examples of each class."""
    y = torch.cat([torch.full((n,), k) for k, n in enumerate(counts)])
    return Pool(torch.arange(len(y))[:, None], y, test)


@given(
    st.lists(st.integers(1, 60), min_size=2, max_size=6),
    st.floats(0.05, 0.9),
    st.integers(0, 2**40),
)
@settings(deadline=None, max_examples=25)
def test_a_deal_takes_every_example_once_and_each_class_by_its_share(
    counts: list[int], share: float, seed: int
) -> None:
    pool = numbered(tuple(counts), max(1, round(share * sum(counts))))
    deal = pool.deal(seed)
    together = torch.cat([deal.train, deal.test]).sort().values
    assert torch.equal(together, torch.arange(len(pool)))
    assert len(deal.test) == pool.test
    exact = torch.tensor(counts) * pool.test / len(pool)
    assert ((pool.y[deal.test].bincount(minlength=len(counts)) - exact).abs() < 1).all()


def test_seeds_are_dealt_different_examples_and_a_seed_always_the_same() -> None:
    digits = data.load("mnist-5k")
    again, one, other = (digits.split(seed) for seed in (1, 1, 2))
    assert torch.equal(again.train.x, one.train.x)
    assert torch.equal(again.test.y, one.test.y)
    assert one.test.y.bincount().tolist() == [100] * 10
    same = {row.numpy().tobytes() for row in digits.pool.x[digits.pool.deal(1).test]}
    shared = sum(row.numpy().tobytes() in same for row in digits.pool.x[digits.pool.deal(2).test])
    # hypergeometric: 10 × (mean 20, variance 100·⅕·⅘·400/499 = 12.8) by chance
    assert abs(shared - 200) < 5 * 128**0.5
    assert not torch.equal(one.test.x, other.test.x)


def test_a_split_of_a_seed_is_fixed_and_so_is_the_official_one() -> None:
    one = data.load("mnist-5k").split(3)
    assert one.split(4) is one
    official = data.load("official:mnist-5k")
    assert official.split(4) is official
    assert torch.equal(official.train.x, data.load("mnist-5k").train.x)


def test_standardisation_does_not_hang_on_the_test_examples() -> None:
    x = torch.randint(0, 256, (60, 3, 4, 4), dtype=torch.uint8)
    y = torch.arange(60) % 3
    pool = Pool(x, y, 20)
    deal = pool.deal(5)
    spoilt = x.clone()
    spoilt[deal.test] = 255
    mean, std = Pool(spoilt, y, 20).deal(5).mean, Pool(spoilt, y, 20).deal(5).std
    assert torch.equal(mean, deal.mean)
    assert torch.equal(std, deal.std)


@pytest.mark.parametrize("shape", [(5000, 3), (5000, 2, 3, 3)])
def test_moments_in_pieces_are_those_of_the_whole(shape: tuple[int, ...]) -> None:
    x = torch.randn(*shape, dtype=torch.float64) * 7 + 100
    rows = torch.randperm(5000)[:4999]
    over = (0, *range(2, len(shape)))
    std, mean = torch.std_mean(x[rows], dim=over, correction=0, keepdim=True)
    found = moments(x, rows)
    torch.testing.assert_close(found[0], mean.float(), rtol=1e-6, atol=0)
    torch.testing.assert_close(found[1], std.float(), rtol=1e-6, atol=0)


def test_what_tunes_is_not_what_trains_or_tests_whatever_the_seed() -> None:
    pool = numbered((40, 60, 100), 40)
    kept, aside = pool.divided()
    assert (len(kept), kept.test, len(aside), aside.test) == (160, 32, 40, 8)
    assert aside.y.bincount().tolist() == [8, 12, 20]
    together = torch.cat([kept.x, aside.x]).flatten().sort().values
    assert torch.equal(together, torch.arange(200))


def test_of_a_fixed_split_a_fifth_of_the_training_examples_tunes() -> None:
    digits = data.load("official:mnist-5k")
    kept, aside = digits.apart()
    assert kept.test is digits.test
    assert (len(kept.train), len(aside.split(1).train), len(aside.split(1).test)) == (
        3200,
        640,
        160,
    )
    assert aside.pool is not None
    together = torch.cat([kept.train.x, aside.pool.x]).flatten(1).sum(1).sort().values
    assert torch.equal(together, digits.train.x.flatten(1).sum(1).sort().values)


def test_the_numbers_that_deal_are_not_those_that_make_weights() -> None:
    y = torch.zeros(50, dtype=torch.long)
    test, train = chosen(y, 10, torch.Generator().manual_seed(4))
    like_weights = torch.cat([test, train])
    dealt = Pool(torch.arange(50.0)[:, None], y, 10).deal(4)
    assert not torch.equal(torch.cat([dealt.test, dealt.train]), like_weights)


def test_members_see_what_a_plain_split_of_their_seed_holds() -> None:
    digits, seeds = data.load("mnist-5k"), (3, 5, 3)
    dealt = Dealt.of(digits, seeds)
    chosen_rows = torch.tensor([[0, 7], [3999, 2], [1, 1]])
    x, y = dealt.train[chosen_rows]
    for i, seed in enumerate(seeds):
        plain = digits.split(seed)
        assert torch.equal(x[i], plain.train.x[chosen_rows[i]])
        assert torch.equal(y[i], plain.train.y[chosen_rows[i]])
        assert torch.equal(dealt.test[slice(4)][0][i], plain.test.x[:4])
        assert torch.equal(dealt.test.labels[i], plain.test.y)


def test_a_data_set_for_each_seed_is_kept_once_and_dealt_to_its_members() -> None:
    digits = data.load("mnist-5k")
    own = {seed: digits.split(seed) for seed in (1, 2)}
    dealt, pooled = (Dealt.of(each, (2, 1, 2)) for each in (own, digits))
    for split in ("train", "test"):
        one, other = (getattr(d, split)[slice(5)] for d in (dealt, pooled))
        assert torch.equal(one[0], other[0])
        assert torch.equal(one[1], other[1])
    assert len(dealt.train.x) == 8000
