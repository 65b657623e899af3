"""One example's logits, batch after batch, as a cloud beside the line where its answer changes."""

from __future__ import annotations

import numpy as np
import xarray as xr

from bnbook.figures.figure import Figure
from bnbook.figures.scatter import scatter
from bnbook.figures.words import listed


def logit_cloud(record: xr.Dataset, m: int, step: int, seed: int = 0) -> Figure:
    """Logits of the watched examples of `one-logit` in batches of `m`, at a step of training.

    Across the logit of the example's own class, upwards that of its strongest rival, each point
    another batch; above the diagonal the answer is wrong, and drawn hollow. The axes hold all
    steps and sizes of the seed, but for the widest hundredth, so that frames can be compared.
    """
    logit = record.logit.sel(arm="batch", seed=seed)
    chosen = logit.sel(m=m, step=step)
    points = {
        f"the {name} example": chosen.sel(example=name).transpose("draw", "class").values
        for name in logit.example.values
    }
    low, high = (float(logit.quantile(q)) for q in (0.005, 0.995))
    wrong = [f"{np.mean(each[:, 1] > each[:, 0]):.0%} of the {name}" for name, each in _of(points)]
    return scatter(
        {name: (each, each[:, 0] >= each[:, 1]) for name, each in points.items()},
        classes=("wrong answer", "right answer"),
        lines={"the answer changes": np.array([[low, low], [high, high]])},
        xlabel="logit of its class",
        ylabel="logit of its rival",
        note=f"m = {m}, step {step:,}; wrong in {listed(wrong)} example's batches",
        xlim=(low, high),
        ylim=(low, high),
    )


def _of(points: dict[str, np.ndarray]) -> list[tuple[str, np.ndarray]]:
    """The bare names of the examples with their points."""
    return [(name.split()[1], each) for name, each in points.items()]
