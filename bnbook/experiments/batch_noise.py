"""The noise of a batch's mean and variance: of Gaussian values, and inside trained networks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import xarray as xr
from torch import Tensor
from torch.func import vmap

from bnbook import data, norms
from bnbook.data import Dataset
from bnbook.factors import crossed
from bnbook.laws.noise import variance_noise
from bnbook.nets import MLP, Layer, MultilayerPerceptron
from bnbook.study import Experiment, Measurement
from bnbook.train import descend

VALUES = ("law", "Gaussian", "none", "batch")


@dataclass(frozen=True)
class Inside:
    """Three hidden ReLU layers, trained without and with BN; then batches are drawn, anew each time
    and with replacement, from the training digits. Of the Gaussian as many units are drawn."""

    data: str = "mnist-5k"
    widths: tuple[int, ...] = (100, 100, 100)
    batch_size: int = 64
    learning_rate: float = 0.1
    steps: int = 300
    sizes: tuple[int, ...] = (4, 8, 16, 32, 64, 128, 256)
    batches: int = 200


def measure(settings: Inside, seed: int) -> xr.Dataset:
    """Of z = Wx in each hidden layer (from 0), averaged over units that vary, for batches of m:

    mean_noise          m·Var μ_B/σ², which is 1 for independent values
    variance_noise      m·Var σ²_B/σ⁴, about κ − 1 for independent values, 2 for Gaussian ones
    kurtosis_law        m·Var σ²_B/σ⁴ of independent values with the kurtosis κ of these
    kurtosis            κ

    σ² and κ are those of all values drawn. With BN the values of a layer above another BN depend
    on the batch, as they do in training.
    """
    generator = torch.Generator().manual_seed(seed)
    parts = [_law(settings), _gaussian(settings, generator)]
    for norm in ("none", "batch"):
        parts.append(_network(settings, norm, seed, generator))
    names = ("mean_noise", "variance_noise", "kurtosis_law", "kurtosis")
    values = torch.stack(parts)  # (arm, m, layer, quantity)
    variables = {
        name: (
            ("arm", "m", "layer"),
            values[..., i],
            {"units": "1", "long_name": name.replace("_", " ")},
        )
        for i, name in enumerate(names)
    }
    layers = list(range(len(settings.widths)))
    return xr.Dataset(variables, {"arm": list(VALUES), "m": list(settings.sizes), "layer": layers})


def _law(settings: Inside) -> Tensor:
    rows = []
    for m in settings.sizes:
        noise = m * float(variance_noise(m))
        rows.append(torch.tensor([[1.0, noise, noise, 3.0]] * len(settings.widths)))
    return torch.stack(rows).double()


def _gaussian(settings: Inside, generator: torch.Generator) -> Tensor:
    rows = []
    for m in settings.sizes:
        shape = (settings.batches, m)
        layers = [torch.randn(*shape, units, generator=generator) for units in settings.widths]
        rows.append(torch.stack([noise_of(z) for z in layers]))
    return torch.stack(rows)


def _network(settings: Inside, norm: str, seed: int, generator: torch.Generator) -> Tensor:
    digits = data.load(settings.data).split(seed)
    net, x = _trained(settings, digits, norm, seed), digits.train.x
    lowest = net.layers[0]
    assert isinstance(lowest, Layer)
    first = lowest.linear(x.flatten(1)).detach()
    rows = []
    for m in settings.sizes:
        chosen = torch.randint(len(x), (settings.batches, m), generator=generator)
        rows.append(torch.stack([noise_of(z) for z in _pass(net, first[chosen])]))
    return torch.stack(rows)


def _trained(settings: Inside, dataset: Dataset, norm: str, seed: int) -> MultilayerPerceptron:
    spec = MLP(settings.widths, "relu", norm)
    net = spec.build(dataset.input_shape, len(dataset.classes), seed)
    run = descend(
        net,
        dataset.train,
        steps=settings.steps,
        batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        seed=seed,
    )
    for _ in run:
        pass
    return net


@torch.no_grad()
def _pass(net: MultilayerPerceptron, first: Tensor) -> list[Tensor]:
    """z of every hidden layer, (batches, m, units), for batches of what the first layer gives."""

    layers = [layer for layer in net.layers if isinstance(layer, Layer)]

    def up(z: Tensor) -> list[Tensor]:
        found = [z]
        for below, layer in pairwise(layers):
            found.append(layer.linear(below.activation(below.norm(found[-1]))))
        return found

    with norms.using(net, "batch"):
        return vmap(up)(first)


def noise_of(z: Tensor) -> Tensor:
    """(mean noise, variance noise, its law, κ) of z (batches, m, units), averaged over units."""
    z, m = z.double(), z.shape[1]
    centred = z - z.mean((0, 1))
    variance = centred.square().mean((0, 1))
    varies = variance > 1e-9 * (1 + z.mean((0, 1)).square())
    kurtosis = centred.pow(4).mean((0, 1)) / variance.square()
    law = m * torch.from_numpy(variance_noise(m, kurtosis.numpy()))
    of_mean = m * z.mean(1).var(0) / variance
    of_variance = m * z.var(1, correction=0).var(0) / variance.square()
    return torch.stack([each[varies].mean() for each in (of_mean, of_variance, law, kurtosis)])


def plan(scale: str) -> Measurement:
    """The same networks; more batches and seeds at larger scales."""
    seeds, steps, batches = {
        "smoke": (2, 20, 60),
        "book": (8, 300, 200),
        "paper": (20, 2000, 3000),
    }[scale]
    settings = Inside(steps=steps, batches=batches)
    return Measurement(
        crossed(kind=VALUES),
        tuple(range(seeds)),
        measure,
        settings,
        data=settings.data,
        seeds_per_task=1,
    )


EXPERIMENT = Experiment(
    name="batch-noise",
    question="Do the mean and the variance of a batch vary as the theory of samples says?",
    plan=plan,
)
