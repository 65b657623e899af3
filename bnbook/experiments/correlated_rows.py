"""Batches whose rows are correlated: frames of the same sequences, instead of shuffled ones."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import xarray as xr
from torch import Tensor

from bnbook import data
from bnbook.data import Dataset
from bnbook.factors import Factors, name_of
from bnbook.nets import MLP
from bnbook.probes import accuracy
from bnbook.probes.base import SPLITS, STATISTICS
from bnbook.study import Comparison, Experiment, draws
from bnbook.train import SGD, Member, Sampler, Sequences, Shuffled
from bnbook.train.population import Population

NORMS = ("none", "batch", "layer")
ROWS = ("independent", "correlated")


@dataclass(frozen=True)
class Frames:
    """Short films of digits, and networks that learn from their frames.

    Each of `sequences` digits gives `length` frames: it walks at random, by at most one pixel
    across and down from frame to frame, and noise of standard deviation `noise` is added to each
    frame. Independent rows are all frames shuffled; correlated rows are whole films, so that
    every batch of `batch_size` shows batch_size/length digits. Both arms see the same frames.
    Test digits are frames of other films, one of each.
    """

    data: str = "mnist-5k"
    widths: tuple[int, ...] = (64, 64)
    sequences: int = 500
    length: int = 8
    noise: float = 0.3
    batch_size: int = 32
    steps: int = 375
    rates: tuple[float, ...] = (0.01, 0.05, 0.25)


def measure(
    settings: Frames, arm: Factors, seeds: tuple[int, ...], device: str = "cpu"
) -> xr.Dataset:
    """Accuracies of one normaliser on rows of one kind, every seed at every learning rate.

    accuracy       by split and statistics after training; a network that diverged has that of
                   chance
    correlation    (seed,) of two rows of one batch, over the pixels that vary: mean over batches
    """
    norm, rows = arm["norm"], arm["rows"]
    films = {seed: filmed(settings, seed) for seed in seeds}
    sampler = sampler_of(settings, rows)
    members = [Member(name_of(arm), seed, rate) for seed in seeds for rate in settings.rates]
    population = Population(
        MLP(settings.widths, "relu", norm),
        SGD(),
        settings.batch_size,
        members,
        {seed: film.to(device) for seed, film in films.items()},
        sampler=sampler,
    )
    while population.steps_taken < settings.steps:
        population.step()
    right = accuracy.Accuracy()(population.snapshot()).cpu()
    right[population.diverged_at.cpu().isfinite()] = 1 / len(population.data.classes)
    shape = (len(seeds), len(settings.rates))
    dims = ("seed", "rate", "split", "statistics")
    return xr.Dataset(
        {
            "accuracy": (dims, right.unflatten(0, shape), {"units": "1"}),
            "correlation": (
                "seed",
                [correlation(films[seed], settings, sampler, seed) for seed in seeds],
                {"units": "1"},
            ),
        },
        {
            "split": list(SPLITS),
            "statistics": list(STATISTICS),
            "rate": ("rate", list(settings.rates), {"long_name": "learning rate"}),
        },
    )


def sampler_of(settings: Frames, rows: str) -> Sampler:
    """Frames one by one, or film by film."""
    return Sequences(settings.length) if rows == "correlated" else Shuffled()


def filmed(settings: Frames, seed: int) -> Dataset:
    """Films of a seed's first training digits, frame after frame; its test digits' last frames."""
    digits = data.load(settings.data).split(seed)
    generator = draws(seed)
    train = _films(digits.train.x[: settings.sequences], settings, generator).flatten(0, 1)
    labels = digits.train.y[: settings.sequences].repeat_interleave(settings.length)
    test = _films(digits.test.x, settings, generator)[:, -1]
    splits = (train, labels), (test, digits.test.y)
    return data.from_tensors(f"{settings.data} in films", *splits, digits.classes)


def _films(x: Tensor, settings: Frames, generator: torch.Generator) -> Tensor:
    """(N, C, H, W) → (N, length, C, H, W): a random walk of each picture, with noise."""
    frames = [x]
    for _ in range(settings.length - 1):
        down, right = torch.randint(-1, 2, (2, len(x)), generator=generator)
        frames.append(_rolled(_rolled(frames[-1], down, 2), right, 3))
    film = torch.stack(frames, 1)
    return film + settings.noise * torch.randn(film.shape, generator=generator)


def _rolled(x: Tensor, pixels: Tensor, dim: int) -> Tensor:
    """Each picture moved along `dim` by its own −1, 0 or 1 pixel, around the edge."""
    each = torch.stack([x.roll(by, dim) for by in (-1, 0, 1)])
    return each[pixels + 1, torch.arange(len(x))]


def correlation(films: Dataset, settings: Frames, sampler: Sampler, seed: int) -> float:
    """Mean correlation of two rows of a batch, r = (Var Σ/(m·Var) − 1)/(m − 1), pooled over pixels.

    The variance of a sum of m equally correlated values is m·Var·(1 + (m − 1)·r).
    """
    generator, m = torch.Generator().manual_seed(seed), settings.batch_size
    order = sampler(films.train.y, m, generator)
    x = films.train.x.flatten(1)[order].double()
    x = x - x.mean(0)
    sums = x.unflatten(0, (-1, m)).sum(1)
    ratio = sums.square().mean(0).sum() / (m * x.square().mean(0).sum())
    return float((ratio - 1) / (m - 1))


def plan(scale: str) -> Comparison:
    """500 films of 8 frames, three epochs; more of them at full scale."""
    settings, seeds = {
        "smoke": (Frames(steps=8, rates=(0.05, 0.25)), 2),
        "book": (Frames(), 10),
        "paper": (Frames("mnist", (100, 100, 100), 7500, steps=20_000), 10),
    }[scale]
    arms = tuple({"norm": norm, "rows": rows} for rows in ROWS for norm in NORMS)
    return Comparison(arms, tuple(range(seeds)), measure, settings, settings.data)


EXPERIMENT = Experiment(
    name="correlated-rows",
    question="Which normaliser minds when the rows of a batch resemble each other?",
    plan=plan,
)
