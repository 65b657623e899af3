"""Made-up records, small and with known answers."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import xarray as xr

from bnbook.figures.canvas import NARROW, only

STEPS = [0, 1, 10, 100, 1000]


def make(
    arms: tuple[str, ...] = ("none", "batch"), seeds: int = 6, diverged: tuple[int, ...] = ()
) -> xr.Dataset:
    """Noise around a level per arm; the seeds in `diverged` are lost in the first arm."""
    r = np.random.default_rng(0)
    shape = (len(arms), seeds, len(STEPS))
    level = np.arange(1, len(arms) + 1)[:, None, None] / 10
    accuracy = level + 0.05 * np.arange(len(STEPS)) + r.normal(0, 0.01, shape)
    spread = np.array([-1.036, 0.0, 1.036])
    percentiles = r.normal(0, 0.1, (*shape, 2, 1)) + spread
    drift = np.exp(r.normal(-2, 0.2, (*shape, 2)))
    when = np.full(shape[:2], np.nan)
    for seed in diverged:
        when[0, seed] = 10
        for values in (accuracy, percentiles, drift):
            values[0, seed, 2:] = np.nan
    dims = ("arm", "seed", "step")
    about = {"long_name": "test accuracy", "units": "fraction"}
    return xr.Dataset(
        {
            "accuracy": (dims, accuracy, about),
            "activation_percentiles": (
                (*dims, "layer", "percentile"),
                percentiles,
                {"long_name": "input", "units": "1"},
            ),
            "drift": ((*dims, "layer"), drift, {"units": "σ"}),
            "diverged_at": (("arm", "seed"), when),
        },
        {
            "arm": list(arms),
            "seed": range(seeds),
            "step": STEPS,
            "layer": [0, 1],
            "percentile": [15.0, 50.0, 85.0],
        },
    )


@pytest.fixture(scope="session")
def record() -> xr.Dataset:
    return make()


@pytest.fixture(scope="session")
def lossy() -> xr.Dataset:
    """Two of six runs without normalisation diverged."""
    return make(diverged=(1, 4))


@pytest.fixture(scope="session")
def ruined() -> xr.Dataset:
    """Every run of the only arm diverged."""
    return make(arms=("none",), diverged=tuple(range(6)))


@pytest.fixture(scope="session")
def records() -> Callable[..., xr.Dataset]:
    return make


@pytest.fixture
def quick() -> Iterator[None]:
    """One width of every figure: for what does not depend on it."""
    with only(NARROW):
        yield
