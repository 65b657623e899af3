"""What a page gets of an exercise, and that it says nothing at a glance."""

from __future__ import annotations

import base64
import json

import pytest

from bnbook import exercises, journal
from bnbook.exercises import Choice, Exercise, Matching, Numeric, portable, veiled
from bnbook.exercises._portable import unveiled

CATALOGUE = exercises.catalogue()
CHECKED = {
    name: each
    for name, each in CATALOGUE.items()
    if isinstance(each.answer, Choice | Matching)
    or (isinstance(each.answer, Numeric) and not callable(each.answer.value))
}
"""Those that a page checks, and whose answer needs no record."""


@pytest.mark.parametrize("exercise_id", CHECKED)
def test_a_page_gets_all_that_it_needs_and_reads_it_back(exercise_id: str) -> None:
    data = portable(CATALOGUE[exercise_id])
    assert unveiled(veiled(data, exercise_id), exercise_id) == data
    assert data["hints"] == list(CATALOGUE[exercise_id].hints)
    assert data["answer"]["kind"] in ("numbers", "choice", "matching")


@pytest.mark.parametrize("exercise_id", CHECKED)
def test_what_stands_in_the_page_says_nothing_at_a_glance(exercise_id: str) -> None:
    text = veiled(portable(CATALOGUE[exercise_id]), exercise_id)
    plain = base64.b64decode(text).decode(errors="replace")
    for secret in ("answer", "right", CATALOGUE[exercise_id].hints[0], *_said(exercise_id)):
        assert secret not in text
        assert secret not in plain


def _said(exercise_id: str) -> list[str]:
    answer = CATALOGUE[exercise_id].answer
    if isinstance(answer, Numeric):
        return [repr(value) for value in answer.right().ravel().tolist()]
    return [json.dumps(answer.data())[:40]]


def test_only_what_takes_python_is_not_checked_by_a_page() -> None:
    for each in CATALOGUE.values():
        if not isinstance(each.answer, Numeric | Choice | Matching):
            assert portable(each)["answer"] is None
        assert isinstance(each, Exercise)


def test_several_numbers_have_names() -> None:
    for each in CATALOGUE.values():
        if isinstance(each.answer, Numeric) and isinstance(each.answer.value, tuple):
            assert len(each.answer.names) == len(each.answer.value)


def test_a_set_that_is_chosen_gets_the_words_that_python_says() -> None:
    exercise = CATALOGUE["ex-help-1"]
    data = exercise.answer.data()
    assert data is not None
    assert len(data["said"]) == 2 ** len(data["options"])
    assert [chosen for chosen, said in data["said"] if said is None] == [["A", "C"]]


def test_the_books_own_answer_is_no_attempt(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BNBOOK_JOURNAL", f"{tmp_path}/journal.json")
    assert exercises.solution("ex-math-6", 99).passed
    assert not exercises.solution("ex-math-6", 100).passed
    assert journal.read()["exercises"] == {}
    exercises.check("ex-math-6", 99)
    assert journal.read()["exercises"]["ex-math-6"]["passed"] is True
