"""What is read off the records of the chapter on what came after BN, and what BN costs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable

import numpy as np
import xarray as xr

from bnbook.experiments.successors import LEARNS
from bnbook.outcomes.arms import (
    at_choice_of_others,
    at_the_end,
    bare,
    chance,
    held_out,
    joined,
    stacked,
    unfold,
)
from bnbook.stats import decide

Statistic = Callable[[xr.Dataset], xr.DataArray]

MATTERS = {"speed": 0.02, "accuracy": 0.01}
"""The smallest difference in an outcome that would matter; speed is an average over the looks."""

SAID = {
    "none": "no normalizer and no remedy",
    "layer": "layer normalization",
    "rms": "root mean square normalization",
    "dyt": "dynamic tanh",
    "frn": "filter response normalization",
    "rezero": "branches that start at nothing",
    "fixup": "Fixup",
    "scaled weights": "scaled weights with clipping",
}
"""Every recipe but batch normalization, in words."""


def studied(record: xr.Dataset) -> xr.Dataset:
    """Outcomes (network, recipe, seed) of `successors`; NaN for what was not tried.

    speed       test accuracy averaged over the looks, which are even in the logarithm of the step
    tolerance   log₁₀ of the highest learning rate at which the network trains, `LEARNS`; half a
                decade below the lowest where it trains at none
    accuracy    on test examples at the end
    """
    arms = unfold(record, "network", "recipe")
    rates = xr.DataArray(np.log10(arms["rate_at"]))
    below = rates.min("place") - 0.5
    trains = rates.where(arms["by_rate"] >= LEARNS).max("place").fillna(below)
    several = rates.notnull().sum("place") > 1
    found = xr.Dataset(
        {
            "speed": arms["accuracy"].mean("look", skipna=False),
            "tolerance": trains.where(several),
            "accuracy": arms["accuracy"].isel(look=-1, drop=True),
        }
    )
    found["speed"].attrs = {"units": "1", "long_name": "test accuracy over the run"}
    found["tolerance"].attrs = {"units": "decades", "long_name": "highest tolerable rate"}
    found["accuracy"].attrs = {"units": "1", "long_name": "test accuracy at the end"}
    return found


def difference(outcome: str, recipe: str, other: str, *networks: str) -> Statistic:
    """`outcome` of a recipe minus that of another, (network, seed), in some networks."""

    def statistic(record: xr.Dataset) -> xr.DataArray:
        found = studied(record)[outcome].sel(network=list(networks))
        return found.sel(recipe=recipe, drop=True) - found.sel(recipe=other, drop=True)

    return statistic


def by_examples(recipe: str, other: str) -> Statistic:
    """Accuracy at the end of a recipe minus that of another, (examples, seed)."""

    def statistic(record: xr.Dataset) -> xr.DataArray:
        found = sized(record)
        return found.sel(recipe=recipe, drop=True) - found.sel(recipe=other, drop=True)

    return statistic


def sized(record: xr.Dataset) -> xr.DataArray:
    """Test accuracy at the end (recipe, examples, seed) of `fewer-examples`."""
    return unfold(record, "recipe", "examples")["accuracy"].isel(look=-1, drop=True)


def more_deceived(norm: str, other: str) -> Statistic:
    """Accuracy under attack of `other` minus that of a normaliser, (size, seed), for ε > 0."""

    def statistic(record: xr.Dataset) -> xr.DataArray:
        found = deceived(record)
        gap = found.sel(norm=other, drop=True) - found.sel(norm=norm, drop=True)
        return gap.isel(size=slice(1, None))

    return statistic


def deceived(record: xr.Dataset) -> xr.DataArray:
    """Accuracy under attack (norm, seed, size) of the networks of ReLUs."""
    return unfold(record, "activation", "norm").accuracy.sel(activation="relu", drop=True)


def attack_excess(record: xr.Dataset) -> xr.DataArray:
    """Deviation of the margin lost from ε·‖w‖₁, (norm, seed), in the linear networks."""
    linear = unfold(record, "activation", "norm").excess.sel(activation="identity", drop=True)
    return linear.dropna("norm", how="all")


def told(norm: str = "batch", statistics: str = "batch") -> Statistic:
    """How much better than by chance an example's class is told by its company, (size, seed)."""

    def statistic(record: xr.Dataset) -> xr.DataArray:
        found = unfold(record, "norm", "statistics").told
        return found.sel(norm=norm, statistics=statistics, drop=True) - chance(record)

    return statistic


def clients(record: xr.Dataset, which: str = "accuracy") -> xr.DataArray:
    """Accuracy (norm, deal, seed) of the averaged network after the last round."""
    return unfold(record, "norm", "deal")[which].isel(round=-1, drop=True)


def costs_clients(norm: str, other: str) -> Statistic:
    """What clients with two classes each cost a normaliser beyond what they cost another, seed."""

    def statistic(record: xr.Dataset) -> xr.DataArray:
        found = clients(record)
        cost = found.sel(deal="alike", drop=True) - found.sel(deal="two classes", drop=True)
        return cost.sel(norm=norm, drop=True) - cost.sel(norm=other, drop=True)

    return statistic


def fresh_statistics(record: xr.Dataset) -> xr.DataArray:
    """What precise statistics add to averaged ones, (deal, seed), with BN after the last round."""
    gain = clients(record, "precise") - clients(record)
    return gain.sel(norm="batch", drop=True)


def shuffled_once(norm: str) -> Statistic:
    """Log ratio of training losses, one shuffle over reshuffled, (activation, seed), at the end."""

    def statistic(record: xr.Dataset) -> xr.DataArray:
        found = unfold(record, "activation", "norm", "order").loss.isel(epoch=-1, drop=True)
        logs = xr.DataArray(np.log(found.sel(norm=norm, drop=True)))
        return logs.sel(order="one shuffle", drop=True) - logs.sel(order="reshuffled", drop=True)

    return statistic


def beyond_half_of_training(record: xr.Dataset) -> xr.DataArray:
    """Accuracy by γ and β alone above the middle between guessing and training everything."""
    found = unfold(at_the_end(record).to_dataset(name="accuracy"), "trained")["accuracy"]
    middle = (found.sel(trained="everything", drop=True) + chance(record)) / 2
    return found.sel(trained="γ and β", drop=True) - middle


def growth(record: xr.Dataset) -> xr.DataArray:
    """How much more gradients grow in the deepest stack than in one of a fifth, (weights, seed).

    In decades; weights are named with their activation, "orthogonal, identity".
    """
    found = record.growth
    deepest = int(found.depth.max())
    reference = float(found.depth.sel(depth=deepest / 5, method="nearest"))
    gain = found.sel(depth=deepest, drop=True) - found.sel(depth=reference, drop=True)
    gain = gain / math.log(10)
    names = [f"{w}, {a}" for w, a in zip(gain.weights.values, gain.activation.values, strict=True)]
    bare = gain.drop_vars([n for n, c in gain.coords.items() if c.dims == ("arm",)])
    return bare.rename(arm="weights").assign_coords(weights=names)


def growth_of(*weights: str) -> Statistic:
    """`growth` of some weights, (weights, seed)."""
    return lambda record: growth(record).sel(weights=list(weights))


def better_frozen(record: xr.Dataset) -> xr.DataArray:
    """Accuracy with frozen statistics minus that with moving ones, (m, seed), each at its rate.

    The rate of each is the one at which the other seeds are most accurate.
    """
    found = unfold(record, "statistics", "m").accuracy
    parts = []
    for m in found.m.values:
        ends = [
            at_choice_of_others(each, each, "rate")
            for each in (found.sel(statistics=s, m=m, drop=True) for s in ("frozen", "moving"))
        ]
        parts.append(ends[0] - ends[1])
    return xr.concat(parts, "m").assign_coords(m=found.m.values)


def beside_batch(record: xr.Dataset, outcome: str) -> xr.Dataset:
    """What each recipe has beyond batch normalization, (recipe, network, seed), of one outcome."""
    found = studied(record)[outcome]
    others = [name for name in found["recipe"].values.tolist() if name != "batch"]
    gap = found.sel(recipe=others) - found.sel(recipe="batch", drop=True)
    gap.attrs = {**found.attrs, "long_name": f"{found.attrs['long_name']}, beyond BN's"}
    return gap.transpose("recipe", "network", "seed").to_dataset(name="gap")


def answer(record: xr.Dataset, network: str, outcome: str) -> str:
    """What the record says of one network: who is ahead of BN, level with it, or behind.

    Ahead and behind by what matters; level is who loses less than that for certain, and is not
    ahead. All by the 95 % interval of the difference paired by seed.
    """
    found = studied(record)[outcome].sel(network=network, drop=True)
    groups: dict[str, list[str]] = {"ahead": [], "level": [], "behind": [], "undecided": []}
    for recipe in found["recipe"].values.tolist():
        gap = (found.sel(recipe=recipe) - found.sel(recipe="batch")).values
        if recipe != "batch" and not np.isnan(gap).all():
            groups[_place(gap, MATTERS[outcome])].append(SAID[recipe])
    said = {place: "; ".join(names) or "nobody" for place, names in groups.items()}
    text = (
        f"**{network.capitalize()}, {outcome}.** Ahead of batch normalization: {said['ahead']}. "
        f"Level with it: {said['level']}. Behind: {said['behind']}."
    )
    return text + (f" Undecided: {said['undecided']}." if groups["undecided"] else "")


def _place(gap: np.ndarray, matters: float) -> str:
    if decide(gap, matters).verdict == "supported":
        return "ahead"
    verdict = decide(gap, matters, "at-least").verdict
    return {"supported": "level", "reversed": "behind"}.get(verdict, "undecided")


def answers(record: xr.Dataset) -> list[str]:
    """`answer` for every network and outcome that has a smallest difference."""
    return [answer(record, each, outcome) for each in networks(record) for outcome in MATTERS]


def networks(record: xr.Dataset) -> list[str]:
    """The networks of `successors`, in order."""
    return list(dict.fromkeys(record["network"].values.tolist()))


def course(record: xr.Dataset, network: str) -> xr.Dataset:
    """Test accuracy (arm, seed, step) of every recipe in one network, by its number of steps."""
    arms = unfold(record, "network", "recipe")["accuracy"].sel(network=network, drop=True)
    runs = json.loads(record.attrs["plan"])["settings"]["runs"]
    looks = next(run["looks"] for run in runs if run["kind"] == network)
    tried = [r for r in arms["recipe"].values if bool(arms.sel(recipe=r).notnull().any())]
    found = arms.sel(recipe=tried).isel(look=slice(len(looks)))
    return _drawn(found.rename(recipe="arm", look="step").assign_coords(step=looks), "accuracy")


def by_size(record: xr.Dataset) -> xr.Dataset:
    """Test accuracy at the end (arm, seed, examples) of `fewer-examples`."""
    found = sized(record).rename(recipe="arm")
    found["examples"].attrs["long_name"] = "training examples"
    return _drawn(found, "accuracy")


def under_attack(record: xr.Dataset) -> xr.Dataset:
    """Accuracy under attack (arm, seed, size) of the networks of ReLUs."""
    found = deceived(record).rename(norm="arm")
    found["size"].attrs["long_name"] = "size of the attack ε"
    return _drawn(found, "accuracy", "test accuracy under attack")


def betrayed(record: xr.Dataset) -> xr.Dataset:
    """How often a class is told by its company, (arm, seed, size)."""
    found = record.told.assign_coords(
        arm=[
            f"{norm}, {statistics} statistics" if norm == "batch" else norm
            for norm, statistics in zip(
                record["norm"].values, record["statistics"].values, strict=True
            )
        ]
    )
    found["size"].attrs["long_name"] = "examples in a batch"
    words = "share of classes told by the others"
    return _drawn(found.drop_vars(["norm", "statistics"]), "told", words)


def rounds(record: xr.Dataset) -> xr.Dataset:
    """Test accuracy (arm, deal, seed, round) of averaged networks; BN also by precise statistics.

    "batch, precise" are the same networks as "batch", with statistics of their own.
    """
    arms = unfold(record, "norm", "deal")
    names = [*arms["norm"].values.tolist(), "batch, precise"]
    fresh = arms["precise"].sel(norm=["batch"])
    found = xr.concat([arms["accuracy"], fresh.assign_coords(norm=["batch, precise"])], "norm")
    found["round"].attrs["long_name"] = "rounds"
    return _drawn(found.assign_coords(norm=names).rename(norm="arm"), "accuracy")


def shuffles(record: xr.Dataset) -> xr.Dataset:
    """Training loss (arm, activation, seed, epoch), an arm being a normaliser and an order."""
    found = unfold(record, "activation", "norm", "order").loss
    whole = joined(found, "arm", "norm", "order")
    whole["epoch"].attrs["long_name"] = "epochs"
    return _drawn(whole, "loss", "training loss", "nat")


def alone(record: xr.Dataset) -> xr.Dataset:
    """Test accuracy (arm, seed, step) of `affine-only`."""
    return _drawn(bare(held_out(record)), "accuracy")


def depths(record: xr.Dataset) -> xr.Dataset:
    """Growth of gradients (arm, seed, depth), in decades."""
    found = bare(record.growth) / math.log(10)
    found["arm"] = [
        f"{'linear' if activation == 'identity' else activation}, {weights}"
        for activation, weights in zip(
            record["activation"].values, record["weights"].values, strict=True
        )
    ]
    found["depth"].attrs["long_name"] = "layers"
    return _drawn(found, "growth", "first layer's gradient over the last one's", "decades")


def tuned_on(record: xr.Dataset) -> xr.Dataset:
    """Accuracy (arm, seed, m) after fine-tuning, at the rate at which the other seeds do best."""
    found = unfold(record, "statistics", "m").accuracy
    chosen = {
        str(name): xr.concat(
            [
                at_choice_of_others(each, each, "rate")
                for each in found.sel(statistics=name, drop=True).transpose("m", ...)
            ],
            "m",
        )
        for name in found["statistics"].values
    }
    whole = stacked(chosen, "arm").assign_coords(m=found["m"].values)
    whole["m"].attrs["long_name"] = "batch size in fine-tuning"
    return _drawn(whole, "accuracy")


def _drawn(
    values: xr.DataArray, name: str, words: str = "test accuracy", units: str = "1"
) -> xr.Dataset:
    """What a figure takes; who diverged has the accuracy of chance, so nobody is lost."""
    values = values.rename(name).assign_attrs(units=units, long_name=words)
    return values.reset_coords(drop=True).to_dataset()
