"""Exercises: what a reader is told, and that every exercise of the book can be solved."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bnbook import chapters, check, exercises
from bnbook.exercises import Exercise, ExerciseError
from tests.exercises.solutions import ChapterTextError, Solution, gives_away, solutions

BOOK = Path(__file__).parents[2] / "book"


def near_the_golden_ratio(answer: Any) -> str | None:
    return None if abs(answer - 1.6180339887) < 1e-3 else "that is not the golden ratio"


def halves(answer: Any) -> str | None:
    return None if math.isclose(answer(3.0), 1.5) else "it does not halve 3"


GOLDEN = Exercise(
    id="made-1",
    check=near_the_golden_ratio,
    hints=("Solve x² = x + 1.", "Take the positive root."),
    wrong=1.5,
    expects="a number",
)
HALVES = Exercise("made-2", halves, ("Divide.",), lambda x: x, "a function of a number")

CHAPTER = """\
---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  name: python3
---

# A made-up chapter

```{code-cell} ipython3
:tags: [imports]

from math import sqrt
from bnbook import check
```

```{exercise-start}
:label: made-1
```
What is the golden ratio?
```{code-cell} ipython3
check("made-1", ...)
```
```{exercise-end}
```

````{solution-start} made-1
:class: dropdown
````
From the formula for quadratic equations:
```{code-cell} ipython3
root = sqrt(5)
```
and so
```{code-cell} ipython3
check("made-1", (1 + root) / 2)
```
````{solution-end}
````

:::{solution-start} made-2
:::
```{code-cell} ipython3
def half(x):
    return x / 2

check("made-2", half)
```
:::{solution-end}
:::
"""


@pytest.fixture(autouse=True)
def _no_attempts_yet() -> None:
    exercises.forget()


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A book with one made-up chapter of two exercises."""
    chapter = chapters.Chapter("made-up", "Made up", "made_up.py", (GOLDEN, HALVES))
    monkeypatch.setattr(chapters, "read", lambda *_: [chapter])


# --- what a reader is told --------------------------------------------------------------------


@pytest.mark.usefixtures("made_up")
def test_a_right_answer_passes_without_a_hint() -> None:
    said = check("made-1", 1.618)
    assert (said.passed, said.attempted, said.hint) == (True, True, "")
    assert str(said) == "✓ made-1: right."


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize("stub", [..., None, (1.6, ...), [...], {"ratio": ...}])
def test_a_stub_is_not_attempted_yet_and_costs_no_hint(stub: Any) -> None:
    for _ in range(3):
        said = check("made-1", stub)
        assert (said.passed, said.attempted, said.hint) == (False, False, "")
        assert "not attempted yet. Expected: a number." in str(said)
    assert check("made-1", 2.0).hint == "Solve x² = x + 1."


@pytest.mark.usefixtures("made_up")
def test_each_failed_attempt_gives_the_next_hint_and_the_last_one_stays() -> None:
    said = [check("made-1", 2.0) for _ in range(4)]
    assert [each.passed for each in said] == [False] * 4
    assert [each.attempt for each in said] == [1, 2, 3, 4]
    assert said[0].hint == "Solve x² = x + 1."
    assert said[1].hint == "Take the positive root."
    assert said[3].hint.startswith("Take the positive root. (There are no more hints")
    assert {each.message for each in said} == {"that is not the golden ratio"}


@pytest.mark.usefixtures("made_up")
def test_attempts_are_counted_for_each_exercise_and_anew_once_it_is_passed() -> None:
    check("made-1", 2.0)
    assert check("made-2", lambda x: x).attempt == 1
    assert check("made-1", 1.618).attempt == 2
    assert check("made-1", 2.0).attempt == 1


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize("answer", ["1.618", [1.618], object(), np.zeros(3), {1: 2}])
def test_an_answer_of_the_wrong_type_is_told_what_was_expected(answer: Any) -> None:
    said = check("made-1", answer)
    assert (said.passed, said.attempted) == (False, True)
    assert type(answer).__name__ in said.message
    assert said.message.endswith("Expected: a number.")


@pytest.mark.usefixtures("made_up")
def test_a_function_that_raises_is_told_its_own_error_and_line() -> None:
    def halve(x: float) -> float:
        nothing = 0
        return x / nothing

    said = check("made-2", halve)
    assert not said.passed
    assert "Your function raised ZeroDivisionError: " in said.message
    assert "(in its line 3)" in said.message


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize("answer", [lambda: 1.5, lambda x: "1.5", float.fromhex])
def test_a_function_that_cannot_be_used_is_told_why(answer: Any) -> None:
    said = check("made-2", answer)
    assert not said.passed
    assert "TypeError" in said.message
    assert "Expected: a function of a number." in said.message


@pytest.mark.usefixtures("made_up")
def test_feedback_is_shown_as_escaped_html_and_as_text() -> None:
    bundle = check("made-1", "<b>2</b>")._repr_mimebundle_()
    assert "&lt;b&gt;2" in bundle["text/html"]
    assert "<b>" not in bundle["text/html"]
    assert "bn-feedback-failed" in bundle["text/html"]
    assert "<b>2</b>" in bundle["text/plain"]


@pytest.mark.usefixtures("made_up")
def test_an_unknown_exercise_suggests_the_nearest() -> None:
    with pytest.raises(ExerciseError, match="unknown exercise 'maid-1'; did you mean 'made-1'"):
        check("maid-1", 1.0)


def test_an_exercise_without_hints_or_a_checker_without_a_verdict_is_refused() -> None:
    with pytest.raises(ExerciseError, match="at least one hint"):
        Exercise("made-3", halves, (), 1.0, "a number")
    with pytest.raises(ExerciseError, match="what an answer looks like"):
        Exercise("made-3", halves, ("Think.",), 1.0, "")
    says_true = Exercise("made-3", lambda answer: True, ("Think.",), 1.0, "a number")  # type: ignore[arg-type, return-value]
    with pytest.raises(ExerciseError, match="its checker returned a bool"):
        says_true.fault(1.0)


# --- reading solutions out of a chapter -------------------------------------------------------


@pytest.mark.usefixtures("made_up")
def test_the_solutions_of_a_chapter_run_through_the_checker_that_readers_call() -> None:
    found = solutions(CHAPTER)
    assert list(found) == ["made-1", "made-2"]
    said = {name: solution.run() for name, solution in found.items()}
    assert all(each.passed for each in said.values())
    assert said["made-1"].answer == pytest.approx(1.618, abs=1e-3)


@pytest.mark.usefixtures("made_up")
def test_a_wrong_solution_does_not_pass() -> None:
    said = solutions(CHAPTER.replace("sqrt(5)", "sqrt(6)"))["made-1"].run()
    assert not said.passed


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (":::{solution-end}\n", ":::{note}\n", "solution made-2 has no solution-end"),
        ("````{solution-end}\n", "````{note}\n", "out of turn near solution made-1"),
        ("{solution-start} made-2", "{solution-start} made-1", "made-1 is there twice"),
        (":::{solution-start} made-2\n", ":::{note}\n", "out of turn near solution None"),
        (
            'def half(x):\n    return x / 2\n\ncheck("made-2", half)',
            "",
            "no code in solution made-2",
        ),
    ],
)
def test_solutions_that_are_not_laid_out_right_are_errors(old: str, new: str, message: str) -> None:
    assert old in CHAPTER
    with pytest.raises(ChapterTextError, match=message):
        solutions(CHAPTER.replace(old, new))


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize("last", ["root", "ratio = root", 'check("made-2", lambda x: x / 2)'])
def test_a_solution_must_end_with_the_check_of_its_own_exercise(last: str) -> None:
    chapter = CHAPTER.replace('check("made-1", (1 + root) / 2)', last)
    with pytest.raises(ChapterTextError, match="solution made-1"):
        solutions(chapter)["made-1"].run()


@pytest.mark.parametrize(
    ("hint", "answer", "given_away"),
    [
        ("Think of 1.618.", 1.6180339887, True),
        ("Think of 1.6.", 1.6180339887, True),
        ("Think of 2.", 1.6180339887, False),
        ("Think of 1.7.", 1.6180339887, False),
        ("There are 4 of them.", 4, True),
        ("It is −0.25.", -0.25, True),
        ("Use batch4 and x2.", 4, False),
        ("Divide 12 by 3.", (4, 12), True),
        ("Divide 12 by 3.", {"n": 4}, False),
        ("Return x / 2.", lambda x: x / 2, False),
    ],
)
def test_a_hint_that_holds_the_number_asked_for_is_noticed(
    hint: str, answer: Any, given_away: bool
) -> None:
    assert gives_away(hint, answer) is given_away


# --- every exercise of the book ---------------------------------------------------------------


def book_solutions() -> dict[str, Solution]:
    """All solutions of the book's chapters; an exercise that two chapters solve is an error."""
    found: dict[str, Solution] = {}
    for path in sorted(BOOK.rglob("*.md")):
        for exercise_id, solution in solutions(path.read_text(encoding="utf-8")).items():
            assert exercise_id not in found, f"{path}: {exercise_id} is solved elsewhere too"
            found[exercise_id] = solution
    return found


SOLUTIONS = book_solutions()


def test_every_exercise_of_the_book_has_a_solution_and_every_solution_an_exercise() -> None:
    assert sorted(SOLUTIONS) == sorted(exercises.catalogue())


@pytest.mark.parametrize("exercise_id", SOLUTIONS)
def test_the_solution_in_the_book_passes_and_no_hint_gives_it_away(
    exercise_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(BOOK)
    said = SOLUTIONS[exercise_id].run()
    assert said.passed, str(said)
    for hint in exercises.get(exercise_id).hints:
        assert not gives_away(hint, said.answer), f"{exercise_id}: {hint!r} holds the answer"


@pytest.mark.parametrize("exercise_id", exercises.catalogue())
def test_a_typical_wrong_answer_is_an_attempt_that_fails(exercise_id: str) -> None:
    said = check(exercise_id, exercises.get(exercise_id).wrong)
    assert said.attempted
    assert not said.passed
    assert said.hint
