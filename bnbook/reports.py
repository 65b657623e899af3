"""A diagnosis with its pictures, and with links to the sections of the book that explain it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import nn

from bnbook import diagnosis, norms
from bnbook.chapters import PAGES
from bnbook.data import Dataset
from bnbook.diagnosis import Patient, Report
from bnbook.figures import Figure, functions
from bnbook.probes.base import STATISTICS

BOOK = "https://github.com/bnbook/bnbook/blob/main/book"
"""Where the pages can be read; a fork changes it here."""

SECTIONS = {
    "dead-channels": "high-rates-bad-weights-great-depth",
    "decayed-scale": "what-does-weight-decay-do-then",
    "depends-in-use": "from-the-statistics-to-one-example",
    "dropout-before-norm": "dropout-before-bn",
    "effective-rate": "a-step-is-a-leg-of-a-right-triangle",
    "epsilon-dominates": "forward",
    "frozen-but-moving": "three-kinds-of-statistics-and-one-that-trails",
    "growing-weights": "where-growth-and-decay-balance",
    "half-precision": "forward",
    "last-batch": "one-example",
    "never-updated": "three-kinds-of-statistics-and-one-that-trails",
    "not-finite": "three-kinds-of-statistics-and-one-that-trails",
    "not-foldable": "folding",
    "redundant-bias": "the-bias-that-does-nothing",
    "reused-layer": "folding",
    "reversed-momentum": "three-kinds-of-statistics-and-one-that-trails",
    "saturated-channels": "what-the-units-are-doing",
    "shared-normaliser": "three-kinds-of-statistics-and-one-that-trails",
    "sharp-on-sphere": "the-edge-of-stability",
    "shifted-test-data": "test-data-that-are-not-training-data",
    "small-batch": "what-is-left-of-a-value",
    "small-shards": "what-is-left-of-a-value",
    "stale-statistics": "three-kinds-of-statistics-and-one-that-trails",
    "unfair-batches": "batches-that-are-no-fair-sample",
    "young-statistics": "three-kinds-of-statistics-and-one-that-trails",
}
"""The heading, on the page of each sign, below which it is explained."""

SMALLEST = 1e-6
"""Losses below it, in nat, are drawn as it."""


@dataclass(frozen=True, repr=False)
class Illustrated(Report):
    """A `Report` that also shows two pictures and leads to the book.

    losses   of each test example, ascending, by kind of statistics
    lags     of each normaliser that keeps statistics, in order: how far its running mean is from
             the precise one, in σ, and log(running σ/precise σ); root mean squares over channels
    """

    losses: dict[str, Float64[np.ndarray, " example"]] = field(default_factory=dict)
    lags: Float64[np.ndarray, "normaliser 2"] = field(default_factory=lambda: np.empty((0, 2)))

    @cached_property
    def pictures(self) -> tuple[Figure, ...]:
        """What there is to be drawn, made when it is first asked for."""
        drawn = []
        if self.losses:
            drawn.append(_of_losses(self.losses))
        if len(self.lags):
            drawn.append(_of_lags(self.lags))
        return tuple(drawn)

    def _repr_html_(self) -> str:
        text = super()._repr_html_()
        for each in (*self.findings, *self.remarks):
            title = escape(PAGES[each.page][0])
            link = f'<a href="{BOOK}/{each.page}.md#{SECTIONS[each.name]}">{title}</a>'
            text = text.replace(f"the chapter “{escape(each.page)}”", link, 1)
        text = text.replace("<table>", '<div class="bn-scrolls" style="overflow-x:auto"><table>')
        text = text.replace("</table>", "</table></div>").removesuffix("</div>")
        pictures = "".join(picture.html() for picture in self.pictures)
        return f'<div style="overflow-wrap:break-word">{text}{pictures}</div></div>'


def diagnose(model: nn.Module, data: Dataset, **options: Any) -> Illustrated:
    """What is wrong with the normalisation of a model: `bnbook.diagnosis.diagnose`, illustrated.

    Options are those of that function: batch_size, replicas, optimizer.
    """
    report = diagnosis.diagnose(model, data, **options)
    plain = getattr(model, "module", model)
    patient = Patient(plain, data, report.batch_size)
    return Illustrated(**vars(report), losses=_losses(patient), lags=_lags(patient))


def _losses(patient: Patient) -> dict[str, Float64[np.ndarray, " example"]]:
    found: dict[str, Any] = {}
    for kind in STATISTICS:
        try:
            losses = patient.losses("test", kind)
        except norms.NormError:
            continue
        if losses.isfinite().all():
            found[kind] = np.sort(losses.double().numpy(force=True))
    return found


def _lags(patient: Patient) -> Float64[np.ndarray, "normaliser 2"]:
    """Zero rows where no normaliser keeps statistics, or its data give none that are precise."""
    if not patient.remembering:
        return np.empty((0, 2))
    precise = copy.deepcopy(patient.net)
    batches = patient.data.train.x.split(patient.batch_size)
    try:
        norms.precise_statistics(precise, [x for x in batches if len(x) == patient.batch_size])
    except norms.NormError:
        return np.empty((0, 2))
    names = {id(m): name for name, m in patient.net.named_modules()}
    rows = [
        _lag(norm, precise.get_submodule(names[id(norm)])) for norm in patient.remembering.values()
    ]
    lags = np.array([row for row in rows if row is not None and np.isfinite(row).all()])
    return lags.reshape(-1, 2)


def _lag(norm: Any, precise: Any) -> tuple[float, float] | None:
    """Of one normaliser with a mean and a variance for each channel; None for others."""
    if not hasattr(norm, "running_var"):
        return None
    mean, var = norm.running_mean.double(), norm.running_var.double() + norm.eps
    to_mean, to_var = precise.running_mean.double(), precise.running_var.double() + norm.eps
    shift = ((mean - to_mean).square() / to_var).mean().sqrt()
    return float(shift), float(torch.log(var / to_var).square().mean().sqrt() / 2)


def _of_losses(losses: dict[str, Any]) -> Figure:
    logs = {kind: np.log10(np.maximum(each, SMALLEST)) for kind, each in losses.items()}
    return functions(
        {kind: (np.linspace(0, 1, len(each)), each) for kind, each in logs.items()},
        xlabel="share of the test examples, the easiest first",
        ylabel="log₁₀ of the loss (nat)",
        note="by the statistics that normalise",
    )


def _of_lags(lags: Any) -> Figure:
    place = np.arange(1, len(lags) + 1)
    return functions(
        {"mean, in σ": (place, lags[:, 0]), "log of σ": (place, lags[:, 1])},
        xlabel="normaliser, in the order of the model",
        ylabel="distance of running from precise statistics",
        note="root mean square over channels",
        ylim=(0.0, max(0.1, 1.1 * float(lags.max()))),
    )
