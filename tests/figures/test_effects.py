"""Effects stand against the smallest effect that matters, with their verdict in words."""

import math
from typing import Any, get_args

import pytest

from bnbook import figures
from bnbook.claims import Claim, Judgement
from bnbook.stats import Decision, Interval, Verdict

pytestmark = pytest.mark.usefixtures("quick")


def judged(
    effect: Interval, verdict: Verdict, matters: float | None = 0.1, **more: Any
) -> Judgement:
    strata = more.pop("strata", {})
    claim = Claim(
        more.pop("id", "demo-1"),
        "It helps.",
        "nobody2020",
        "demo",
        lambda record: record.x,
        more.pop("unit", "accuracy"),
        matters,
        **more,
    )
    return Judgement(claim, effect, verdict, "because", "smoke", 0, strata)


def test_words_give_claim_effect_interval_seeds_and_verdict() -> None:
    alt = figures.effects([judged(Interval(0.5, 0.4, 0.6, 12), "supported")]).alt
    assert "demo-1 (It helps): 50 points, 40 to 60, n = 12, supported." in alt
    assert "±0.1 accuracy" in alt


@pytest.mark.parametrize("verdict", list(get_args(Verdict)))
def test_every_verdict_is_drawn_its_own_way(verdict: Verdict) -> None:
    drawn = figures.effects([judged(Interval(0.5, 0.4, 0.6, 12), verdict)])
    other: Verdict = "reversed" if verdict == "supported" else "supported"
    assert verdict in drawn.alt
    assert drawn.light != figures.effects([judged(Interval(0.5, 0.4, 0.6, 12), other)]).light


def test_claims_in_different_units_share_an_axis_of_what_matters() -> None:
    alt = figures.effects(
        [
            judged(Interval(0.5, 0.4, 0.6, 12), "supported"),
            judged(Interval(-9.0, -11.0, -8.0, 9), "reversed", 0.2, unit="σ", id="demo-2"),
            judged(Interval(1e-9, 1e-9, 1e-9, 5), "proved", None, tolerance=1e-6, id="demo-3"),
        ]
    ).alt
    assert "the smallest effect that matters to each" in alt
    assert "−9.0 σ, −11.0 to −8.0, n = 9, reversed" in alt


def test_strata_have_rows_of_their_own() -> None:
    strata = {
        "relu": Decision(Interval(-0.5, -0.6, -0.4, 8), "reversed", "because"),
        "tanh": Decision(Interval(0.7, 0.6, 0.8, 8), "supported", "because"),
    }
    both = judged(
        Interval(0.1, 0.0, 0.2, 8),
        "depends",
        stratified_by="activation",
        quantifier="by",
        strata=strata,
    )
    alt = figures.effects([both]).alt
    assert "activation relu: −50 points, −60 to −40, n = 8, reversed." in alt
    assert "activation tanh: 70 points, 60 to 80, n = 8, supported." in alt


@pytest.mark.parametrize(
    "effect", [Interval(math.nan, math.nan, math.nan, 0), Interval(0.3, math.nan, math.nan, 1)]
)
def test_too_few_seeds_are_drawn_as_far_as_they_go(effect: Interval) -> None:
    alt = figures.effects([judged(effect, "inconclusive")]).alt
    assert "nan" not in alt
    assert "inconclusive" in alt


def test_nothing_to_judge_is_refused() -> None:
    with pytest.raises(ValueError, match="given none"):
        figures.effects([])


def test_a_claim_to_which_any_effect_matters_stands_alone() -> None:
    strict = judged(Interval(0.5, 0.4, 0.6, 12), "supported", 0.0)
    loose = judged(Interval(0.5, 0.4, 0.6, 12), "supported", 0.1, id="demo-2")
    assert "supported" in figures.effects([strict]).alt
    with pytest.raises(ValueError, match="draw it alone"):
        figures.effects([strict, loose])
