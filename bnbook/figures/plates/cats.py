"""Two clouds of cats, the curve that rules their labels, and a line fitted to one of them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bnbook.experiments.covariate_shift import Cats
from bnbook.figures.figure import Figure
from bnbook.figures.scatter import scatter
from bnbook.stats import interval

POINTS = 150
CATS = {"black cats (source)": "source", "coloured cats (target)": "target"}
RULE = "the rule"
EXTENT = (-4.2, 4.2), (-2.9, 4.4)


def cats(record: xr.Dataset, shift: float = 1.5, fit: str = "source") -> Figure:
    """Source and target cats at a `shift`, and the line that arm `fit` draws between classes.

    Points are a small sample; the line is the mean over seeds, its accuracies are those of the
    record, with 95 % intervals.
    """
    setting = Cats()
    rng = np.random.default_rng(0)
    clouds = {name: setting.sample(domain, shift, POINTS, rng) for name, domain in CATS.items()}
    coat = np.linspace(*EXTENT[0], 61)
    rule = np.stack([coat, setting.bend * coat**2 / 2], axis=1)
    chosen = record.sel(shift=shift, arm=fit)
    intercept, slope, ears = chosen.line.mean("seed").values
    line = np.stack([coat, -(intercept + slope * coat) / ears], axis=1)
    fitted = f"fitted line ({fit})"
    home, abroad = (interval(chosen.accuracy.sel(domain=d)) for d in ("source", "target"))
    return scatter(
        {name: (x, y.astype(int)) for name, (x, y) in clouds.items()},
        classes=("no cat", "cat"),
        lines={RULE: rule, fitted: line},
        kinds={**CATS, RULE: "rule", fitted: fit},
        xlabel="coat x₁",
        ylabel="ears x₂",
        note=f"accuracy: black {home}, coloured {abroad} (n = {home.n} seeds)",
        xlim=EXTENT[0],
        ylim=EXTENT[1],
    )
