"""Experiments that are measured arm by arm."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from bnbook.experiments import Comparison
from bnbook.factors import Factors, crossed, names_of
from bnbook.record import assemble


@dataclass(frozen=True)
class Settings:
    factor: float


def measure(settings: Settings, arm: Factors, seeds: tuple[int, ...], device: str) -> xr.Dataset:
    assert device == "cpu"
    return xr.Dataset({"value": ("seed", settings.factor * len(arm["norm"]) * np.array(seeds))})


def test_a_comparison_measures_all_seeds_of_an_arm_at_once_and_labels_them() -> None:
    plan = Comparison(crossed(norm=("a", "bcd")), (2, 5), measure, Settings(10.0))
    done: list[int] = []
    parts = [task(device="cpu", progress=done.append) for task in plan.tasks()]
    record = assemble(parts, names_of(plan.factors), plan.seeds)
    assert record.value.sel(arm="bcd", seed=5) == 150
    assert record.value.sel(arm="a", seed=2) == 20
    assert sum(done) == sum(task.work for task in plan.tasks()) == 4
    assert plan.with_seeds([7]).tasks()[0].label == "a · seeds 7–7"
