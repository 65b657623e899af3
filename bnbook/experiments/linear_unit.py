"""One unit behind BN: what chance does to an example's value, and what the unit then learns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from bnbook.factors import crossed
from bnbook.laws import noise as laws
from bnbook.study import Experiment, Measurement

FOUND = ("measured", "law")
FINE = 40
"""Places in a bin at which the law is taken; for small m it has an edge inside one."""


@dataclass(frozen=True)
class Unit:
    """Batches of m values z ~ N(0, 1), normalised with ε = 0; targets t = z.

    `given` are the z of the example that is watched, `bins` divide x̂ from −reach to reach.
    """

    sizes: tuple[int, ...] = (3, 4, 8, 16, 64, 256)
    given: tuple[float, ...] = (0.0, 1.0, 2.0)
    batches: int = 4000
    bins: int = 48
    reach: float = 3.6

    @property
    def edges(self) -> np.ndarray:
        """Edges of the bins."""
        return np.linspace(-self.reach, self.reach, self.bins + 1)


def measure(settings: Unit, seed: int) -> xr.Dataset:
    """By size of the batch m:

    density          of x̂ of an example of value z ("given"), its batch drawn again and again
    noise            Var x̂ of that example
    slope            γ of the least squares fit of t by γ·x̂ over all batches: what the unit learns
    inverse_sigma    mean of 1/σ_B
    """
    rng = np.random.default_rng(seed)
    measured = [_measured(settings, m, rng) for m in settings.sizes]
    law = [_law(settings, m) for m in settings.sizes]
    dims = {
        "density": ("arm", "m", "given", "x"),
        "noise": ("arm", "m", "given"),
        "slope": ("arm", "m"),
        "inverse_sigma": ("arm", "m"),
    }
    variables = {
        name: (
            dims[name],
            np.array([[found[name] for found in arm] for arm in (measured, law)]),
            {"units": "1", "long_name": name.replace("_", " ")},
        )
        for name in dims
    }
    centres = (settings.edges[1:] + settings.edges[:-1]) / 2
    coords = {"arm": list(FOUND), "m": list(settings.sizes), "given": list(settings.given)}
    record = xr.Dataset(variables, {**coords, "x": centres})
    record["x"].attrs["long_name"] = "normalised value x̂"
    return record


def _measured(settings: Unit, m: int, rng: np.random.Generator) -> dict[str, object]:
    z = rng.normal(size=(settings.batches, m))
    sigma = z.std(1)
    x = (z - z.mean(1, keepdims=True)) / sigma[:, None]
    densities, noises = [], []
    for value in settings.given:
        z[:, 0] = value
        watched = (value - z.mean(1)) / z.std(1)
        densities.append(np.histogram(watched, settings.edges)[0] / settings.batches)
        noises.append(watched.var())
    width = settings.edges[1] - settings.edges[0]
    return {
        "density": np.array(densities) / width,
        "noise": noises,
        "slope": sigma.mean() / (x * x).mean(),  # Σ x̂·z = m·σ_B
        "inverse_sigma": (1 / sigma).mean(),
    }


def _law(settings: Unit, m: int) -> dict[str, object]:
    edges = settings.edges
    inner = (np.arange(FINE) + 0.5) / FINE
    fine = (edges[:-1, None] + (edges[1] - edges[0]) * inner).ravel()
    densities = [
        laws.normalised_density(fine, value, m).reshape(settings.bins, -1).mean(1)
        for value in settings.given
    ]
    return {
        "density": np.array(densities),
        "noise": laws.normalised_variance(np.array(settings.given), m),
        "slope": laws.expected_sigma(m),
        "inverse_sigma": laws.expected_inverse_sigma(m),
    }


def plan(scale: str) -> Measurement:
    """More batches and seeds at larger scales."""
    seeds, batches = {"smoke": (5, 1000), "book": (10, 4000), "paper": (20, 40_000)}[scale]
    return Measurement(crossed(found=FOUND), tuple(range(seeds)), measure, Unit(batches=batches))


EXPERIMENT = Experiment(
    name="linear-unit",
    question="What does the noise of batch statistics do to a unit whose noise is known?",
    plan=plan,
)
