"""What a built page offers to who studies it without a kernel."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag

from bnbook import exercises, predictions
from bnbook.chapters import ChapterError
from bnbook.exercises import Choice, Matching, Numeric
from bnbook.exercises._portable import unveiled

HTML = Path(__file__).parents[2] / "_build" / "html"


@cache
def article(page: str) -> Tag:
    found = BeautifulSoup((HTML / f"{page}.html").read_text(encoding="utf-8"), "html.parser").find(
        "article"
    )
    assert isinstance(found, Tag)
    return found


def name(page: str) -> str:
    return Path(page).name


def test_every_exercise_says_its_effort_and_has_its_place(chapter: str) -> None:
    known = exercises.catalogue(name(chapter))
    places = {str(each["data-exercise"]): each for each in article(chapter).select(".bn-study")}
    assert list(places) == list(known)
    for exercise_id, each in known.items():
        box = places[exercise_id].find_parent(id=exercise_id)
        assert isinstance(box, Tag)
        effort = box.select_one(".bn-effort")
        assert effort is not None
        assert effort.get_text() == each.effort
        data = unveiled(str(places[exercise_id]["data-veiled"]), exercise_id)
        assert data["hints"] == list(each.hints)
        assert (data["answer"] is not None) == isinstance(each.answer, Numeric | Choice | Matching)


def test_an_exercise_that_the_page_checks_has_no_cell_for_its_answer(chapter: str) -> None:
    cells = [each.get_text() for each in article(chapter).select(".cell_input")]
    for exercise_id, each in exercises.catalogue(name(chapter)).items():
        stub = f'bnbook.check("{exercise_id}", answer)'
        checked = isinstance(each.answer, Numeric | Choice | Matching)
        assert any(stub in cell for cell in cells) is not checked, exercise_id


def test_a_chapter_asks_for_predictions_about_verdicts_that_it_shows(chapter: str) -> None:
    try:
        asked = predictions.catalogue(name(chapter))
    except ChapterError:
        pytest.skip("a chapter without a box to predict in")
    box = article(chapter).select_one(".bn-predict")
    assert box is not None
    questions = json.loads(str(box["data-questions"]))
    assert questions == [each.data() for each in asked.values()]
    for each in asked.values():
        verdict = article(chapter).select_one(f"#claim-{each.claim}")
        assert verdict is not None
        float(str(verdict["data-effect"]))


def test_a_chapter_ends_with_a_summary(chapter: str) -> None:
    known = exercises.catalogue(name(chapter))
    summary = article(chapter).select_one("#your-progress")
    assert summary is not None
    minutes = sum(each.minutes for each in known.values())
    assert f"{len(known)} exercises" in summary.get_text()
    assert f"about {minutes} minutes" in summary.get_text()
    done = summary.select_one(".bn-done")
    assert done is not None
    listed = json.loads(str(done["data-exercises"]))
    assert [each["id"] for each in listed] == list(known)
