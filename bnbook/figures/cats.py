"""Two clouds of cats, the curve that rules their labels, and a line fitted to one of them."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bnbook.experiments.covariate_shift import Cats
from bnbook.figures.figure import Figure
from bnbook.figures.scatter import scatter
from bnbook.stats import interval

POINTS = 150
EXTENT = (-4.2, 4.2), (-2.9, 4.4)


def cats(record: xr.Dataset, shift: float = 1.5, fit: str = "source") -> Figure:
    """Source and target cats at a `shift`, and the line that arm `fit` draws between classes.

    Points are a small sample; the line is the mean over seeds, its accuracies are those of the
    record, with 95 % intervals.
    """
    setting = Cats()
    rng = np.random.default_rng(0)
    clouds = {
        f"{'black' if domain == 'source' else 'coloured'} cats ({domain})": setting.sample(
            domain, shift, POINTS, rng
        )
        for domain in ("source", "target")
    }
    coat = np.linspace(*EXTENT[0], 61)
    rule = np.stack([coat, setting.bend * coat**2 / 2], axis=1)
    chosen = record.sel(shift=shift, arm=fit)
    intercept, slope, ears = chosen.line.mean("seed").values
    line = np.stack([coat, -(intercept + slope * coat) / ears], axis=1)
    home, abroad = (interval(chosen.accuracy.sel(domain=d)) for d in ("source", "target"))
    return scatter(
        {name: (x, y.astype(int)) for name, (x, y) in clouds.items()},
        classes=("no cat", "cat"),
        lines={"the rule": rule, f"fitted line ({fit})": line},
        xlabel="coat x₁",
        ylabel="ears x₂",
        note=f"accuracy: black {home}, coloured {abroad} (n = {home.n} seeds)",
        xlim=EXTENT[0],
        ylim=EXTENT[1],
    )
