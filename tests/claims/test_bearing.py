"""What bears on the answer: sides follow verdicts, and every row names a claim that there is."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest

from bnbook import claims
from bnbook.claims._bearing import BEARING, SIDES, Bearing, Bears
from bnbook.claims._judgement import Judgement, weigh
from bnbook.claims._table import Table
from tests.claims.made_up import CLAIM, STRATIFIED, by_activation, record


def bears(claim: str = "made-1", holding: Literal["for", "against"] = "for") -> Bears:
    return Bears(claim, holding, "It is a <reason>.", "a measurement of the contrary")


def judged(*judgements: Judgement) -> Table:
    return Table({"covariate-shift": judgements}, {"covariate-shift": "Covariate shift"})


HOLDS = weigh(CLAIM, record(0.2), "book")
FAILS = weigh(CLAIM, record(-0.2), "book")
SMALL = weigh(CLAIM, record(0.0), "book")
OPEN = weigh(replace(CLAIM, matters=0.2), record(0.2), "book")
MIXED = weigh(STRATIFIED, by_activation(relu=0.2, sigmoid=-0.2), "book")


@pytest.mark.parametrize(
    ("judgement", "holding", "side"),
    [
        (HOLDS, "for", "for"),
        (HOLDS, "against", "against"),
        (FAILS, "for", "against"),
        (FAILS, "against", "for"),
        (SMALL, "for", "against"),
        (OPEN, "for", "open"),
        (OPEN, "against", "open"),
        (MIXED, "for", "in part"),
        (MIXED, "against", "in part"),
    ],
)
def test_a_claim_stands_where_its_verdict_puts_it(
    judgement: Judgement, holding: Literal["for", "against"], side: str
) -> None:
    assert bears(judgement.claim.id, holding).side(judgement) == side


def test_rows_are_put_in_order_of_their_sides_and_counted() -> None:
    other = replace(FAILS, claim=replace(CLAIM, id="made-9"))
    found = Bearing.of(
        [bears("made-9"), bears("made-1"), bears("made-2")], judged(other, HOLDS, MIXED)
    )
    assert [row.bears.claim for row in found.rows] == ["made-1", "made-9", "made-2"]
    assert found.summary == (
        "3 claims bear on the answer: 1 for it, 1 against it, 1 in some settings only, 0 open"
    )


def test_the_table_leads_to_each_claim_and_escapes_what_it_says() -> None:
    shown = Bearing.of([bears()], judged(HOLDS))._repr_html_()
    assert 'href="covariate-shift.html#claim-made-1"' in shown
    assert "It is a &lt;reason&gt;." in shown
    assert HOLDS.effect_text in shown
    assert "a measurement of the contrary" in shown


def test_a_claim_that_was_not_judged_is_an_error() -> None:
    with pytest.raises(claims.ClaimError, match="made-2"):
        Bearing.of([bears("made-2")], judged(HOLDS))


def test_every_row_names_a_claim_of_the_ledger_once() -> None:
    named = [each.claim for each in BEARING]
    assert len(named) == len(set(named))
    assert set(named) <= set(claims.ledger())
    assert {each.holding for each in BEARING} == {"for", "against"} <= set(SIDES)
    for each in BEARING:
        assert each.why.endswith(".")
        assert not each.turns.endswith(".")
