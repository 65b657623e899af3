"""What readers are asked to predict can be set beside what the page measures."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bnbook import chapters, claims, predictions
from bnbook.predictions import HowMuch, Which
from bnbook.stats import Verdict

BOOK = Path(__file__).parents[2] / "book"
CATALOGUE = predictions.catalogue()
TEXTS = {each.stem: each.read_text(encoding="utf-8") for each in BOOK.glob("*.md")}
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


# --- in a notebook ----------------------------------------------------------------------------


@pytest.fixture
def journal_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BNBOOK_JOURNAL", str(tmp_path / "journal.json"))
    return tmp_path / "journal.json"


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which claims were judged; each is supported, and its effect is 8."""
    judged: list[str] = []

    def judge(claim: str) -> SimpleNamespace:
        judged.append(claim)
        return SimpleNamespace(verdict="supported", shown=8.0)

    monkeypatch.setattr(claims, "judge", judge)
    return judged


@pytest.mark.usefixtures("journal_file")
def test_guesses_are_reviewed_beside_what_was_measured(measured: list[str]) -> None:
    first = predictions.guess(
        "covariate-shift",
        {"predict-shift-1": 5, "predict-shift-2": "no, not in both", "predict-shift-3": ...},
    )
    assert str(first) == "Predictions made: 2 of 3."
    assert "2 of 3" in first._repr_html_()
    assert measured == []
    review = predictions.review("covariate-shift")
    assert "Predicted 1 of 2 as measured. Not made: 1." in str(review)
    assert "You said: 5.0. Measured: 8 times. ✓ as you predicted." in str(review)
    assert "Measured: yes, in both networks. ✗ not as you predicted." in str(review)
    assert "✗ not as you predicted" in review._repr_html_()
    assert measured == ["shift-3", "shift-5"], "what was not guessed is not told"


@pytest.mark.usefixtures("journal_file")
def test_a_guess_that_was_made_stays() -> None:
    predictions.guess("covariate-shift", {"predict-shift-1": 5})
    predictions.guess("covariate-shift", {"predict-shift-1": 50})
    assert predictions.review("covariate-shift").guesses == {"predict-shift-1": "5.0"}


@pytest.mark.parametrize(
    "guesses",
    [
        {"predict-shift-9": 1},
        {"predict-shift-1": "many"},
        {"predict-shift-1": math.nan},
        {"predict-shift-1": True},
        {"predict-shift-2": "perhaps"},
        {"predict-shift-2": 1},
    ],
)
def test_what_cannot_be_guessed_is_said_and_nothing_is_kept(
    guesses: dict[str, Any], journal_file: Path
) -> None:
    good = {"predict-shift-3": "no, not in both"}
    with pytest.raises(predictions.PredictionError, match=r"is no answer; give|did you mean"):
        predictions.guess("covariate-shift", {**good, **guesses})
    assert not journal_file.exists()


@pytest.mark.usefixtures("journal_file")
def test_whoever_guesses_nothing_is_told_nothing(measured: list[str]) -> None:
    assert str(predictions.review("covariate-shift")) == "Predictions made: 0 of 3."
    assert measured == []
