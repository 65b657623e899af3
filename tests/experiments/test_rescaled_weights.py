"""What rescaling weights before BN does to sharpness, against the law λ(aw) = λ(w)/a²."""

from __future__ import annotations

import numpy as np

from bnbook import experiments


def test_raw_sharpness_moves_at_will_while_the_loss_and_the_sphere_stay() -> None:
    record = experiments.run("rescaled-weights", "smoke", progress=False)
    usual = record.sel(factor=[0.3, 1.0, 3.0])  # where ε is small beside the variances
    assert float(abs(usual.loss_change).max()) < 1e-3
    sphere = usual.sharpness.sel(arm="sphere")
    np.testing.assert_allclose(sphere / sphere.sel(factor=1.0), 1, rtol=0.02)
    raw = usual.sharpness.sel(arm="raw")
    assert float((raw.sel(factor=0.3) / raw.sel(factor=1.0)).min()) > 2


def test_small_weights_have_the_curvature_of_their_inverse_square() -> None:
    # where the scaled weights carry the top eigenvalue, which small ones do
    record = experiments.run("rescaled-weights", "smoke", progress=False)
    raw = record.sharpness.sel(arm="raw")
    ratio = raw.sel(factor=0.1) / raw.sel(factor=0.3)
    np.testing.assert_allclose(ratio, 9, rtol=0.1)
