"""Spectra over training: densities and distances against numpy on Jacobians by backpropagation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.func import functional_call, jacrev

from bnbook import norms, probes
from bnbook.data import Dataset, Split
from bnbook.jacobian import JacobianError
from bnbook.nets import MLP, Trace
from bnbook.probes.jacobian_spectrum import EXAMPLES, measured, shares
from bnbook.train import SGD, Member, Population
from tests.probes.test_probes import configured

MEMBERS = (Member("slow", 0, 0.1), Member("fast", 1, 0.5))
EDGES = np.logspace(-3, 2, 31)


def snapshot(norm: str = "batch", activation: str = "sigmoid") -> probes.Snapshot:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(96, 6, generator=generator), torch.arange(96) % 3
    data = Dataset("toy", Split(x, y), Split(x, y), ("a", "b", "c"), "0" * 16)
    spec = MLP((8, 7), activation, norm)
    trained = Population(spec, SGD(), 24, MEMBERS, data, dtype=torch.float64)
    for _ in range(5):
        trained.step()
    return trained.snapshot()


def brute_force(s: probes.Snapshot, i: int, layer: int, kind: str) -> np.ndarray:
    """Singular values of member i, all examples together."""
    state = {name: value[i] for name, value in (s.params | s.buffers).items()}

    def up_to(x: Tensor, first: int, last: int) -> Tensor:
        for k in range(first, last):
            own = {n.removeprefix(f"layers.{k}."): v for n, v in state.items() if f"s.{k}." in n}
            x = functional_call(s.net.get_submodule(f"layers.{k}"), own, (x, Trace()))
        return x

    with norms.using(s.net, "batch"):
        given = up_to(s.batch[0][i], 0, layer)
        whole = jacrev(lambda x: up_to(x, layer, layer + 1))(given).detach()
    if kind == "batch-sum":
        parts = whole.sum(0).transpose(0, 1)[:EXAMPLES]
    else:
        parts = torch.stack([whole[b, :, b] for b in range(EXAMPLES)])
    return np.linalg.svd(parts.numpy(), compute_uv=False).ravel()


@pytest.mark.oracle("jacobian_density", "jacobian_histogram", "isometry")
@pytest.mark.parametrize("norm", ["none", "batch", "layer"])
def test_densities_are_numpys_histograms_of_jacobians_by_backpropagation(norm: str) -> None:
    s = snapshot(norm)
    density = probes.get("jacobian_density")()(s)
    histogram = probes.get("jacobian_histogram")()(s)
    distances = probes.get("isometry")()(s)
    for i in range(2):
        for k, kind in enumerate(("per-example", "batch-sum")):
            for layer in range(2):
                values = brute_force(s, i, layer, kind)
                kept = np.clip(values, 1.001e-3, 99.9)
                expected = np.histogram(kept, EDGES)[0] / len(values) * 6
                np.testing.assert_allclose(density[i, k, layer], expected, atol=1e-12)
                expected = np.histogram(values, 40, (0, 1))[0] / len(values)
                np.testing.assert_allclose(histogram[i, k, layer], expected, atol=1e-12)
                log = np.log(np.maximum(values, 1e-3))
                apart = [values.mean(), math.sqrt(((values - 1) ** 2).mean())]
                apart += [np.abs(log).mean(), log.std()]
                np.testing.assert_allclose(distances[i, k, layer], apart, rtol=1e-6)


def test_a_density_integrates_to_one_over_decades() -> None:
    density = probes.get("jacobian_density")()(snapshot())
    torch.testing.assert_close(density.sum(-1) / 6, torch.ones(2, 2, 2, dtype=torch.float64))


def test_an_isometry_is_at_no_distance_from_itself() -> None:
    found = measured(torch.ones(3, 5, dtype=torch.float64))
    assert found.tolist() == [[1.0, 0.0, 0.0, 0.0]] * 3


def test_a_change_of_scale_moves_the_log_distance_and_not_the_spread() -> None:
    found = measured(torch.full((5,), math.e, dtype=torch.float64))
    assert found.tolist() == pytest.approx([math.e, math.e - 1, 1.0, 0.0])


def test_values_beyond_the_bins_are_caught_or_missing_as_asked() -> None:
    values, edges = torch.tensor([-1.0, 0.25, 0.75, 5.0]), torch.tensor([0.0, 0.5, 1.0])
    assert shares(values, edges, catch=True).tolist() == [0.5, 0.5]
    assert shares(values, edges, catch=False).tolist() == [0.25, 0.25]


@pytest.mark.parametrize("name", ["jacobian_density", "jacobian_histogram", "isometry"])
def test_an_exploded_member_is_nan_and_spoils_no_other(name: str) -> None:
    s = snapshot()
    expected = probes.get(name)()(s)
    s.memo.clear()
    s.params["layers.0.linear.weight"] = s.params["layers.0.linear.weight"].clone()
    s.params["layers.0.linear.weight"][1, 0, 0] = math.inf
    found = probes.get(name)()(s)
    assert found[1].isnan().all()
    torch.testing.assert_close(found[0], expected[0])


def test_a_layer_that_does_not_exist_is_refused() -> None:
    with pytest.raises(JacobianError, match="unknown layer '2'"):
        configured("isometry", layers=(0, 2))(snapshot())
