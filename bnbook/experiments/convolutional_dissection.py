"""The dissection in a network of convolutions: on digits, and on natural images in the lab."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
import xarray as xr

from bnbook import data
from bnbook.experiments.dissection import PARTS, REFERENCE, Study, halved, put_aside, right
from bnbook.factors import Factors, crossed, name_of
from bnbook.nets import VGG, Spec, WithReference
from bnbook.study import NATURAL, SCALES, Comparison, Experiment
from bnbook.train import Member
from bnbook.train.population import Population

NETWORK = "6 convolutions"
CONVOLUTIONS = VGG(((8, 2), (16, 2), (32, 2)))  # of three-rates and of the borders
RATES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # half a decade below those of the dense networks

JUDGED = (
    *("none", "batch", "good start", "mean only", "no affine", "no gradient", "no noise"),
    *("unstable", "clipped"),
)
"""The arms of which there are claims."""


def network(arm: Factors) -> Spec:
    """The network of an arm, with its normaliser."""
    part = PARTS[arm["part"]]
    options = part.options
    if part.norm == "weight-norm":  # filters as long as those of the other arms
        options = (("gain", math.sqrt(2)),)
    spec = replace(CONVOLUTIONS, norm=part.norm, norm_options=options)
    return WithReference(spec, REFERENCE) if part.norm == "reference" else spec


def measure(study: Study, arm: Factors, seeds: tuple[int, ...], device: str = "cpu") -> xr.Dataset:
    """One arm: every seed, and every seed of tuning, at every learning rate, one after the other.

    The outcomes are those of `dissection.measure`: accuracy (seed, step) at the arm's own rate,
    by_rate (seed, rate) at the end, tuned_rate (seed,).
    """
    kept, aside = halved(data.load(study.data)).to(device).apart()
    everyone = (*study.tuning, *seeds)
    members = [Member(name_of(arm), seed, rate) for seed in everyone for rate in study.rates]
    part = PARTS[arm["part"]]
    population = Population(
        network(arm), part.rule, study.batch_size, members, kept, start=part.start
    )
    judges = {"aside": put_aside(population, aside), "test": population.data.test}
    seen = xr.DataArray(
        torch.zeros(len(judges), len(everyone), len(study.rates), len(study.looks)),
        coords={"judge": list(judges), "rate": list(study.rates), "step": list(study.looks)},
        dims=("judge", "seed", "rate", "step"),
        attrs={"units": "1"},
    )
    for step in study.looks:
        while population.steps_taken < step:
            population.step()
        for judge, portion in judges.items():
            found = right(population, portion, study.judges).view(len(everyone), -1)
            seen.loc[{"judge": judge, "step": step}] = found
    tuning, judged = slice(len(study.tuning)), slice(len(study.tuning), None)
    chosen = seen.sel(judge="aside", drop=True).isel(seed=tuning).mean(("seed", "step")).idxmax()
    test = seen.sel(judge="test", drop=True).isel(seed=judged)
    return xr.Dataset(
        {
            "accuracy": test.sel(rate=chosen, drop=True),
            "by_rate": test.isel(step=-1, drop=True),
            "tuned_rate": chosen.expand_dims(seed=len(seeds)),
        }
    )


def plan(scale: str) -> Comparison:
    """Fifteen arms of six convolutions; natural images in the lab, for twice as long."""
    study, seeds, parts = {
        "smoke": (Study("mnist-5k", (1, 2), (0.1, 1.0), (100,), judges=50), 2, JUDGED),
        "book": (Study("mnist-5k", (4, 8, 16, 32, 64, 128), RATES, (100, 101)), 8, tuple(PARTS)),
        "lab": (Study(NATURAL, (8, 16, 32, 64, 128, 256), RATES, (100, 101)), 8, tuple(PARTS)),
        "paper": (
            Study("cifar10", (10, 30, 100, 300, 1000, 3000), RATES, (100, 101, 102), 64, 2_000),
            20,
            tuple(PARTS),
        ),
    }[scale]
    arms = crossed(network=(NETWORK,), part=parts)
    study = replace(study, specs=tuple(map(network, arms)))
    return Comparison(arms, tuple(range(seeds)), measure, study, study.data)


EXPERIMENT = Experiment(
    name="convolutional-dissection",
    question="Which part of batch normalization does the work in a network of convolutions?",
    plan=plan,
    scales=SCALES,
)
