"""Many verdicts at once: quantifiers, Holm, Benjamini and Hochberg."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import false_discovery_control

from bnbook.stats import (
    Decision,
    Interval,
    Quantifier,
    StatsError,
    Verdict,
    combine,
    contrasts,
    depends,
    false_discoveries,
    holm,
)

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=12)


def decision(verdict: Verdict, p: float = 1e-6) -> Decision:
    """A verdict with one-sided evidence `p` for it and none for any other."""
    found: dict[Verdict, float] = {"supported": 1.0, "negligible": 1.0, "reversed": 1.0}
    exact = verdict in ("proved", "disproved")
    evidence = {} if exact else {**found, **({verdict: p} if verdict in found else {})}
    return Decision(Interval(0.0, -1.0, 1.0, 10), verdict, "because", evidence)


def strata(*verdicts: Verdict) -> dict[str, Decision]:
    return {str(k): decision(verdict) for k, verdict in enumerate(verdicts)}


@pytest.mark.parametrize(
    ("verdicts", "together", "some"),
    [
        (["supported", "supported"], "supported", "supported"),
        (["supported", "reversed"], "reversed", "supported"),
        (["supported", "negligible"], "negligible", "supported"),
        (["negligible", "reversed"], "reversed", "reversed"),
        (["negligible", "negligible"], "negligible", "negligible"),
        (["supported", "inconclusive"], "inconclusive", "supported"),
        (["supported", "inconclusive", "reversed"], "reversed", "supported"),
        (["reversed", "inconclusive"], "reversed", "inconclusive"),
        (["inconclusive"], "inconclusive", "inconclusive"),
        (["proved", "proved"], "proved", "proved"),
        (["proved", "disproved"], "disproved", "proved"),
        (["disproved", "disproved"], "disproved", "disproved"),
        (["proved", "inconclusive"], "inconclusive", "proved"),
    ],
)
def test_all_needs_every_stratum_and_any_needs_one(
    verdicts: list[Verdict], together: Verdict, some: Verdict
) -> None:
    assert combine("all", strata(*verdicts)) == together
    assert combine("best", strata(*verdicts)) == together
    assert combine("any", strata(*verdicts)) == some


@pytest.mark.parametrize(("quantifier", "odd"), [("all", "negligible"), ("any", "supported")])
def test_one_of_many_must_stand_holms_correction(quantifier: Quantifier, odd: Verdict) -> None:
    """Twelve looks: 0.02 is found by chance too often, 0.002 is not (12 · 2 · 0.002 < 0.05)."""
    rest: Verdict = "supported" if quantifier == "all" else "reversed"
    many = strata(*[rest] * 11)
    weak, strong = many | {"odd": decision(odd, 0.02)}, many | {"odd": decision(odd, 0.002)}
    assert combine(quantifier, strong) == odd
    assert combine(quantifier, weak) == "inconclusive"
    assert combine(quantifier, weak, corrected=False) == odd


def test_a_claim_of_all_needs_no_correction_to_hold() -> None:
    every = {str(k): decision("supported", 0.024) for k in range(12)}
    assert combine("all", every) == "supported"
    assert combine("any", {name: decision("negligible", 0.024) for name in every}) == "negligible"


def test_no_strata_have_no_verdict() -> None:
    with pytest.raises(StatsError, match="at least one stratum"):
        combine("all", {})
    with pytest.raises(StatsError, match="unknown quantifier to combine by 'average'"):
        combine("average", strata("supported"))
    with pytest.raises(StatsError, match="two strata or more"):
        depends({})


# --- dependence -------------------------------------------------------------------------------

COMMON = np.array([0.5, -0.3, 0.2, 0.9, -0.8, 0.1, 0.4, -0.2, 0.6, -0.5])
NOISE = np.array([1.0, -1, 1, -1, 1, -1, 1, -1, 1, -1]) * 0.01


def test_what_seeds_share_does_not_hide_a_difference_between_strata() -> None:
    """Each stratum alone is open, its spread being ±0.5; within a seed they differ by 0.2."""
    found = contrasts({"relu": COMMON + NOISE, "tanh": COMMON + 0.2}, matters=0.1)
    assert found["relu", "tanh"].effect.estimate == pytest.approx(-0.2)
    assert depends(found) == "depends"


def test_an_effect_that_is_alike_everywhere_does_not_depend() -> None:
    alike = {str(k): COMMON + k * NOISE for k in range(4)}
    assert depends(contrasts(alike, matters=0.1)) == "negligible"


def test_wide_differences_leave_open_whether_there_is_dependence() -> None:
    rng = np.random.default_rng(0)
    wide = {str(k): rng.normal(size=10) for k in range(3)}
    assert depends(contrasts(wide, matters=0.1)) == "inconclusive"


def test_strata_judged_differently_by_luck_do_not_depend() -> None:
    """All true effects equal δ: some strata fall on one side and some on the other."""
    rng = np.random.default_rng(1)
    found = [
        depends(contrasts({str(k): 1 + 0.3 * rng.normal(size=8) for k in range(3)}, 1.0))
        for _ in range(30)
    ]
    assert found.count("depends") <= 2


# --- corrections ------------------------------------------------------------------------------


@given(P_VALUES)
def test_holm_rejects_what_stepping_down_rejects(p: list[float]) -> None:
    order, rejected = np.argsort(p), set()
    for k, at in enumerate(order):
        if p[at] > 0.05 / (len(p) - k):
            break
        rejected.add(int(at))
    found = holm(p)
    # exactly on a threshold, rounding decides
    if not any(abs(q - 0.05) < 1e-12 for q in found):
        assert {k for k, q in enumerate(found) if q <= 0.05} == rejected
    assert all(q >= each for q, each in zip(found, p, strict=True))


@given(P_VALUES)
def test_false_discoveries_are_those_of_scipys_adjusted_p_values(p: list[float]) -> None:
    adjusted = false_discovery_control(p)
    if not np.any(np.abs(adjusted - 0.05) < 1e-12):
        assert false_discoveries(p) == (adjusted <= 0.05).tolist()


def test_no_p_values_are_no_discoveries() -> None:
    assert false_discoveries([]) == []
    assert holm([]) == []


def test_the_p_value_of_a_decision_is_of_its_best_evidence_from_both_sides() -> None:
    assert decision("supported", 0.01).p == pytest.approx(0.02)
    assert decision("inconclusive").p == 1.0
    assert decision("proved").p == 1.0
