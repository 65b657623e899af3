"""Distance from a Gaussian: known distributions, another implementation, and invariance."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import norm, wasserstein_distance

from bnbook import experiments
from bnbook.probes.non_gaussianity import from_gaussian, gaussian_bins


def test_two_equal_points_are_at_the_mean_distance_of_a_gaussian_from_its_sigma() -> None:
    points = torch.tensor([-1.0, 1.0]).double().repeat(5000)[None, :, None]
    expected = quad(lambda z: abs(abs(z) - 1) * norm.pdf(z), -10, 10, points=(-1, 0, 1))[0]
    assert from_gaussian(points).item() == pytest.approx(expected, rel=1e-3)


@pytest.mark.oracle("non_gaussianity")
def test_it_is_scipys_distance_to_a_fine_gaussian() -> None:
    x = np.random.default_rng(0).gamma(2.0, size=2000)
    fine = norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    expected = wasserstein_distance((x - x.mean()) / x.std(), fine)
    found = from_gaussian(torch.from_numpy(x)[None, :, None]).item()
    assert found == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize(("scale", "shift"), [(1e-3, 0.0), (5.0, -40.0), (-2.0, 3.0)])
def test_an_affine_map_changes_nothing(scale: float, shift: float) -> None:
    x = torch.rand(1, 300, 4, generator=torch.Generator().manual_seed(0)).double() ** 3
    torch.testing.assert_close(from_gaussian(scale * x + shift), from_gaussian(x))


def test_bins_are_means_of_a_gaussian_between_its_quantiles() -> None:
    edges = norm.ppf(np.linspace(0, 1, 9))
    expected = [norm.expect(lb=a, ub=b, conditional=True) for a, b in pairwise(edges)]
    np.testing.assert_allclose(gaussian_bins(8), expected, atol=1e-7)


def test_a_unit_that_does_not_vary_has_no_shape() -> None:
    samples = torch.stack([torch.full((50,), 3.0), torch.arange(50.0)], 1)[None]
    assert from_gaussian(samples).isnan().tolist() == [[True, False]]


def test_bn_changes_no_shape_from_its_input_to_its_output() -> None:
    record = experiments.run("gaussian-units", "smoke", progress=False)
    before, after = (record.non_gaussianity.sel(site=site) for site in ("linear", "input"))
    assert float(abs(before - after).max()) < 1e-6  # float32
