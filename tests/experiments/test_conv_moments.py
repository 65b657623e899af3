"""The effective number of values against cases that are known, and against the whole pool."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bnbook import experiments
from bnbook.experiments.conv_moments import per_example


def test_positions_that_say_the_same_count_once_and_independent_ones_each() -> None:
    generator = torch.Generator().manual_seed(0)
    alone = torch.randn(500, 2, 1, generator=generator).double()
    assert per_example(alone.expand(500, 2, 9)).item() == pytest.approx(1, rel=1e-9)
    many = torch.randn(20_000, 2, 9, generator=generator).double()
    assert per_example(many).item() == pytest.approx(9, rel=0.05)


def test_the_effective_number_is_the_variance_over_that_of_an_examples_mean() -> None:
    generator = torch.Generator().manual_seed(1)
    z = torch.randn(300, 1, 6, generator=generator).double().cumsum(2) + torch.arange(6)
    values = z[:, 0].numpy()
    assert per_example(z).item() == pytest.approx(values.var() / values.mean(1).var(), rel=1e-9)


def test_measured_values_agree_with_those_from_correlations() -> None:
    record = experiments.run("conv-moments", "smoke", progress=False)
    measured, expected = (
        record["values"].sel(arm=arm).mean("seed") for arm in ("measured", "from correlations")
    )
    np.testing.assert_allclose(measured, expected, rtol=0.15)
    counted = record["values"].sel(arm="counted").isel(seed=0)
    np.testing.assert_allclose(counted, record.examples * 24 * 24)
