"""How the claims on small batches read their records, and the table that follows from verdicts."""

from __future__ import annotations

import pytest

from bnbook import claims
from bnbook.claims import Advice, ClaimError, DecisionTable
from bnbook.claims._judgement import weigh
from bnbook.claims.small_batches import ADVICE
from tests.claims.made_up import CLAIM, STRATIFIED, by_activation, record


def test_advice_follows_the_verdict() -> None:
    judgement = weigh(CLAIM, record(), "smoke")
    advice = Advice("always", CLAIM.id, "do", "do not")
    words = {"supported": "do", "reversed": "do not", "negligible": "do not"}
    given = advice.given(judgement)
    assert given.text == words.get(judgement.verdict, "not decided by these measurements")
    assert judgement.verdict in str(DecisionTable((given,)))
    assert f"#claim-{CLAIM.id}" in DecisionTable((given,))._repr_html_()


def test_advice_can_rest_on_one_stratum() -> None:
    judgement = weigh(STRATIFIED, by_activation(relu=0.2, tanh=-0.2), "smoke")
    for stratum, each in judgement.strata.items():
        given = Advice("always", STRATIFIED.id, "do", "do not", stratum).given(judgement)
        assert given.verdict == each.verdict
    with pytest.raises(ClaimError, match="stratum"):
        Advice("always", STRATIFIED.id, "do", "do not", "nowhere").given(judgement)


def test_advice_without_its_judgement_is_an_error() -> None:
    with pytest.raises(ClaimError, match="judgement"):
        DecisionTable.of([Advice("always", CLAIM.id, "do", "do not")], [])


def test_every_entry_of_the_decision_table_has_a_verdict_behind_it() -> None:
    table = claims.advise(ADVICE, "smoke")
    assert len(table.rows) == len(ADVICE)
    assert all(row.text for row in table.rows)
