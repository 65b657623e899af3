"""The claims of the dissection have a value for every network, seed and pair of the study."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bnbook import claims
from bnbook.experiments import dissection

PLAN = dissection.plan("book")


@pytest.mark.parametrize("claim", claims.ledger("the-answer").values(), ids=lambda c: c.id)
def test_every_claim_has_a_value_for_every_network_of_the_study(claim: claims.Claim) -> None:
    names = [*dict.fromkeys(arm["network"] for arm in PLAN.factors)]
    arms = [(arm["network"], arm["part"]) for arm in PLAN.factors]
    level = np.random.default_rng(0).uniform(0.2, 0.9, (len(arms), 8, 6))
    record = xr.Dataset(
        {
            "accuracy": (("arm", "seed", "step"), level),
            "by_rate": (("arm", "seed", "rate"), level),
        },
        {
            "arm": [f"{n}, {p}" for n, p in arms],
            "network": ("arm", [n for n, _ in arms]),
            "part": ("arm", [p for _, p in arms]),
            "seed": range(8),
            "step": list(PLAN.settings.looks),
            "rate": list(PLAN.settings.rates),
        },
    )
    values = claim.measure(record)
    assert values.notnull().all()
    strata = values[claim.stratified_by].values.tolist()
    assert strata == names or claim.id == "answer-14"
