"""The best that anyone can do on the made table: Bayes' rule with the numbers it was made with."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from bnbook.data import bayes_net
from bnbook.factors import crossed
from bnbook.probes.one_vs_rest import GRID, area_and_curve
from bnbook.study import Experiment, Measurement

ARM = "best possible"


@dataclass(frozen=True)
class Draws:
    """Fresh test rows for every seed, as many as the data set's test split has."""

    rows: int = bayes_net.TEST


def measure(settings: Draws, seed: int) -> xr.Dataset:
    """Accuracy, and area, curve and recall of each class, of the exact posterior on fresh rows."""
    x, y = bayes_net.draw(settings.rows, seed=1 + seed)  # 0 is the data set's own
    posterior = bayes_net.network().posterior(x)
    chosen = posterior.argmax(1)
    classes = range(posterior.shape[1])
    found = [area_and_curve(y == k, posterior[:, k]) for k in classes]
    return xr.Dataset(
        {
            "accuracy": ("arm", [(chosen == y).mean()], {"units": "1"}),
            "class_auc": (("arm", "class"), [[area for area, _ in found]], {"units": "1"}),
            "roc_curve": (
                ("arm", "class", "false_positive_rate"),
                np.array([[curve for _, curve in found]]),
                {"units": "1"},
            ),
            "recall": (
                ("arm", "class"),
                [[(chosen[y == k] == k).mean() for k in classes]],
                {"units": "1"},
            ),
        },
        {"arm": [ARM], "class": list(classes), "false_positive_rate": list(GRID)},
    )


def plan(scale: str) -> Measurement:
    """Seeds are samples of test rows: their spread is that of the sample."""
    seeds = {"smoke": 2, "book": 10, "paper": 100}[scale]
    return Measurement(
        crossed(classifier=(ARM,)), tuple(range(seeds)), measure, Draws(), seeds_per_task=100
    )


EXPERIMENT = Experiment(
    name="tabular-best",
    question="How well can the classes of the made table be told apart at all?",
    plan=plan,
)
