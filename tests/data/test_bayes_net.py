"""The made table: its rows follow its network, and its best classifier is Bayes' rule."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from bnbook import data
from bnbook.data import bayes_net

NET = bayes_net.network()


def gaussian(k: int) -> multivariate_normal:
    """The hidden values of class k: z = m + A ε, where A collects the paths through the chain."""
    paths = np.diag(NET.scales[k])
    for j in range(1, bayes_net.FEATURES):
        paths[j, :j] = NET.weights[k, j] * paths[j - 1, :j]
    return multivariate_normal(NET.means[k], paths @ paths.T)


def hidden(x: np.ndarray) -> np.ndarray:
    z = x.copy()
    z[:, 1::2] = 2 * np.log(x[:, 1::2])
    return z


def test_the_hidden_values_of_a_class_have_its_mean_and_covariance() -> None:
    x, y = bayes_net.draw(200_000, seed=1)
    for k in (0, 1, 6):
        z = hidden(x[y == k])
        covariance = gaussian(k).cov
        variance = np.diag(covariance)
        error = np.sqrt(variance / len(z))
        assert np.all(np.abs(z.mean(0) - NET.means[k]) < 5 * error)
        error = np.sqrt((np.outer(variance, variance) + covariance**2) / len(z))
        assert np.all(np.abs(np.cov(z.T) - covariance) < 5 * error)


def test_the_posterior_is_bayes_rule_over_the_gaussians() -> None:
    x, _ = bayes_net.draw(500, seed=2)
    joint = np.stack(
        [share * gaussian(k).pdf(hidden(x)) for k, share in enumerate(NET.shares)], axis=1
    )
    expected = joint / joint.sum(1, keepdims=True)
    np.testing.assert_allclose(NET.posterior(x), expected, rtol=1e-8, atol=1e-12)


def test_classes_have_the_shares_of_glass_with_half_a_row_added() -> None:
    assert NET.shares[3] == pytest.approx(0.5 / 217.5)
    assert NET.shares.sum() == pytest.approx(1)
    _, y = bayes_net.draw(200_000, seed=3)
    assert np.abs(np.bincount(y, minlength=7) / len(y) - NET.shares).max() < 0.006  # 5 σ


def test_draws_of_other_seeds_are_other_rows_and_of_the_same_seed_the_same() -> None:
    first, again, other = (bayes_net.draw(50, seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not (first[:, None] == other).all(axis=2).any()


@pytest.mark.parametrize("called", ["exp", "where"])
def test_the_last_bit_of_another_processor_makes_no_other_data_set(
    monkeypatch: pytest.MonkeyPatch, called: str
) -> None:
    here = data.load("bayes-net").fingerprint
    own = getattr(np, called)
    monkeypatch.setattr(np, called, lambda *given: np.nextafter(np.asarray(own(*given)), np.inf))
    bayes_net.network.cache_clear()
    elsewhere = data.fetch("bayes-net").fingerprint
    monkeypatch.undo()
    bayes_net.network.cache_clear()
    assert data.fetch("bayes-net").fingerprint == here == elsewhere


def test_the_data_set_is_as_described_and_loses_no_class() -> None:
    made = data.load("bayes-net")
    row = next(row for row in data.describe() if row["name"] == "bayes-net")
    assert row["present"]
    assert (row["train"], row["test"]) == (len(made.train), len(made.test))
    assert (row["shape"], row["classes"]) == (made.input_shape, made.classes)
    assert min(made.train.y.bincount().min(), made.test.y.bincount().min()) > 20
