"""The claims of the chapter have a value for every stratum, from records of the book's shape."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import xarray as xr

from bnbook import claims, experiments, figures
from bnbook.experiments import successors
from bnbook.factors import labelled, names_of
from bnbook.outcomes import after_bn as outcomes
from bnbook.record import describe

CLAIMS = claims.ledger("after-bn")
STRATA: dict[str, list[Any]] = {
    "network": ["residual MLP", "convnet", "transformer"],
    "examples": [100, 500, 3000],
    "norm": ["none", "batch"],
    "deal": ["alike", "two classes"],
    "activation": ["identity", "relu"],
    "m": [2, 4, 16],
}


def made_up(name: str) -> xr.Dataset:
    """A record of random numbers, with the arms, seeds and sizes of the plan of book scale."""
    plan: Any = experiments.get(name).plan("book")
    rng, arms = np.random.default_rng(0), len(plan.factors)
    known: dict[str, dict[str, Any]] = {
        "successors": {"look": range(5), "place": range(6)},
        "fewer-examples": {"look": range(2), "place": range(6)},
        "affine-only": {"step": [0, 300]},
    }
    coords: dict[str, Any] = known.get(name, {})
    for dim, entry in {"size": "sizes", "depth": "depths", "rate": "rates"}.items():
        coords |= {dim: list(each)} if (each := _setting(plan, entry)) else {}
    if name in ("averaged-clients", "one-shuffle"):
        coords = {"round" if "clients" in name else "epoch": list(plan.settings.looks)}

    def random(*dims: str) -> Any:
        sizes = [len(coords[dim]) for dim in dims]
        return ("arm", "seed", *dims), rng.uniform(0.2, 0.9, (arms, len(plan.seeds), *sizes))

    variables: dict[str, Any]
    if "look" in coords:
        rates = np.full((arms, len(plan.seeds), 6), np.nan)
        for i, arm in enumerate(plan.factors):
            own = successors.KINDS[arm["network"]].rates
            rates[i, :, : len(own)] = own
        variables = {"accuracy": random("look"), "by_rate": random("place")}
        variables["rate_at"] = (("arm", "seed", "place"), rates)
    elif name == "affine-only":
        coords |= {"split": ["train", "test"], "statistics": ["batch", "population"]}
        variables = {"accuracy": random("split", "statistics", "step")}
    else:
        dims = list(coords)
        names = {
            "adversarial": ("accuracy",),
            "leaked-labels": ("told",),
            "averaged-clients": ("accuracy", "precise", "apart"),
            "one-shuffle": ("loss", "accuracy"),
            "bounded-gradients": ("growth",),
            "fine-tuning": ("accuracy",),
        }[name]
        variables = {each: random(*dims) for each in names}
    if name == "adversarial":
        linear = [arm["activation"] == "identity" for arm in plan.factors]
        excess = np.where(linear, 1e-12, np.nan)[:, None] + np.zeros((1, len(plan.seeds)))
        variables["excess"] = (("arm", "seed"), excess)
    record = xr.Dataset(
        variables, {"arm": list(names_of(plan.factors)), "seed": list(plan.seeds), **coords}
    )
    attrs = {"experiment": name, "classes": json.dumps(list("0123456789"))}
    return labelled(record, plan.factors).assign_attrs(attrs, plan=json.dumps(describe(plan)))


def _setting(plan: Any, entry: str) -> Any:
    return getattr(getattr(plan, "settings", None), entry, None)


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=lambda claim: claim.id)
def test_every_claim_has_a_value_for_every_stratum(claim: claims.Claim) -> None:
    record = made_up(claim.experiment)
    values = claim.measure(record)
    assert values.notnull().all()
    assert values.sizes["seed"] >= 8
    dim = claim.stratified_by
    if dim in STRATA:
        labels = values[dim].values.tolist()
        assert labels == [each for each in STRATA[str(dim)] if each in labels]


def test_tolerance_is_the_highest_rate_at_which_a_network_trains() -> None:
    record = made_up("successors")
    record["by_rate"][:] = 0.1
    at = {"arm": "residual MLP, batch", "seed": 0}
    record["by_rate"].loc[at] = [0.9, 0.9, 0.5, 0.1, 0.6, 0.1]
    found = outcomes.studied(record).tolerance.sel(network="residual MLP", seed=0)
    assert float(found.sel(recipe="batch")) == pytest.approx(0.0)  # 1.0, the fifth of the rates
    assert float(found.sel(recipe="layer")) == pytest.approx(-2.5)  # half a decade below 0.01
    assert (
        outcomes.studied(record).tolerance.sel(network="transformer", recipe="frn").isnull().all()
    )


def test_a_better_frozen_arm_is_judged_at_the_rate_of_the_other_seeds() -> None:
    record = made_up("fine-tuning")
    record["accuracy"][:] = 0.5
    record["accuracy"].loc[{"arm": "frozen, m = 2", "rate": 0.03}] = 0.8
    record["accuracy"].loc[{"arm": "frozen, m = 2", "rate": 0.1, "seed": 0}] = 0.99
    found = outcomes.better_frozen(record)
    np.testing.assert_allclose(found.sel(m=2), 0.3)
    np.testing.assert_allclose(found.sel(m=4), 0.0)


def test_clients_cost_is_what_two_classes_take_beyond_the_others_loss() -> None:
    record = made_up("averaged-clients")
    record["accuracy"][:] = 0.9
    record["accuracy"].loc[{"arm": "batch, two classes"}] = 0.5
    record["accuracy"].loc[{"arm": "group, two classes"}] = 0.8
    np.testing.assert_allclose(outcomes.costs_clients("batch", "group")(record), 0.3)


def test_growth_is_that_of_the_deepest_over_a_fifth_of_its_depth() -> None:
    record = made_up("bounded-gradients")
    record["growth"][:] = np.log(record["depth"])
    np.testing.assert_allclose(outcomes.growth(record), np.log10(100 / 20))


@pytest.mark.parametrize("network", STRATA["network"])
def test_a_course_runs_over_the_steps_of_its_network(network: str) -> None:
    record = made_up("successors")
    drawn = outcomes.course(record, network)
    runs = successors.plan("book").settings.runs
    assert drawn.step.values.tolist() == list(next(r.looks for r in runs if r.kind == network))
    assert set(drawn.arm.values.tolist()) == set(successors.KINDS[network].recipes)
    assert drawn.accuracy.notnull().all()


def test_what_is_drawn_can_be_drawn() -> None:
    """Every figure of the chapter, from records of the book's shape."""
    draw = figures.curves
    gaps = outcomes.beside_batch(made_up("successors"), "tolerance")
    drawn = [
        figures.heatmap(gaps, "gap", rows="recipe", columns="network", centre=0),
        draw(outcomes.by_size(made_up("fewer-examples")), "accuracy", over="examples"),
        draw(outcomes.under_attack(made_up("adversarial")), "accuracy", over="size", logx=False),
        draw(outcomes.betrayed(made_up("leaked-labels")), "told", over="size"),
        draw(outcomes.rounds(made_up("averaged-clients")), "accuracy", over="round", panels="deal"),
        draw(outcomes.shuffles(made_up("one-shuffle")), "loss", over="epoch", panels="activation"),
        draw(outcomes.alone(made_up("affine-only")), "accuracy"),
        draw(outcomes.depths(made_up("bounded-gradients")), "growth", over="depth"),
        draw(outcomes.tuned_on(made_up("fine-tuning")), "accuracy", over="m"),
    ]
    assert all("8 seeds" in each.alt or "10 seeds" in each.alt for each in drawn)


def test_the_answer_names_who_is_ahead_level_and_behind() -> None:
    record = made_up("successors")
    record["accuracy"][:] = 0.8 + 0.001 * record["seed"]
    for recipe, gap in {"layer": -0.1, "rezero": 0.1, "dyt": 0.005}.items():
        record["accuracy"].loc[{"arm": f"transformer, {recipe}"}] += gap
    noise = 0.2 * (-1.0) ** record["seed"]
    record["accuracy"].loc[{"arm": "transformer, none"}] += noise
    said = outcomes.answer(record, "transformer", "accuracy")
    ahead, level, behind, undecided = said.split("** ")[1].removesuffix(".").split(". ")
    assert ahead == "Ahead of batch normalization: branches that start at nothing"
    assert level == "Level with it: root mean square normalization; dynamic tanh"
    assert behind == "Behind: layer normalization"
    assert undecided == "Undecided: no normalizer and no remedy"
    assert len(outcomes.answers(record)) == 6
