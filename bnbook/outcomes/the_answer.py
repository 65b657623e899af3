"""The dissection: speed, tolerance and accuracy of every part, and the share of BN's gain kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from bnbook.experiments.dissection import LEARNS, PAIRS
from bnbook.outcomes.arms import never_diverged, unfold
from bnbook.stats import Interval, ratio_of_means

Statistic = Callable[[xr.Dataset], xr.DataArray]

FLOOR, CEILING = "none", "batch"
INTERVAL = "estimate", "low", "high", "n"
PARTS_OF = {
    "start and length": ("good start", "length fixed"),
    "start and clipping": ("good start", "clipped"),
    "mean and weight norm": ("mean only", "weight norm"),
}
"""What each pair consists of."""

SAID = {
    "good start": "a good start, given once",
    "frozen": "the statistics of the start, kept",
    "mean only": "centring alone",
    "variance only": "scaling alone",
    "no affine": "everything but γ and β",
    "no gradient": "everything but the gradient through the statistics",
    "no noise": "everything but the noise of the batch",
    "unstable": "everything but stable distributions",
    "weight norm": "weight normalization",
    "length fixed": "weights of fixed length",
    "batch with length fixed": "everything but the growth of the weights",
    "clipped": "clipped gradients",
    "layer": "layer normalization",
    "start and length": "a good start with weights of fixed length",
    "start and clipping": "a good start with clipped gradients",
    "mean and weight norm": "centring with weight normalization",
}
"""Every arm but the floor and the ceiling, in words."""


def studied(record: xr.Dataset) -> xr.Dataset:
    """Outcomes (network, part, seed): speed, tolerance and accuracy at the end; NaN for no arm.

    speed       test accuracy averaged over the looks, which are even in the logarithm of the step
    tolerance   log₁₀ of the highest learning rate at which the network trains, `LEARNS`; half a
                decade below the lowest where it trains at none; NaN where no arm of that network
                trains at any, as what is out of everybody's reach tells nobody apart
    accuracy    on test examples at the end
    """
    arms = unfold(record, "network", "part")
    rates = xr.DataArray(np.log10(record["rate"]))
    lowest = float(rates.min()) - 0.5
    learns = arms["by_rate"] >= LEARNS
    trains = rates.where(learns, lowest).max("rate").where(learns.any(["part", "seed", "rate"]))
    speed = arms["accuracy"].mean("step", skipna=False)
    found = xr.Dataset(
        {
            "speed": speed,
            "tolerance": trains.where(speed.notnull()),
            "accuracy": arms["accuracy"].isel(step=-1, drop=True),
        }
    )
    found["speed"].attrs = {"units": "1", "long_name": "test accuracy over the run"}
    found["tolerance"].attrs = {"units": "decades", "long_name": "highest tolerable rate"}
    found["accuracy"].attrs = {"units": "1", "long_name": "test accuracy at the end"}
    return found


def difference(outcome: str, part: str, other: str) -> Statistic:
    """`outcome` of a part minus that of another, (network, seed)."""

    def statistic(record: xr.Dataset) -> xr.DataArray:
        found = studied(record)[outcome]
        return found.sel(part=part, drop=True) - found.sel(part=other, drop=True)

    return statistic


def faster(part: str, other: str) -> Statistic:
    """How much faster one part is than another, (network, seed)."""
    return difference("speed", part, other)


def more_accurate(part: str, other: str) -> Statistic:
    """How much more accurate one part ends than another, (network, seed)."""
    return difference("accuracy", part, other)


def more_tolerant(part: str, other: str) -> Statistic:
    """How many decades higher the highest tolerable rate of one part is, (network, seed)."""
    return difference("tolerance", part, other)


def beyond_half(part: str) -> Statistic:
    """Speed of a part above the middle between none and batch, (network, seed)."""

    def statistic(record: xr.Dataset) -> xr.DataArray:
        return above_middle(studied(record)["speed"], part)

    return statistic


def above_middle(speed: xr.DataArray, part: str) -> xr.DataArray:
    """`speed` (…, part, seed) of a part above the middle between none and batch."""
    middle = speed.sel(part=[FLOOR, CEILING]).mean("part", skipna=False)
    return speed.sel(part=part, drop=True) - middle


def alone(statistic: Statistic) -> Statistic:
    """A statistic (network, seed) of a record that has one network, (seed,)."""

    def of_one(record: xr.Dataset) -> xr.DataArray:
        return statistic(record).squeeze("network", drop=True)

    return of_one


def each_faster(parts: Sequence[str], other: str) -> Statistic:
    """How much faster each part is than another in a record of one network, (part, seed)."""

    def statistic(record: xr.Dataset) -> xr.DataArray:
        speed = studied(record)["speed"].squeeze("network", drop=True)
        return speed.sel(part=list(parts)) - speed.sel(part=other, drop=True)

    return statistic


def together(record: xr.Dataset) -> xr.DataArray:
    """Speed of each pair minus that of the faster of its two parts, (pair, seed).

    A pair is named with its network, "start and length, 8 ReLU layers".
    """
    speed = studied(record)["speed"]
    found = {}
    for network in speed["network"].values.tolist():
        for pair in PAIRS:
            if pair not in speed["part"].values:
                continue
            here = speed.sel(network=network, drop=True)
            gain = here.sel(part=pair, drop=True) - here.sel(part=list(PARTS_OF[pair])).max("part")
            if gain.notnull().any():
                found[f"{pair}, {network}"] = gain
    return xr.concat(found.values(), "pair").assign_coords(pair=list(found))


def kept(record: xr.Dataset) -> xr.Dataset:
    """Share of BN's gain that each part keeps, (network, part, outcome): estimate, low, high, n.

    mean(part − none)/mean(batch − none) over seeds, with Fieller's interval; NaN where BN's gain
    cannot be told from 0, or the arm was not tried.
    """
    found = studied(record)
    parts = [part for part in found["part"].values.tolist() if part not in (FLOOR, CEILING)]
    table = [
        [[share_of(found[o].sel(network=n), part) for o in found.data_vars] for part in parts]
        for n in found["network"].values.tolist()
    ]
    dims = ("network", "part", "outcome")
    values = np.array(table, dtype=float)
    return xr.Dataset(
        {name: (dims, values[..., i], {"units": "1"}) for i, name in enumerate(INTERVAL)},
        {
            "network": found["network"].values,
            "part": parts,
            "outcome": [str(name) for name in found.data_vars],
        },
    )


def share_of(outcome: xr.DataArray, part: str) -> tuple[float, float, float, int]:
    """A part's share of BN's gain in an outcome (part, seed): estimate, low, high, seeds."""
    floor, ceiling, arm = (outcome.sel(part=name).values for name in (FLOOR, CEILING, part))
    share = ratio_of_means(arm - floor, ceiling - floor)
    return share.estimate, share.low, share.high, share.n


def of_network(record: xr.Dataset, network: str | None = None) -> xr.Dataset:
    """The table of `kept` for one network, without the arms that were not tried in it.

    None is the first network, of a record that may have no other.
    """
    here = kept(record).sel(network=network or networks(record)[0], drop=True)
    return here.isel(part=np.flatnonzero((here["n"] > 0).any("outcome")))


def answer(record: xr.Dataset, network: str, outcome: str = "speed") -> str:
    """What the record says of one network: who keeps most of BN's gain, and who keeps hardly any.

    Most: the interval of the share lies above one half; hardly any: below it.
    """
    table = of_network(record, network).sel(outcome=outcome)
    named: dict[str, list[str]] = {"most": [], "less than half": []}
    for part in table["part"].values.tolist():
        estimate, low, high, n = (float(table[name].sel(part=part)) for name in INTERVAL)
        words = f"{SAID[part]} ({Interval(estimate, low, high, int(n))})"
        if low > 0.5:
            named["most"].append(words)
        elif high < 0.5:
            named["less than half"].append(words)
    if not table["estimate"].notnull().any():
        return f"In {network} batch normalization's gain in {outcome} cannot be told from nothing."
    kept_most = "; ".join(named["most"]) or "nothing that was tried"
    kept_little = "; ".join(named["less than half"]) or "nothing that was tried"
    return (
        f"In the network of {network} more than half of the gain in {outcome} is kept by "
        f"{kept_most}. Less than half is kept by {kept_little}."
    )


def answers(record: xr.Dataset, outcome: str = "speed") -> dict[str, str]:
    """`answer` for every network of the record."""
    return {name: answer(record, name, outcome) for name in networks(record)}


def networks(record: xr.Dataset) -> list[str]:
    """The networks of a record, in order."""
    return list(dict.fromkeys(record["network"].values.tolist()))


def beside(record: xr.Dataset, network: str, part: str) -> xr.Dataset:
    """Accuracy (arm, seed, step) of a part between none and batch, in one network."""
    arms = unfold(record, "network", "part")["accuracy"].sel(network=network, drop=True)
    names = list(dict.fromkeys([FLOOR, CEILING, part]))
    return _drawn(arms.sel(part=names).rename(part="arm"), "accuracy", "test accuracy", "step")


def speeds_by_depth(record: xr.Dataset) -> xr.Dataset:
    """Speed (arm, seed, depth) of every part in the ReLU networks, by their number of layers."""
    speed = studied(record)["speed"]
    deep = [name for name in networks(record) if "ReLU" in name]
    found = speed.sel(network=deep).assign_coords(network=[int(n.split()[0]) for n in deep])
    by_depth = found.rename(network="depth", part="arm")
    drawn = _drawn(by_depth, "speed", "test accuracy over the run", "depth")
    drawn["depth"].attrs["long_name"] = "hidden layers"
    return drawn


def _drawn(values: xr.DataArray, name: str, words: str, over: str) -> xr.Dataset:
    """What a figure of curves takes; who diverged has the accuracy of chance, so nobody is lost."""
    return never_diverged(values.rename(name).assign_attrs(units="1", long_name=words), name, over)
