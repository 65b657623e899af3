"""The table's classes are compared like with like, and the best possible is the best."""

from __future__ import annotations

from dataclasses import replace

import pytest
import xarray as xr

from bnbook import data, experiments
from bnbook.data import bayes_net
from bnbook.experiments.tabular_best import ARM, Draws, measure
from bnbook.nets import MLP
from bnbook.train import Plan


@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
@pytest.mark.parametrize("scale", experiments.get("tabular").scales)
def test_the_arms_of_an_activation_differ_in_the_normaliser_alone(
    scale: str, activation: str
) -> None:
    plan = experiments.get("tabular").plan(scale)
    assert isinstance(plan, Plan)
    none, batch = (arm for arm in plan.arms if arm.factors["activation"] == activation)
    assert isinstance(none.net, MLP)
    assert none.net.activation == activation
    assert batch == replace(none, factors=batch.factors, net=replace(none.net, norm="batch"))


def test_only_the_paper_scale_needs_a_download() -> None:
    present = {row["name"] for row in data.describe() if row["origin"].startswith("made")}
    for scale in ("smoke", "book"):
        assert experiments.get("tabular").plan(scale).data in present
    assert experiments.get("tabular").plan("paper").data == "glass-bng"


def test_the_posterior_beats_a_posterior_that_is_told_less() -> None:
    best = experiments.run("tabular-best", "smoke", progress=False)
    trained = experiments.run("tabular", "smoke", progress=False)
    areas = best.class_auc.sel(arm=ARM).mean("seed")
    assert bool((areas > trained.class_auc.max(["arm", "seed", "step"])).all())


def test_seeds_are_other_rows_and_never_the_data_sets_own() -> None:
    first, again, other = (measure(Draws(rows=5_000), seed) for seed in (0, 0, 1))
    xr.testing.assert_identical(first, again)
    assert float(first.accuracy[0]) != float(other.accuracy[0])
    fresh, own = bayes_net.draw(500, seed=1)[0], bayes_net.draw(500, seed=0)[0]
    assert not (fresh[:, None] == own).all(axis=2).any()
