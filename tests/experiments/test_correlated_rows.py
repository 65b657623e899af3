"""Films of digits, and how much the rows of a batch resemble each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bnbook import data, experiments
from bnbook.data import Dataset, Split
from bnbook.experiments.correlated_rows import Frames, correlation, filmed, sampler_of
from bnbook.train import Sequences

SETTINGS = Frames(sequences=40, length=4, batch_size=8)


def test_a_film_shows_one_digit_that_walks_by_a_pixel_at_most() -> None:
    films = filmed(Frames(sequences=20, length=4, noise=0.0), 3)
    raw = films.train.x.unflatten(0, (20, 4))
    assert films.train.y.view(20, 4).unique(dim=1).shape == (20, 1)
    for before, after in zip(raw[:, 0], raw[:, 1], strict=True):
        steps = [before.roll((i, j), (1, 2)) for i in (-1, 0, 1) for j in (-1, 0, 1)]
        assert any(torch.equal(step, after) for step in steps)


def test_independent_and_correlated_arms_see_the_same_frames() -> None:
    films, generator = filmed(SETTINGS, 3), torch.Generator().manual_seed(0)
    orders = [
        sampler_of(SETTINGS, rows)(films.train.y, 8, generator)
        for rows in ("independent", "correlated")
    ]
    assert [order.sort().values.tolist() for order in orders] == [list(range(160))] * 2


@pytest.mark.parametrize("r", [0.0, 0.5, 0.9])
def test_the_correlation_of_rows_is_that_of_made_sequences(r: float) -> None:
    # A common part of variance r in every frame of a sequence, and a batch that is one sequence.
    rng = np.random.default_rng(0)
    common, own = rng.normal(size=(400, 1, 30)), rng.normal(size=(400, 4, 30))
    x = torch.from_numpy(np.sqrt(r) * common + np.sqrt(1 - r) * own).flatten(0, 1)
    split = Split(x.float(), torch.zeros(len(x), dtype=torch.long))
    made = Dataset("made", split, split, ("a", "b"), "0" * 16)
    settings = Frames(length=4, batch_size=4)
    assert correlation(made, settings, Sequences(4), 0) == pytest.approx(r, abs=0.02)


def test_rows_of_films_are_correlated_and_shuffled_ones_are_not() -> None:
    record = experiments.run("correlated-rows", "smoke", progress=False)
    mean = record.correlation.mean("seed")
    assert abs(float(mean.sel(arm="batch, independent"))) < 0.01
    assert float(mean.sel(arm="batch, correlated")) > 0.05
    same = mean.sel(arm="batch, correlated") - mean.sel(arm="none, correlated")
    assert float(same) == 0


def test_test_digits_are_none_of_the_training_digits() -> None:
    assert len(filmed(SETTINGS, 3).test) == len(data.load("mnist-5k").test)
