"""What comes out of the crossed experiments, by factor instead of by arm."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from bnbook.decomposition import crossed, shares
from bnbook.experiments import activations, robustness, saturating_depth
from bnbook.stats import steps_to

TARGET = 0.9  # test accuracy that counts as having learned the digits
CHANCE = 0.1  # accuracy of a network that diverged, where a number is needed
LARGEST = 5
"""Effects of the reversal that are named; the rest are added up."""


def held_out(record: xr.Dataset) -> xr.DataArray:
    """Accuracy (arm, seed, step) on test digits by running statistics, as it would be used."""
    return record.accuracy.sel(split="test", statistics="population", drop=True)


def factor_study(record: xr.Dataset) -> xr.Dataset:
    """What is decided in the factor study, by activation, optimizer, norm and seed.

    `training` is the accuracy on training digits by batch statistics, averaged over the looks
    after the first, which are evenly spaced in the logarithm of the step, so that it rewards
    speed; `final` that on test digits at the end, by population statistics; `log_steps` the
    logarithm of the steps to the target on test digits, `learning_rate` the one tuned.
    """
    training = record.accuracy.sel(split="train", statistics="batch", drop=True)
    test = held_out(record)
    found = {
        "training": training.isel(step=slice(1, None)).mean("step").fillna(CHANCE),
        "final": test.isel(step=-1, drop=True).fillna(CHANCE),
        "log_steps": xr.DataArray(np.log(steps_to(test, TARGET))),
        "learning_rate": record.learning_rate,
    }
    unfolded = {name: crossed(each, activations.FACTORS) for name, each in found.items()}
    names = ("training accuracy", "final test accuracy", "log steps to 90 %", "learning rate")
    for each, name in zip(unfolded.values(), names, strict=True):
        each.attrs = {"units": "1", "long_name": name}
    return xr.Dataset(unfolded)


def as_table(study: xr.Dataset) -> xr.Dataset:
    """`factor_study` with a column for each optimizer and norm, named as "sgd, batch"."""
    columns = study.stack(arm=("optimizer", "norm"))
    names = [", ".join(pair) for pair in columns.arm.values]
    return columns.drop_vars(["arm", "optimizer", "norm"]).assign_coords(arm=names)


AMONG = {"all arms": None, "with BN": "batch", "without BN": "none"}


def study_shares(study: xr.Dataset, outcome: str, among: str = "all arms") -> xr.Dataset:
    """Shares of the variance of an outcome of `factor_study` over the arms of `AMONG`."""
    norm = AMONG[among]
    chosen = study[outcome] if norm is None else study[outcome].sel(norm=norm, drop=True)
    return shares(chosen).to_dataset(name="share")


COMPARISONS = {
    "SGD, BN against none": (("sgd", "batch"), ("sgd", "none")),
    "Adam, BN against none": (("adam", "batch"), ("adam", "none")),
    "Adam with BN against SGD without": (("adam", "batch"), ("sgd", "none")),
}


def comparisons(record: xr.Dataset) -> xr.Dataset:
    """Differences of `factor_study` between two arms, two of them clean and the last one not."""
    found = factor_study(record)
    parts = [
        found.sel(optimizer=treated[0], norm=treated[1], drop=True)
        - found.sel(optimizer=control[0], norm=control[1], drop=True)
        for treated, control in COMPARISONS.values()
    ]
    named = xr.concat(parts, "comparison").assign_coords(comparison=list(COMPARISONS))
    for name, each in named.data_vars.items():
        each.attrs = {"units": "1", "long_name": f"difference in {found[name].long_name}"}
    return named


def gaps(record: xr.Dataset) -> xr.Dataset:
    """Test accuracy of each arm of the reversal minus that without BN, within a seed."""
    plain = record.accuracy.sel(arm="none", drop=True)
    gap = record.accuracy.drop_sel(arm="none") - plain
    return gap.assign_attrs(units="1", long_name="gap to no BN").to_dataset(name="gap")


GAPS: dict[str, dict[str, Any]] = {
    "every way of testing": {},
    "precise statistics": {"statistics": "precise"},
    "precise, higher rates": {"statistics": "precise", "learning_rate": slice(1, None)},
}
"""Parts of the reversal; at the lowest of its rates the plain network has hardly begun to learn."""


def gap_shares(record: xr.Dataset, among: str) -> xr.Dataset:
    """Shares of the variance of the gap over the last two looks and the part `among` of `GAPS`.

    The largest effects are named and the others added up.
    """
    names = {
        "learning_rate": "learning rate",
        "size": "training digits",
        "step": "steps",
        "arm": "initial γ",
    }
    gap = gaps(record).gap.isel(arm=slice(0, 2), step=slice(-2, None))
    for dim, choice in GAPS[among].items():
        gap = gap.isel({dim: choice}) if isinstance(choice, slice) else gap.sel({dim: choice})
    share = shares(gap.reset_coords(drop=True).rename(names))
    order = np.argsort(-share.mean("seed").values)
    named, rest = share.isel(effect=order[:LARGEST]), share.isel(effect=order[LARGEST:])
    others = rest.sum("effect", skipna=False).expand_dims(effect=["all others"])
    return xr.concat([named, others], "effect").to_dataset(name="share")


def by_setting(record: xr.Dataset) -> xr.Dataset:
    """Final test accuracy by activation, learning rate, init scale, norm; NaN where diverged."""
    return _final(record, robustness.FACTORS)


def by_depth(record: xr.Dataset) -> xr.Dataset:
    """Final test accuracy by activation, depth and, as "arm", norm; NaN where diverged."""
    return _final(record, saturating_depth.FACTORS).rename(norm="arm")


def _final(record: xr.Dataset, factors: tuple[str, ...]) -> xr.Dataset:
    """With it when a network diverged, which figures need to tell it from one not measured."""
    final = crossed(held_out(record).isel(step=-1, drop=True), factors)
    final.attrs = {"units": "1", "long_name": "test accuracy"}
    return xr.Dataset(
        {"accuracy": final, "diverged_at": crossed(record.diverged_at, factors)},
    )
