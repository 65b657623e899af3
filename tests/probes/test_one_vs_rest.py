"""Area under the ROC curve, the curve and recall, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bnbook import norms, probes
from bnbook.data import from_tensors
from bnbook.nets import MLP
from bnbook.probes.one_vs_rest import GRID, area_and_curve
from bnbook.train import SGD, Member, Population

MEMBERS = (Member("a", 0, 0.1), Member("b", 1, 0.1))


def rows(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Three classes of unequal size whose features differ a little."""
    random = torch.Generator().manual_seed(seed)
    y = (torch.rand(n, generator=random)[:, None] > torch.tensor([0.5, 0.9])).sum(1)
    return torch.randn(n, 4, generator=random) + 0.7 * y[:, None], y


def trained(test: tuple[torch.Tensor, torch.Tensor] | None = None) -> Population:
    table = from_tensors("toy", rows(200, 0), test or rows(150, 1), ("x", "y", "z"))
    spec = MLP((8,), "tanh", "batch")
    population = Population(spec, SGD(), 20, MEMBERS, table, dtype=torch.float64)
    for _ in range(20):
        population.step()
    return population


def scores(population: Population, i: int) -> np.ndarray:
    """Logits turned to probabilities by the definition, of member i as an ordinary module."""
    net = MLP((8,), "tanh", "batch").build((4,), 3, seed=0).double().eval()
    values = population.params | population.buffers
    net.load_state_dict({name: value[i].clone() for name, value in values.items()})
    with torch.no_grad(), norms.using(net, "population"):
        logits = net(population.data.test.x.double()).numpy()
    odds = np.exp(logits)
    return np.asarray(odds / odds.sum(1, keepdims=True))


@pytest.mark.oracle("class_auc")
def test_the_area_is_the_chance_that_a_positive_outranks_a_negative() -> None:
    population = trained()
    found = probes.get("class_auc")()(population.snapshot())
    y = population.data.test.y.numpy()
    for i in range(2):
        p = scores(population, i)
        for k in range(3):
            pairs = p[y == k, k][:, None] - p[y != k, k][None, :]
            expected = ((pairs > 0) + 0.5 * (pairs == 0)).mean()
            assert found[i, k].item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.oracle("roc_curve")
def test_the_curve_is_the_share_of_positives_above_a_threshold() -> None:
    population = trained()
    curves = probes.get("roc_curve")()(population.snapshot())
    y, p = population.data.test.y.numpy(), scores(population, 1)
    for k in range(3):
        positive, negative = p[y == k, k], p[y != k, k]
        for threshold in negative[:20]:
            false = (negative >= threshold).mean()
            low, high = (positive > threshold).mean(), (positive >= threshold).mean()
            place = int(np.searchsorted(GRID, false))
            assert curves[1, k, place].item() >= low - 1e-12
            assert curves[1, k, place - 1].item() <= high + 1e-12


def test_equal_scores_are_a_straight_line_with_half_the_area() -> None:
    positive = np.arange(10) < 4
    area, curve = area_and_curve(positive, np.full(10, 0.3))
    assert area == pytest.approx(0.5)
    np.testing.assert_allclose(curve, GRID, atol=1e-12)


def test_a_curve_that_jumps_is_noted_at_the_top_of_its_walls() -> None:
    positive = np.array([True, True, False, False])
    area, curve = area_and_curve(positive, np.array([0.9, 0.8, 0.2, 0.1]))
    assert area == 1
    assert np.all(curve == 1)


@pytest.mark.oracle("recall")
def test_recall_is_the_share_of_a_class_that_is_given_it() -> None:
    population = trained()
    found = probes.get("recall")()(population.snapshot())
    y = population.data.test.y.numpy()
    for i in range(2):
        chosen = scores(population, i).argmax(1)
        for k in range(3):
            assert found[i, k].item() == pytest.approx((chosen[y == k] == k).mean())


def test_a_class_without_a_test_example_has_no_area() -> None:
    x, y = rows(150, 1)
    s = trained((x[y < 2], y[y < 2])).snapshot()
    for name in ("class_auc", "recall"):
        values = probes.get(name)()(s)
        assert values[:, 2].isnan().all()
        assert values[:, :2].isfinite().all()


def test_the_whole_test_split_is_seen_and_not_its_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    population = trained()
    whole = probes.get("class_auc")()(population.snapshot())
    monkeypatch.setattr("bnbook.probes.one_vs_rest.CHUNK", 7)
    pieces = probes.get("class_auc")()(population.snapshot())
    torch.testing.assert_close(pieces, whole, rtol=0, atol=1e-12)
