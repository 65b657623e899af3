"""What is read off the records of the chapter on the rate that batch normalization sets."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bnbook.experiments.large_rates import HIGH, LARGE, LOW, SETTINGS, SMALL
from bnbook.experiments.rotation import RULES, SCALES
from bnbook.factors import name_of
from bnbook.laws.rotation import settled_rotation
from bnbook.outcomes.arms import having, joined, unfold

SETTLED = 0.75
"""Share of the steps of `edge-of-stability` after which a run is averaged."""

MATCHED = 0.05
"""The training loss, in nats, at which test losses of `large-rates` are compared."""

LOSSES = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
"""Training losses at which the figure shows them, in nats."""


def pythagoras(record: xr.Dataset, norm: str = "batch") -> xr.DataArray:
    """The largest |excess| over steps and layers of `growing-weights`, by seed."""
    return xr.DataArray(np.abs(having(record.excess, norm=norm)).max(["arm", "step", "layer"]))


def rotation_gap(record: xr.Dataset, where: str) -> xr.DataArray:
    """Log of the settled rotation over the predicted one, (rule, seed)."""
    arms = [name_of({"where": where, "rule": rule}) for rule in RULES]
    return xr.DataArray(np.log(_named(record, arms, "rule", list(RULES))))


def forgotten(record: xr.Dataset) -> xr.DataArray:
    """Log ratio of the settled rotation of networks that started longest and shortest, by seed."""
    arms = [name_of({"where": "network", "rule": "SGD", "scale": each}) for each in SCALES]
    longest, shortest = (
        _named(record, arms, "scale", list(SCALES)).sel(scale=at(SCALES), drop=True)
        for at in (max, min)
    )
    return xr.DataArray(np.log(longest) - np.log(shortest))


def _named(record: xr.Dataset, arms: list[str], dim: str, levels: list[object]) -> xr.DataArray:
    """Rotation of some arms, under the levels of the one factor in which they differ."""
    chosen = record.rotation.sel(arm=arms)
    plain = chosen.drop_vars([n for n, c in chosen.coords.items() if "arm" in c.dims])
    return plain.rename(arm=dim).assign_coords({dim: levels})


def rotations(record: xr.Dataset) -> xr.Dataset:
    """Settled over predicted rotation (arm, seed), as figures of dots take it."""
    found = record[["rotation"]].copy()
    found["rotation"].attrs = {"units": "1", "long_name": "rotation, measured over predicted"}
    return found.assign(diverged_at=xr.full_like(found["rotation"], np.nan))


def lengths(record: xr.Dataset) -> xr.Dataset:
    """Length of the second hidden layer's weights (arm, seed, step) of `growing-weights`."""
    found = record[["length"]].sel(layer=1, drop=True)
    return found.assign(diverged_at=xr.full_like(found["length"].isel(step=0, drop=True), np.nan))


def edge_gap(record: xr.Dataset, norm: str) -> xr.DataArray:
    """Log of the settled product of sharpness and rate over 2, by setting and seed.

    Settings are learning rates and what decay takes at each step. With BN only those with decay:
    without it a rate that is low enough never comes near the edge.
    """
    record = having(record, norm=norm)
    if norm == "batch":
        record = having(record, decay=[each for each in np.unique(record.decay) if each > 0])
    return _by_setting(xr.DataArray(np.log(_settled(product(record)) / 2)))


def product(record: xr.Dataset) -> xr.DataArray:
    """Sharpness times effective rate, (arm, seed, step): 2 is the edge."""
    found = record.sharpness * record.effective_rate
    return found.assign_attrs(units="1", long_name="sharpness × effective rate")


def flattened(record: xr.Dataset) -> xr.DataArray:
    """Log ratio of settled sharpness at length 1 without decay over with most, (rate, seed)."""
    found = unfold(_settled(np.log(having(record.sharpness, norm="batch"))), "decay", "rate")
    return found.sel(decay=0.0, drop=True) - found.sel(decay=found.decay.max(), drop=True)


def turning(record: xr.Dataset) -> xr.DataArray:
    """Log of the settled angle per step over √(2ηλ) with most decay before BN, (rate, seed)."""
    found = unfold(having(record.angle, norm="batch"), "decay", "rate")
    most = float(found.decay.max())
    square = _settled(np.square(found.sel(decay=most, drop=True)))
    return xr.DataArray(np.log(np.sqrt(square) / settled_rotation(1.0, most)))


def _settled(values: xr.DataArray) -> xr.DataArray:
    """The mean over the last steps."""
    return values.where(values.step > SETTLED * values.step.max()).mean("step")


def _by_setting(values: xr.DataArray) -> xr.DataArray:
    """(arm, seed) as (setting, seed), which says the decay and the rate."""
    plain = values.drop_vars([n for n, c in values.coords.items() if "arm" in c.dims])
    levels = zip(values.decay.values, values.rate.values, strict=True)
    settings = [f"ηλ = {decay:g}, η = {rate:g}" for decay, rate in levels]
    return plain.rename(arm="setting").assign_coords(setting=settings)


def edges(record: xr.Dataset) -> xr.Dataset:
    """`product` after the first look (network, decay, seed, step), as figures take it."""
    whole = joined(
        unfold(product(record), "norm", "rate", "decay"),
        "network",
        "norm",
        "rate",
        between=", η = ",
    )
    decays = whole.sortby("decay").decay.values
    whole = whole.sel(decay=decays).assign_coords(
        decay=[f"ηλ = {each:g}" if each else "no decay" for each in decays]
    )
    return _drawn(whole.isel(step=slice(1, None)), "product", "step")


def at_training_loss(record: xr.Dataset, losses: tuple[float, ...]) -> xr.DataArray:
    """Test loss (arm, seed, training_loss) where the training loss first comes down to each.

    Between looks at which it was lower than ever before, test loss is linear in its logarithm;
    NaN for what is not reached.
    """

    def at(train: np.ndarray, test: np.ndarray) -> np.ndarray:
        low = np.append(True, train[1:] < np.minimum.accumulate(train)[:-1])
        outside = {"left": np.nan, "right": np.nan}
        return np.interp(-np.log(losses), -np.log(train[low]), test[low], **outside)

    return xr.apply_ufunc(
        at,
        record.train_loss,
        record.test_loss,
        input_core_dims=[["path"], ["path"]],
        output_core_dims=[["training_loss"]],
        vectorize=True,
    ).assign_coords(training_loss=list(losses))


def larger_rate(record: xr.Dataset) -> xr.DataArray:
    """Log ratio of matched test loss of the low rate over the high one, (norm, seed)."""
    found = _matched(record)
    return found.sel(rate=LOW, m=SMALL, drop=True) - found.sel(rate=HIGH, m=SMALL, drop=True)


def same_noise(record: xr.Dataset) -> xr.DataArray:
    """Log ratio of matched test loss of the high rate on large batches over the low on small."""
    found = _matched(record)
    return found.sel(rate=HIGH, m=LARGE, drop=True) - found.sel(rate=LOW, m=SMALL, drop=True)


def _matched(record: xr.Dataset) -> xr.DataArray:
    """Log of the test loss at one training loss, (norm, rate, m, seed)."""
    found = unfold(at_training_loss(record, (MATCHED,)), "norm", "rate", "m")
    return xr.DataArray(np.log(found.isel(training_loss=0, drop=True)))


def along_training(record: xr.Dataset) -> xr.Dataset:
    """Test loss (norm, arm, seed, training_loss), as figures take it."""
    found = at_training_loss(record, LOSSES).assign_attrs(units="nat", long_name="test loss")
    whole = joined(unfold(found, "norm", "rate", "m"), "arm", "rate", "m", between=", m = ")
    whole = whole.sel(arm=[f"{rate}, m = {m}" for rate, m in SETTINGS])
    whole = whole.assign_coords(arm=[f"η = {each}" for each in whole.arm.values])
    whole.training_loss.attrs = {"units": "nat", "long_name": "training loss"}
    return _drawn(whole, "test_loss", "training_loss")


def _drawn(values: xr.DataArray, name: str, over: str) -> xr.Dataset:
    """A variable as figures take it, of which no run diverged."""
    whole = values.to_dataset(name=name)
    return whole.assign(diverged_at=xr.full_like(values.isel({over: 0}, drop=True), np.nan))
