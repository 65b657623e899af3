"""The lag of running statistics against a recursion without noise."""

from __future__ import annotations

import numpy as np

from bnbook import experiments
from bnbook.experiments.running_lag import MOMENTA, Drift


def test_the_closed_form_is_the_recursion_without_noise() -> None:
    record, settings = experiments.run("running-lag", "smoke", progress=False), Drift()
    for momentum in MOMENTA:
        running, lag = 0.0, {}
        for step in range(1, int(record.step[-1]) + 1):
            running = (1 - momentum) * running + momentum * settings.drift * step
            lag[step] = running - settings.drift * step
        law = record.closed_form.sel(arm=f"α = {momentum:g}").isel(seed=0)
        np.testing.assert_allclose(law, [lag[int(s)] for s in record.step], rtol=1e-10)


def test_the_measured_lag_is_the_closed_form_within_its_noise() -> None:
    record, settings = experiments.run("running-lag", "smoke", progress=False), Drift()
    # A running mean is an average of batch means: at worst, for α = ½, a third of their variance.
    count = settings.batch_size * settings.channels * record.sizes["seed"]
    noise = (1 / 3 / count) ** 0.5
    assert float(abs(record.lag - record.closed_form).mean("seed").max()) < 5 * noise * 5**0.5
