"""Batches of 64 and of 512: how much of an example's answer is its company."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import xarray as xr
from torch import Tensor
from torch.func import vmap

from bnbook import data, norms
from bnbook.data import Dataset
from bnbook.factors import Factors, crossed
from bnbook.nets import MLP, Layer
from bnbook.nets.mlp import MultilayerPerceptron
from bnbook.study import Comparison, Experiment, draws
from bnbook.train import descend

NETWORKS = {
    "2 ReLU layers": MLP((100, 100), "relu", "batch"),  # that of one-logit
    "3 sigmoid layers": MLP((100, 100, 100), "sigmoid", "batch", init="glorot"),  # of first-race
}
PLACES = ("first layer", "logits")


@dataclass(frozen=True)
class Company:
    """Networks trained with batches of 64; then held-out examples among ever other company.

    A batch of m is an example and m − 1 training examples, drawn with replacement.
    """

    data: str
    steps: int
    sizes: tuple[int, ...] = (64, 128, 256, 512)
    examples: int = 12
    companies: int = 100
    batch_size: int = 64
    learning_rate: float = 0.2
    specs: tuple[MLP, ...] = tuple(NETWORKS.values())


def measure(
    company: Company, arm: Factors, seeds: tuple[int, ...], device: str = "cpu"
) -> xr.Dataset:
    """Variance over the company, (seed, place, m), averaged over examples and units or classes.

    "first layer" is what its BN hands on, γ·x̂ + β; the variance is the unbiased one.
    """
    digits = data.load(company.data)
    found = [
        _of_seed(company, NETWORKS[arm["network"]], digits.split(seed), seed) for seed in seeds
    ]
    attrs = {"units": "1", "long_name": "variance over the company"}
    return xr.Dataset(
        {"noise": (("seed", "place", "m"), torch.stack(found), attrs)},
        {"place": list(PLACES), "m": list(company.sizes)},
    )


def _of_seed(company: Company, spec: MLP, digits: Dataset, seed: int) -> Tensor:
    """(place, m) of the network of one seed."""
    net = spec.build(digits.input_shape, len(digits.classes), seed)
    for _ in descend(
        net,
        digits.train,
        steps=company.steps,
        batch_size=company.batch_size,
        learning_rate=company.learning_rate,
        seed=seed,
    ):
        pass
    examples, generator = digits.test.x[: company.examples], draws(seed)
    columns = [
        noise(net, examples, digits.train.x, m, company.companies, generator) for m in company.sizes
    ]
    return torch.stack(columns, dim=1)


@torch.no_grad()
def noise(
    net: MultilayerPerceptron,
    examples: Tensor,
    pool: Tensor,
    m: int,
    companies: int,
    generator: torch.Generator,
) -> Tensor:
    """Variance (place,) over companies of m − 1 from the pool; the same ones for each example."""
    lowest, *higher = (layer for layer in net.layers if isinstance(layer, Layer))
    own, theirs = (lowest.linear(x.flatten(1)) for x in (examples, pool))  # which know no company

    def up(z: Tensor) -> tuple[Tensor, Tensor]:
        """Behind the first BN, and at the end, of the first of a batch."""
        first = lowest.norm(z)
        h = lowest.activation(first)
        for layer in higher:
            h = layer.activation(layer.norm(layer.linear(h)))
        return first[0], net.head(h[:1])[0]

    seen: list[list[Tensor]] = [[] for _ in PLACES]
    with norms.using(net, "batch"):
        for _ in range(companies):
            chosen = theirs[torch.randint(len(pool), (m - 1,), generator=generator)]
            batches = torch.cat([own[:, None], chosen.expand(len(own), -1, -1)], dim=1)
            for place, found in zip(seen, vmap(up)(batches), strict=True):
                place.append(found)
    return torch.stack([torch.stack(place).double().var(0).mean() for place in seen])


def plan(scale: str) -> Comparison:
    """The same networks; more steps, companies and seeds at larger scales."""
    company, seeds = {
        "smoke": (Company("mnist-5k", 5, (64, 512), examples=2, companies=10), 2),
        "book": (Company("mnist-5k", 400), 8),
        "paper": (Company("mnist", 10_000, examples=64, companies=1_000), 20),
    }[scale]
    return Comparison(
        crossed(network=tuple(NETWORKS)), tuple(range(seeds)), measure, company, company.data
    )


EXPERIMENT = Experiment(
    name="half-thousand",
    question="How much quieter is a batch of 512 than one of 64?",
    plan=plan,
)
