"""The identities hold with BN, fail without it where they should, and ε has its exact price."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
import xarray as xr
from torch import Tensor

from bnbook import experiments


@pytest.fixture(scope="module")
def record() -> xr.Dataset:
    return experiments.run("exact-identities", "smoke", progress=False)


def test_what_is_exact_with_bn_is_not_without_it(record: xr.Dataset) -> None:
    none, batch = record.sel(arm="none"), record.sel(arm="batch")
    assert (none.bias_gradient > 1e-2).all()
    assert (batch.bias_gradient < 1e-12).all()
    assert (none.scaling > 1e-2).all()
    assert (batch.scaling.isel(eps=0) < 1e-12).all()


def test_without_bn_epsilon_does_nothing(record: xr.Dataset) -> None:
    none = record.scaling.sel(arm="none")
    assert float((none - none.isel(eps=0)).max()) == 0


def test_scaling_weights_by_a_is_dividing_epsilon_by_its_square() -> None:
    # The exact law behind the residual: BN_ε(a·z) = BN_{ε/a²}(z), so a·∇L(aw; ε) = ∇L(w; ε/a²).
    generator = torch.Generator().manual_seed(0)
    x, w, g = (torch.randn(s, generator=generator).double() for s in ((16, 5), (3, 5), (16, 3)))

    def gradient(weight: Tensor, eps: float) -> Tensor:
        weight = weight.clone().requires_grad_()
        out = F.batch_norm(F.linear(x, weight), None, None, None, None, True, 0.0, eps)
        return torch.autograd.grad(out, weight, g)[0]

    torch.testing.assert_close(0.1 * gradient(0.1 * w, 1e-3), gradient(w, 1e-1), rtol=1e-12, atol=0)


def test_the_residual_of_the_scaling_law_is_of_first_order_in_epsilon(record: xr.Dataset) -> None:
    scaling = record.scaling.sel(arm="batch")
    tenfold = scaling.sel(eps=1e-8) / scaling.sel(eps=1e-12)
    assert float(abs(tenfold / 1e4 - 1).max()) < 0.01


def test_gamma_and_beta_undo_one_batch_and_miss_the_next(record: xr.Dataset) -> None:
    identity = record.identity.sel(arm="batch")
    assert (identity.sel(where=["the same batch", "population statistics"]) < 1e-12).all()
    # √(3/m) is what independent moments would give; the layer below is normalised, so it is less.
    assert (identity.sel(where="a fresh batch") > 0.01).all()
    assert (identity.sel(where="a fresh batch") < (3 / 64) ** 0.5).all()
