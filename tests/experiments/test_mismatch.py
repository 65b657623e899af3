"""Test data unlike training data: what each kind of mismatch does, and what it leaves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from bnbook import data, experiments
from bnbook.experiments import ExperimentError
from bnbook.experiments.mismatch import STRENGTHS, Mismatch
from bnbook.nets import MLP
from bnbook.study.base import draws

DIGITS = data.load("mnist-5k").test


def moved(kind: str, strength: float) -> tuple[torch.Tensor, torch.Tensor]:
    return Mismatch(kind, strength)(DIGITS.x, DIGITS.y, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", STRENGTHS)
def test_a_mismatch_of_strength_zero_is_the_identity(kind: str) -> None:
    x, y = moved(kind, 0.0)
    assert torch.equal(x, DIGITS.x)
    assert torch.equal(y, DIGITS.y)
    assert STRENGTHS[kind][0] == 0


@pytest.mark.parametrize("kind", ["noise", "contrast", "translation"])
def test_a_shift_of_the_inputs_leaves_the_labels(kind: str) -> None:
    x, y = moved(kind, STRENGTHS[kind][-1])
    assert torch.equal(y, DIGITS.y)
    assert not torch.allclose(x, DIGITS.x)


def test_noise_has_the_standard_deviation_it_is_asked_for() -> None:
    assert float((moved("noise", 1.5)[0] - DIGITS.x).std()) == pytest.approx(1.5, rel=2e-3)


def test_contrast_shrinks_every_picture_towards_the_mean_picture() -> None:
    x, mean = moved("contrast", 0.8)[0], DIGITS.x.mean(0)
    torch.testing.assert_close(x.mean(0), mean, atol=1e-5, rtol=0)
    torch.testing.assert_close(x - mean, 0.2 * (DIGITS.x - mean), atol=1e-5, rtol=0)


def test_translation_is_scipys_shift() -> None:
    x = moved("translation", 3.0)[0]
    oracle = ndimage.shift(DIGITS.x[:5].numpy(), (0, 0, 0, 3), order=0, cval=float(DIGITS.x.min()))
    np.testing.assert_array_equal(x[:5], oracle)


def test_a_shift_of_labels_thins_all_classes_but_two() -> None:
    x, y = moved("labels", 0.8)
    counts = torch.bincount(y, minlength=10)
    assert counts[:2].tolist() == [100, 100]
    assert float(counts[2:].sum()) / 800 == pytest.approx(0.2, abs=0.05)
    kept = [int((DIGITS.x == picture).flatten(1).all(1).nonzero()[0]) for picture in x[:5]]
    assert DIGITS.y[kept].tolist() == y[:5].tolist()
    assert set(moved("labels", 1.0)[1].tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("kind", "strength", "says"),
    [
        ("blur", 1.0, "noise"),
        ("contrast", 1.1, "between 0 and 1"),
        ("labels", -0.1, "between 0 and 1"),
        ("noise", -1.0, "between 0 and inf"),
        ("translation", 0.5, "whole pixels"),
    ],
)
def test_a_mismatch_that_cannot_be_is_explained(kind: str, strength: float, says: str) -> None:
    with pytest.raises(ExperimentError, match=says):
        Mismatch(kind, strength)


def test_batch_statistics_undo_a_change_of_contrast() -> None:
    # It is an affine map of every first-layer channel, the same for all examples.
    record = experiments.run("mismatch", "smoke", progress=False)
    by_batch = record.accuracy.sel(arm="batch", kind="contrast", statistics="batch")
    np.testing.assert_allclose(by_batch, by_batch.isel(level=[0] * 5), atol=3e-3)


def test_at_level_zero_all_kinds_agree_and_a_network_without_statistics_has_one_accuracy() -> None:
    record = experiments.run("mismatch", "smoke", progress=False)
    clean = record.accuracy.sel(level=0, statistics="population")
    np.testing.assert_array_equal(clean, clean.isel(kind=[0] * 4))
    plain = record.sel(arm="layer")
    same = plain.adapted - plain.accuracy.sel(statistics="population")
    assert float(abs(same).max()) == 0


@pytest.mark.parametrize("seed", [0, 1, 5])
def test_noise_has_nothing_to_do_with_the_weights_of_a_seed(seed: int) -> None:
    # Drawn by the network's own seed, the noise of example i would be the weights of unit i.
    weights = (
        next(MLP((64,), "relu", "none").build((1, 28, 28), 10, seed).parameters())
        .detach()
        .flatten()
    )
    for generator, same in ((torch.Generator().manual_seed(seed), True), (draws(seed), False)):
        x, _ = Mismatch("noise", 1.0)(DIGITS.x, DIGITS.y, generator)
        noise = (x - DIGITS.x)[:64].flatten()
        alike = float(torch.corrcoef(torch.stack([noise, weights]))[0, 1])
        assert (abs(alike) > 0.99) == same
