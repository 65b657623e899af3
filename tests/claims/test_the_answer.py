"""The claims of the dissection have a value for every network, seed and pair of the study."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bnbook import claims
from bnbook.claims._judgement import weigh
from bnbook.experiments import borders, convolutional_dissection, dissection
from bnbook.study import Comparison

PLANS = {
    f"{name}, {scale}": (name, study.plan(scale))
    for name, study in (
        ("dissection", dissection),
        ("convolutional-dissection", convolutional_dissection),
    )
    for scale in ("smoke", "book")
}
CLAIMS = claims.ledger("the-answer").values()


@pytest.mark.parametrize(
    ("claim", "plan"),
    [
        pytest.param(claim, plan, id=f"{claim.id} by {where}")
        for claim in CLAIMS
        for where, (name, plan) in PLANS.items()
        if claim.experiment == name
    ],
)
def test_every_claim_has_a_value_for_every_network_of_the_study(
    claim: claims.Claim, plan: Comparison
) -> None:
    names = [*dict.fromkeys(arm["network"] for arm in plan.factors)]
    arms = [(arm["network"], arm["part"]) for arm in plan.factors]
    looks, rates = plan.settings.looks, plan.settings.rates
    level = np.random.default_rng(0).uniform(0.2, 0.9, (len(arms), 8, 6))
    record = xr.Dataset(
        {
            "accuracy": (("arm", "seed", "step"), level[..., : len(looks)]),
            "by_rate": (("arm", "seed", "rate"), level[..., : len(rates)]),
        },
        {
            "arm": [f"{n}, {p}" for n, p in arms],
            "network": ("arm", [n for n, _ in arms]),
            "part": ("arm", [p for _, p in arms]),
            "seed": range(8),
            "step": list(looks),
            "rate": list(rates),
        },
    )
    values = claim.measure(record)
    assert values.notnull().all()
    if claim.stratified_by == "network":
        assert values["network"].values.tolist() == names
    else:
        assert set(values.dims) == {"seed", claim.stratified_by} - {None}


def surveyed(scale: str = "book", **speeds: dict[str, float]) -> xr.Dataset:
    """A record of the borders: by default none 0.3, batch 0.7, mean only 0.6, the others 0.5.

    `speeds` has those of a border that differ, its name with underscores.
    """
    usual = {"none": 0.3, "batch": 0.7, "good start": 0.5, "mean only": 0.6, "no gradient": 0.5}
    arms = borders.plan(scale).factors
    level = [(usual | speeds.get(arm["border"].replace(" ", "_"), {}))[arm["part"]] for arm in arms]
    noise = np.random.default_rng(0).normal(0, 0.002, (len(arms), 8, 6))
    return xr.Dataset(
        {"accuracy": (("arm", "seed", "look"), np.array(level)[:, None, None] + noise)},
        {
            "arm": [f"{arm['border']}, {arm['part']}" for arm in arms],
            "border": ("arm", [arm["border"] for arm in arms]),
            "part": ("arm", [arm["part"] for arm in arms]),
            "seed": range(8),
        },
        attrs={"experiment": "borders"},
    )


def verdict(name: str, record: xr.Dataset) -> str:
    return weigh(claims.get(name), record, "book").verdict


@pytest.mark.parametrize("scale", borders.EXPERIMENT.scales)
def test_every_claim_about_borders_can_be_judged_at_every_scale(scale: str) -> None:
    for claim in CLAIMS:
        if claim.experiment == "borders":
            assert claim.measure(surveyed(scale)).notnull().all(), claim.id


def test_a_start_must_fall_short_at_every_border_but_that_with_skip_connections() -> None:
    assert verdict("answer-15", surveyed(residual={"good start": 0.9})) == "supported"
    found = weigh(claims.get("answer-15"), surveyed(narrow={"good start": 0.7}), "book")
    assert found.verdict == "negligible"
    assert found.at == "narrow"


def test_beside_skip_connections_a_start_must_be_as_fast() -> None:
    assert verdict("answer-16", surveyed(residual={"good start": 0.69})) == "supported"
    assert verdict("answer-16", surveyed(base={"good start": 0.7})) == "reversed"


def test_adam_must_leave_less_to_gain() -> None:
    assert verdict("answer-17", surveyed(Adam={"none": 0.5})) == "supported"
    assert verdict("answer-17", surveyed()) == "negligible"
    assert verdict("answer-17", surveyed(Adam={"none": 0.1})) == "reversed"


def test_one_border_is_enough_to_refute_what_is_said_of_all() -> None:
    assert verdict("answer-18", surveyed()) == "supported"
    assert verdict("answer-18", surveyed(wide={"no gradient": 0.71})) == "negligible"
    assert verdict("answer-19", surveyed()) == "supported"
    assert verdict("answer-19", surveyed(large_batch={"mean only": 0.4})) == "reversed"


def test_a_tolerance_that_no_arm_has_is_no_number() -> None:
    by_rate = np.full((3, 8, 3), 0.1)
    by_rate[1, :, 1] = 0.6  # batch learns at the middle rate, in every seed
    dims = {"seed": range(8), "rate": [0.1, 1.0, 10.0], "step": [1]}
    arms = {
        "arm": ["none", "batch", "clipped"],
        "network": ("arm", ["one"] * 3),
        "part": ("arm", ["none", "batch", "clipped"]),
    }
    accuracy = (("arm", "seed", "step"), np.full((3, 8, 1), 0.5))
    variables = {"accuracy": accuracy, "by_rate": (("arm", "seed", "rate"), by_rate)}
    record = xr.Dataset(variables, arms | dims)
    claim = claims.get("answer-25")
    np.testing.assert_allclose(claim.measure(record), 1.5)  # clipped: half a decade below them all
    nobody = record.assign(by_rate=record.by_rate.clip(max=0.4))
    assert claim.measure(nobody).isnull().all()
    assert weigh(claim, nobody, "book").verdict == "inconclusive"
