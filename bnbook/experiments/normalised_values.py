"""What a normalised value is in a small batch: of Gaussian numbers, and of a trained network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import xarray as xr
from numpy.typing import NDArray
from scipy import special

from bnbook import data, norms
from bnbook.factors import Factors, name_of
from bnbook.laws import small_batch_law
from bnbook.nets import MLP, Network, Trace
from bnbook.study import Comparison, Experiment
from bnbook.train import SGD, Member
from bnbook.train.population import Population

Array = NDArray[np.float64]
ARMS = (
    {"kind": "Gaussian"},
    {"kind": "trained"},
    {"kind": "trained", "made": "made Gaussian"},
)
PLACES = tuple(np.linspace(-0.975, 0.975, 40).round(3).tolist())
"""Middles of the bins of a histogram, in units of √(m − 1): the law lives on ±1 of them."""


@dataclass(frozen=True)
class Values:
    """A network to train with BN and batches of 64, and the batches its units are cut into.

    The units are those of the last hidden layer. Every batch size uses about `values` values a
    unit, drawn from what the unit gives for `examples` held-out digits.
    """

    data: str = "mnist-5k"
    widths: tuple[int, ...] = (64, 64)
    batch_size: int = 64
    learning_rate: float = 0.1
    steps: int = 400
    sizes: tuple[int, ...] = (2, 3, 4, 8, 16)
    values: int = 4000
    examples: int = 1000
    eps: float = 1e-5


def measure(
    settings: Values, arm: Factors, seeds: tuple[int, ...], device: str = "cpu"
) -> xr.Dataset:
    """Histograms of x̂, and their distances from the law of Gaussian batches.

    density       (m, place) share of values in a bin over its width, all units together; a place
                  is x̂/√(m − 1)
    law           (m, place) what the law says of the same bin
    distance      (m, unit) 1-Wasserstein distance of a unit's x̂ from the law, in units of x̂
    all_units     (m,) the same for the values of all units together
    shape         (unit,) 1-Wasserstein distance of the unit's standardised z from N(0, 1)
    """
    layers = zip(_units(settings, arm, seeds, device), seeds, strict=True)
    found = [_of_units(settings, z, seed) for z, seed in layers]
    record = xr.concat(found, "seed").assign_coords(m=list(settings.sizes), place=list(PLACES))
    for name, unit in (("density", "1"), ("law", "1"), ("all_units", "σ")):
        record[name].attrs["units"] = unit
    for name in ("distance", "shape"):
        record[name].attrs["units"] = "σ"
    record["m"].attrs["long_name"] = "batch size m"
    record["place"].attrs["long_name"] = "x̂ ÷ √(m − 1)"
    return record


def _units(settings: Values, arm: Factors, seeds: tuple[int, ...], device: str) -> list[Array]:
    """For each seed, what is normalised: z (examples, units), Gaussian or a trained layer's."""
    if arm["kind"] == "Gaussian":
        shape = (settings.examples, settings.widths[-1])
        return [np.random.default_rng([seed, 1]).normal(size=shape) for seed in seeds]
    digits = data.load(settings.data)
    members = [Member(name_of(arm), seed, settings.learning_rate) for seed in seeds]
    spec = MLP(settings.widths, "relu", "batch")
    population = Population(spec, SGD(), settings.batch_size, members, digits.to(device))
    for _ in range(settings.steps):
        population.step()
    x = population.data.test[slice(settings.examples)][0].cpu()
    layers = [_last_layer(population.network(i).cpu(), x[i]) for i in range(len(seeds))]
    return [made_gaussian(z) for z in layers] if "made" in arm else layers


@torch.no_grad()
def _last_layer(net: Network, x: torch.Tensor) -> Array:
    """What the last hidden layer's normaliser is given, by population statistics below it."""
    with norms.using(net, "population"):
        trace = net(x, trace=True)
    assert isinstance(trace, Trace)
    return np.asarray(trace.linear[-1].double())


def made_gaussian(z: Array) -> Array:
    """Each unit's values replaced by the Gaussian quantiles of their ranks (van der Waerden)."""
    ranks = z.argsort(0).argsort(0)
    return np.asarray(special.ndtri((ranks + 0.5) / len(z)))


def _of_units(settings: Values, z: Array, seed: int) -> xr.Dataset:
    """The measurements of one seed."""
    rng = np.random.default_rng([seed, 2])
    edges = np.linspace(-1, 1, len(PLACES) + 1)
    density, law, distance, together = [], [], [], []
    for m in settings.sizes:
        x = normalised(z[_batches(len(z), m, settings.values // m, rng)], settings.eps)
        exact, reach = small_batch_law(m), np.sqrt(m - 1)
        density.append(np.histogram(x / reach, edges)[0] / x.size / (edges[1] - edges[0]))
        law.append(_in_bins(m, edges) / (edges[1] - edges[0]))
        flat = x.reshape(-1, z.shape[1])
        distance.append(_distance(flat, exact))
        together.append(_distance(flat.reshape(-1, 1), exact)[0])
    standard = (z - z.mean(0)) / z.std(0)
    gaussian = special.ndtri((np.arange(len(z)) + 0.5) / len(z))[:, None]
    return xr.Dataset(
        {
            "density": (("m", "place"), np.array(density)),
            "law": (("m", "place"), np.array(law)),
            "distance": (("m", "unit"), np.array(distance)),
            "all_units": ("m", np.array(together)),
            "shape": ("unit", np.abs(np.sort(standard, 0) - gaussian).mean(0)),
        }
    )


def _batches(examples: int, m: int, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices (count, m) of batches without repetition: m in a row of shuffled examples."""
    rounds = -(-count * m // (examples // m * m))
    rows = [rng.permutation(examples)[: examples // m * m] for _ in range(rounds)]
    return np.concatenate(rows).reshape(-1, m)[:count]


def normalised(z: Array, eps: float) -> Array:
    """x̂ of batches (batches, m, units), each by its own mean and biased variance."""
    centred = z - z.mean(1, keepdims=True)
    return np.asarray(centred / np.sqrt(np.square(centred).mean(1, keepdims=True) + eps))


def _in_bins(m: int, edges: Array) -> Array:
    """Probability of each bin of x̂/√(m − 1); the outermost bins take what lies on the edge."""
    wide = edges * np.sqrt(m - 1)
    wide[0], wide[-1] = -np.inf, np.inf
    return np.diff(small_batch_law(m).cdf(wide))


def _distance(x: Array, law: object) -> Array:
    """1-Wasserstein distance of each column of x from a distribution: mean gap of quantiles."""
    quantiles = law.ppf((np.arange(len(x)) + 0.5) / len(x))  # type: ignore[attr-defined]
    return np.asarray(np.abs(np.sort(x, 0) - quantiles[:, None]).mean(0))


def plan(scale: str) -> Comparison:
    """The same network at every scale; more seeds and steps at larger ones."""
    seeds, steps = {"smoke": (2, 20), "book": (8, 400), "paper": (20, 4000)}[scale]
    return Comparison(ARMS, tuple(range(seeds)), measure, Values(steps=steps), "mnist-5k")


EXPERIMENT = Experiment(
    name="normalised-values",
    question="What is left of a value that was normalised in a small batch?",
    plan=plan,
)
