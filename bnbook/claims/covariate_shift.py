"""Claims of the chapter on covariate shift, of the inputs and inside the network."""

from __future__ import annotations

import math

import xarray as xr

from bnbook.claims import Claim
from bnbook.stats import log_ratio, paired

TITLE = "Covariate shift"
POSITION = 1
QUESTION = "Does BN work by keeping the inputs of each layer still?"
SHIFT = 1.5  # where the two claims about cats are judged, in σ; the chapter shows all
FIRST, LAST = 0, 2  # hidden layers


def lost_to_shift(record: xr.Dataset) -> xr.DataArray:
    """Accuracy at home minus accuracy abroad, of the line fitted at home."""
    accuracy = record.accuracy.sel(arm="source", shift=SHIFT, drop=True)
    return accuracy.sel(domain="source", drop=True) - accuracy.sel(domain="target", drop=True)


def won_back(record: xr.Dataset) -> xr.DataArray:
    """Accuracy abroad of the weighted fit minus that of the plain one."""
    return paired(
        record.accuracy.sel(shift=SHIFT, domain="target", drop=True), "weighted", "source"
    )


def less_drift(record: xr.Dataset) -> xr.DataArray:
    """How many times further the nonlinearities' inputs drift without BN, as a logarithm."""
    drift = record.wasserstein_drift.sel(site="input", drop=True).mean(["step", "layer"])
    return log_ratio(drift, "none", "batch")


def less_gradient_shift(record: xr.Dataset) -> xr.DataArray:
    """How many times more gradients shift without BN, as a logarithm, the first layer left out."""
    shift = record.gradient_shift.isel(layer=slice(1, None)).mean(["step", "layer"])
    return log_ratio(shift, "none", "batch")


def progress(record: xr.Dataset) -> xr.DataArray:
    """Accuracy (arm, seed, seen): in training, averaged over the looks, and at the end.

    The looks are evenly spaced in the logarithm of the step, so the average rewards speed. Batch
    statistics show the network as it trains, noise included; at the end it is judged as it would
    be used, by population statistics.
    """
    training = record.accuracy.sel(split="train", statistics="batch", drop=True).mean("step")
    final = record.accuracy.sel(split="test", statistics="population", drop=True).isel(step=-1)
    return xr.concat([training, final.drop_vars("step")], "seen").assign_coords(
        seen=["while training", "at the end, on test data"]
    )


def coupling(record: xr.Dataset) -> xr.DataArray:
    """Coupling of the first and the last hidden layer, geometric mean over the looks."""
    up = record.coupling.sel(moved=FIRST, layer=LAST, drop=True)
    down = record.coupling.sel(moved=LAST, layer=FIRST, drop=True)
    both = xr.concat([up, down], "direction").assign_coords(
        direction=["first to last layer", "last to first layer"]
    )
    return xr.DataArray(math.e ** xr.ufuncs.log(both).mean("step"))


CLAIMS = (
    Claim(
        id="shift-1",
        says="Under covariate shift a classifier loses accuracy although the rule that gives the "
        "labels is unchanged.",
        source="ng2017why",
        experiment="covariate-shift",
        statistic=lost_to_shift,
        unit="accuracy",
        matters=0.02,
    ),
    Claim(
        id="shift-2",
        says="Weighting the training examples by their importance wins accuracy back.",
        source="shimodaira2000improving, chang2017why",
        experiment="covariate-shift",
        statistic=won_back,
        unit="accuracy",
        matters=0.02,
    ),
    Claim(
        id="shift-3",
        says="Batch normalization makes the distribution of a hidden unit's input drift less "
        "during training.",
        source="ioffe2015batch, notes2015ioffe, replication",
        experiment="internal-shift",
        statistic=less_drift,
        unit="log ratio of drift",
        matters=math.log(1.1),
        note="1-Wasserstein distance between looks, in standard deviations, at the input of the "
        "nonlinearity.",
    ),
    Claim(
        id="shift-4",
        says="Batch normalization lowers internal covariate shift when that is measured by the "
        "change of a layer's gradient.",
        source="santurkar2018how",
        experiment="internal-shift",
        statistic=less_gradient_shift,
        unit="log ratio of gradient shift",
        matters=math.log(1.1),
        note="The source tests this, and finds that it does not.",
    ),
    Claim(
        id="shift-5",
        says="A network with batch normalization and injected, changing noise is worse than one "
        "with batch normalization alone.",
        source="santurkar2018how, debrief2018",
        experiment="internal-shift",
        statistic=lambda record: paired(progress(record), "batch", "noisy-batch"),
        unit="accuracy",
        matters=0.01,
        stratified_by="seen",
        note="The source tests this, and finds that it is not.",
    ),
    Claim(
        id="shift-6",
        says="That noisy network still beats one without normalization.",
        source="santurkar2018how, debrief2018",
        experiment="internal-shift",
        statistic=lambda record: paired(progress(record), "noisy-batch", "none"),
        unit="accuracy",
        matters=0.01,
        stratified_by="seen",
    ),
    Claim(
        id="shift-7",
        says="Batch normalization weakens the coupling between early and late layers.",
        source="ng2017why",
        experiment="internal-shift",
        statistic=lambda record: log_ratio(coupling(record), "none", "batch"),
        unit="log ratio of coupling",
        matters=math.log(1.1),
        stratified_by="direction",
    ),
)
