"""The records of the chapter on small batches, turned into what its claims and figures need."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bnbook.experiments.batch_sizes import MATCHED
from bnbook.outcomes.arms import at_choice_of_others, at_the_end, held_out, stacked, unfold
from bnbook.stats import paired

SMALL, USUAL = 2, 32  # the smallest batch that BN can train on, and Wu and He's usual one
SEVERE = 3  # the level at which a mismatch is judged; the chapter shows all
SETTINGS = ("η matched", "η tuned")


def by_size(record: xr.Dataset) -> xr.Dataset:
    """`batch-sizes` by setting, budget, arm and m instead of by arm and learning rate.

    Tuned is the rate with the highest validation accuracy averaged over the *other* seeds, for
    each arm, size and budget. Diverged networks have the accuracy of chance, so no run is left
    out; NaN is what was not trained.
    """
    unfolded = unfold(record, "norm", "m").rename(norm="arm")
    matched = unfolded.sel(rate=MATCHED, drop=True)
    tuned = at_choice_of_others(unfolded, unfolded.validation, "rate")
    both = xr.concat([matched, tuned], "setting")
    both = both.drop_vars(["validation", "gradient"])
    both = both.assign(diverged_at=xr.full_like(matched.gradient.isel(m=0, drop=True), np.nan))
    both["m"].attrs["long_name"] = "batch size m"
    both["accuracy"].attrs = {"units": "1", "long_name": "accuracy"}
    both["loss"].attrs = {"units": "nat", "long_name": "loss"}
    return both.assign_coords(setting=list(SETTINGS))


def gradients(record: xr.Dataset) -> xr.Dataset:
    """First-layer gradient norm before training, by arm and m (the same at every rate)."""
    found = unfold(record[["gradient"]], "norm", "m").rename(norm="arm").isel(rate=0, drop=True)
    none_lost = xr.full_like(found.gradient.isel(m=0, drop=True), np.nan)
    found["m"].attrs["long_name"] = "batch size m"
    return found.assign(diverged_at=none_lost)


def used(record: xr.Dataset) -> xr.DataArray:
    """Test accuracy by population statistics (setting, budget, arm, m, seed)."""
    return held_out(by_size(record))


def lost(accuracy: xr.DataArray, arm: str) -> xr.DataArray:
    """How much of its lead over no normaliser an arm loses from m = 32 to m = 2."""
    lead = paired(accuracy, arm, "none")
    return lead.sel(m=USUAL, drop=True) - lead.sel(m=SMALL, drop=True)


def best(record: xr.Dataset) -> xr.DataArray:
    """`used` where every arm has its tuned learning rate and equally many examples."""
    return used(record).sel(setting="η tuned", budget="equal examples", drop=True)


def degradation(record: xr.Dataset) -> xr.DataArray:
    """What BN loses, by learning rate and budget."""
    every = lost(used(record), "batch")
    parts = {
        f"{setting}, {budget}": every.sel(setting=setting, budget=budget, drop=True)
        for setting in SETTINGS
        for budget in ("equal examples", "equal steps")
    }
    return stacked(parts, "comparison")


def by_arm_and_size(record: xr.Dataset) -> xr.DataArray:
    """Test accuracy (arm, m, seed), each arm at its tuned rate, of a race of batch sizes."""
    found = unfold(record.accuracy, "norm", "m").rename(norm="arm")
    found["m"].attrs["long_name"] = "batch size m"
    return found


def lost_by_convolutions(record: xr.Dataset) -> xr.DataArray:
    """How much of its lead over no normaliser BN loses from m = 32 to m = 2."""
    return lost(by_arm_and_size(record), "batch")


def kept_by_groups_in_convolutions(record: xr.Dataset) -> xr.DataArray:
    """What GroupNorm gains, less than zero where it loses, from m = 32 to m = 2."""
    return -lost(by_arm_and_size(record), "group")


def lost_beyond_groups_in_convolutions(record: xr.Dataset) -> xr.DataArray:
    """How much more of its lead from m = 32 to m = 2 BN loses than GroupNorm."""
    accuracy = by_arm_and_size(record)
    return lost(accuracy, "batch") - lost(accuracy, "group")


def behind_in_convolutions(record: xr.Dataset) -> xr.DataArray:
    """How far BN is behind no normaliser at m = 2."""
    return paired(by_arm_and_size(record).sel(m=SMALL, drop=True), "none", "batch")


def lost_under_adam(record: xr.Dataset) -> xr.DataArray:
    """How much more accurate BN ends under Adam at m = 32 than at m = 2."""
    accuracy = by_arm_and_size(record).sel(arm="batch", drop=True)
    return accuracy.sel(m=USUAL, drop=True) - accuracy.sel(m=SMALL, drop=True)


def weight_std(record: xr.Dataset) -> xr.DataArray:
    """How much less Weight Standardization loses than BN, and by how much it is behind at most."""
    accuracy = best(record)
    large = (
        used(record).sel(setting="η tuned", budget="equal steps", drop=True).isel(m=-1, drop=True)
    )
    parts = {
        "steadier from m = 32 to 2": lost(accuracy, "batch") - lost(accuracy, "weight-std"),
        "weaker at the largest m": paired(large, "batch", "weight-std"),
    }
    return stacked(parts, "part")


def both_together(record: xr.Dataset) -> xr.DataArray:
    """WS+BN against every other arm over all sizes that all can train, and its own loss."""
    accuracy = best(record)
    overall = accuracy.drop_sel(arm="ghost").sel(m=accuracy.m > 1).mean("m")
    parts = {
        f"better than {rival} over m ≥ 2": paired(overall, "weight-std+batch", rival)
        for rival in map(str, overall.arm.values)
        if rival != "weight-std+batch"
    }
    return stacked(parts | {"not cured at m = 2": lost(accuracy, "weight-std+batch")}, "part")


def renorm(record: xr.Dataset) -> xr.DataArray:
    """Batch Renorm against BN at two sizes, and whether it recovers half of what BN loses."""
    accuracy = best(record)
    parts = {
        f"better than BN at m = {m}": paired(accuracy.sel(m=m, drop=True), "renorm", "batch")
        for m in (SMALL, 4)
    }
    parts["over half of BN's loss at m = 2 recovered"] = lost(accuracy, "batch") / 2 - lost(
        accuracy, "renorm"
    )
    return stacked(parts, "part")


def loss_parts(record: xr.Dataset) -> xr.DataArray:
    """The test loss of BN (m, part, seed) as a sum of four.

    training noise     loss on training examples as training sees them, by batch statistics
    generalisation     what test examples add to that, still by batch statistics
    discrepancy        what precise population statistics add to those of the batch
    EMA                what the running average adds to precise statistics
    """
    tuned = by_size(record).sel(setting="η tuned", budget="equal examples", arm="batch", drop=True)
    loss = tuned.loss.sel(m=tuned.m > 1)
    seen, batch, precise, running = (
        loss.sel(split=split, statistics=statistics, drop=True)
        for split, statistics in (
            ("train", "batch"),
            ("test", "batch"),
            ("test", "precise"),
            ("test", "population"),
        )
    )
    parts = {
        "training noise": seen,
        "generalisation": batch - seen,
        "discrepancy": precise - batch,
        "EMA": running - precise,
    }
    return stacked(parts, "part")


def excess(record: xr.Dataset) -> xr.DataArray:
    """What three parts of the loss add at the small batch to what they are at the usual one."""
    parts = loss_parts(record)
    more = parts.sel(m=SMALL, drop=True) - parts.sel(m=USUAL, drop=True)
    return more.sel(part=["training noise", "discrepancy", "EMA"])


def unfair(record: xr.Dataset) -> xr.DataArray:
    """Test accuracy of `few-classes` (arm, batches, seed); diverged networks have chance's."""
    return unfold(at_the_end(record), "norm", "batches").rename(norm="arm")


def few_classes(record: xr.Dataset) -> xr.DataArray:
    """What batches of two classes cost BN beyond no normaliser, and what two cures win back."""
    accuracy = unfair(record)
    lead = paired(accuracy, "batch", "none")
    two = accuracy.sel(batches="2 classes", drop=True)
    parts = {
        "BN loses more than no normaliser": lead.sel(batches="shuffled", drop=True)
        - lead.sel(batches="2 classes", drop=True),
        "Batch Renorm is better than BN": paired(two, "renorm", "batch"),
        "Ghost groups are better than BN": paired(two, "ghost", "batch"),
    }
    return stacked(parts, "part")


def mismatch(record: xr.Dataset) -> xr.DataArray:
    """For each kind: BN's loss beyond that of no normaliser, and what two repairs win back.

    Adapted to 64 unlabelled examples with a pseudo-count of 16, a typical choice of the source.
    """
    plain = record.accuracy.sel(statistics="population", drop=True)
    adapted = record.adapted.sel(arm="batch", examples=64, pseudo_count=16.0, drop=True)
    drop = paired(
        plain.sel(level=0, drop=True) - plain.sel(level=SEVERE, drop=True), "batch", "none"
    )
    at = plain.sel(level=SEVERE, drop=True)
    parts = {}
    for kind in record.kind.values:
        parts[f"{kind}, BN loses"] = drop.sel(kind=kind, drop=True)
        gain = adapted.sel(level=SEVERE, drop=True) - at.sel(arm="batch", drop=True)
        parts[f"{kind}, adapting"] = gain.sel(kind=kind, drop=True)
        renormed = paired(at, "renorm", "batch").sel(kind=kind, drop=True)
        parts[f"{kind}, Batch Renorm"] = renormed
    return stacked(parts, "part")


def in_use(record: xr.Dataset) -> xr.Dataset:
    """Test accuracy of `mismatch` by what a network is and which statistics it uses.

    Arms: networks by population statistics, and two more ways to use that with BN: by the
    statistics of test batches, and adapted to 64 unlabelled examples. Over kind, level and
    pseudo_count, which only the last depends on.
    """
    record = record.drop_vars("norm")  # the two more arms are no normaliser's
    plain = record.accuracy.sel(statistics="population", drop=True)
    batch = record.accuracy.sel(arm="batch", statistics="batch", drop=True)
    adapted = record.adapted.sel(arm="batch", examples=64, drop=True)
    ways = {"test batches (batch)": batch, "adapted (batch)": adapted}
    parts = [plain.expand_dims(pseudo_count=record.pseudo_count)]
    for name, values in ways.items():
        if "pseudo_count" not in values.dims:
            values = values.expand_dims(pseudo_count=record.pseudo_count)
        parts.append(values.expand_dims(arm=[name]))
    accuracy = xr.concat(parts, "arm", coords="minimal", compat="override")
    accuracy.attrs = {"units": "1", "long_name": "test accuracy"}
    return accuracy.to_dataset(name="accuracy")


def films(record: xr.Dataset) -> xr.DataArray:
    """Test accuracy of `correlated-rows` (arm, rows, seed), each arm at its tuned rate.

    The rate is chosen by the other seeds' accuracy on training films, population statistics.
    """
    unfolded = unfold(record[["accuracy"]], "norm", "rows").rename(norm="arm")
    scores = unfolded.accuracy.sel(split="train", statistics="population", drop=True)
    return held_out(at_choice_of_others(unfolded, scores, "rate"))


def law_distance(record: xr.Dataset) -> xr.DataArray:
    """Distance from the law, for Gaussian values and for the units of trained networks."""
    parts = {
        f"{arm} values, m = {m}": record.all_units.sel(arm=arm, m=m, drop=True)
        for arm in ("Gaussian", "trained")
        for m in (2, 4)
    }
    return stacked(parts, "values")


def kept_by_layer(record: xr.Dataset) -> xr.DataArray:
    """What LayerNorm gains, less than zero where it loses, from m = 32 to 2."""
    return -lost(best(record), "layer")


def kept_by_group(record: xr.Dataset) -> xr.DataArray:
    """What GroupNorm gains, less than zero where it loses, from m = 32 to 2."""
    return -lost(best(record), "group")


def layer_on_films(record: xr.Dataset) -> xr.DataArray:
    """Accuracy with LayerNorm minus that with BN, by how the rows of batches are related."""
    return paired(films(record), "layer", "batch")
