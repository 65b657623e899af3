"""What readers are asked to predict can be set beside what the page measures."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from bnbook import chapters, claims, predictions
from bnbook.predictions import HowMuch, Which
from bnbook.stats import Verdict

BOOK = Path(__file__).parents[2] / "book"
CATALOGUE = predictions.catalogue()
TEXTS = {each.stem: each.read_text() for each in BOOK.glob("*.md")}
ASKING = [name for name in chapters.PAGES if "{admonition} Predict" in TEXTS.get(name, "")]
DECIDED: tuple[Verdict, ...] = ("supported", "reversed", "negligible", "proved", "disproved")


@pytest.mark.parametrize("page_asking", ASKING)
def test_every_chapter_that_asks_to_predict_asks_in_a_form(page_asking: str) -> None:
    asked = predictions.catalogue(page_asking)
    assert 2 <= len(asked) <= 5
    text = TEXTS[page_asking]
    for each in asked.values():
        assert each.claim in claims.ledger(page_asking)
        place = text.find(f'claims.judge("{each.claim}"')
        assert place > text.index("{admonition} Predict"), f"{each.claim} is not judged afterwards"
        assert each.question.endswith("?")


@pytest.mark.parametrize("prediction", CATALOGUE.values(), ids=list(CATALOGUE))
def test_every_verdict_makes_one_answer_right_or_none(prediction: Any) -> None:
    if isinstance(prediction, HowMuch):
        assert prediction.within > (1 if prediction.unit == "times" else 0)
        return
    assert isinstance(prediction, Which)
    for verdict in DECIDED:
        found = [prediction.right(option, verdict, math.nan) for option in prediction.options]
        assert sorted(map(bool, found)) == [False] * (len(found) - 1) + [True]
    for option in prediction.options:
        assert prediction.right(option, "inconclusive", 1.0) is None


@pytest.mark.parametrize(
    ("guess", "found", "right"),
    [
        ("8", 8.3, True),
        ("4.2", 8.3, True),
        ("16", 8.3, True),
        ("4", 8.3, False),
        ("17", 8.3, False),
        ("0", 8.3, False),
        ("-8", 8.3, False),
        ("8", math.nan, None),
        ("8", math.inf, None),
    ],
)
def test_a_ratio_is_right_within_a_factor(guess: str, found: float, right: bool | None) -> None:
    asked = HowMuch("predict-made-1", "shift-3", "How many times?", within=2.0)
    assert asked.unit == "times"
    assert asked.right(guess, "supported", found) is right


def test_another_number_is_right_within_a_distance() -> None:
    asked = HowMuch("predict-made-1", "shift-1", "How many points?", within=2.0)
    assert asked.unit == "points"
    found = [asked.right(guess, "supported", 17.0) for guess in ("15", "19", "14.9")]
    assert found == [True, True, False]


def test_an_unknown_prediction_suggests_the_nearest() -> None:
    with pytest.raises(predictions.PredictionError, match="did you mean 'predict-shift-1'"):
        predictions.get("predict-shift-11")
