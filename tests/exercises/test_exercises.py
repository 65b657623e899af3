"""Exercises: what a reader is told, and that every exercise of the book can be solved."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from bnbook import chapters, check, exercises
from bnbook.exercises import Answer, Case, Exercise, ExerciseError, Function, Numeric
from tests.exercises.solutions import ChapterTextError, gives_away, solutions

GOLDEN = Exercise(
    id="ex-made-1",
    answer=Numeric(
        1.6180339887, "that is not the golden ratio", {"that is its square": 2.618}, rel=1e-3
    ),
    hints=("Solve x² = x + 1.", "Take the positive root."),
    wrong=1.5,
    difficulty="warm-up",
    minutes=2,
)
HALVES = Exercise(
    id="ex-made-2",
    answer=Function("a function of a number", lambda: [Case((3.0,), 1.5, "it does not halve 3")]),
    hints=("Divide.",),
    wrong=lambda x: x,
    difficulty="practice",
    minutes=1,
)

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
:label: ex-made-1
```
What is the golden ratio?
```{code-cell} ipython3
check("ex-made-1", ...)
```
```{exercise-end}
```

````{solution-start} ex-made-1
:class: dropdown
````
From the formula for quadratic equations:
```{code-cell} ipython3
root = sqrt(5)
```
and so
```{code-cell} ipython3
check("ex-made-1", (1 + root) / 2)
```
````{solution-end}
````

:::{solution-start} ex-made-2
:::
```{code-cell} ipython3
def half(x):
    return x / 2

check("ex-made-2", half)
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
    said = check("ex-made-1", 1.618)
    assert (said.passed, said.attempted, said.hint) == (True, True, "")
    assert str(said) == "✓ ex-made-1: right."


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize("stub", [..., None, (1.6, ...), [...], {"ratio": ...}])
def test_a_stub_is_not_attempted_yet_and_costs_no_hint(stub: Any) -> None:
    for _ in range(3):
        said = check("ex-made-1", stub)
        assert (said.passed, said.attempted, said.hint) == (False, False, "")
        assert "not attempted yet (warm-up, about 2 minutes). Expected: a number." in str(said)
    assert check("ex-made-1", 2.0).hint == "Solve x² = x + 1."


@pytest.mark.usefixtures("made_up")
def test_each_failed_attempt_gives_the_next_hint_and_the_last_one_stays() -> None:
    said = [check("ex-made-1", 2.0) for _ in range(4)]
    assert [each.passed for each in said] == [False] * 4
    assert [each.attempt for each in said] == [1, 2, 3, 4]
    assert said[0].hint == "Solve x² = x + 1."
    assert said[1].hint == "Take the positive root."
    assert said[3].hint.startswith("Take the positive root. (There are no more hints")
    assert {each.message for each in said} == {"that is not the golden ratio"}


@pytest.mark.usefixtures("made_up")
def test_a_known_mistake_is_told_what_it_is() -> None:
    assert check("ex-made-1", 2.618).message == "that is its square"


@pytest.mark.usefixtures("made_up")
def test_attempts_are_counted_for_each_exercise_and_anew_once_it_is_passed() -> None:
    check("ex-made-1", 2.0)
    assert check("ex-made-2", lambda x: x).attempt == 1
    assert check("ex-made-1", 1.618).attempt == 2
    assert check("ex-made-1", 2.0).attempt == 1


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize("answer", ["1.618", [1.618], object(), np.zeros(3), {1: 2}])
def test_an_answer_of_the_wrong_type_is_told_what_was_expected(answer: Any) -> None:
    said = check("ex-made-1", answer)
    assert (said.passed, said.attempted, said.hint) == (False, False, "")
    assert type(answer).__name__ in said.message
    assert said.message.endswith("Expected: a number.")
    assert check("ex-made-1", 2.0).attempt == 1


@pytest.mark.usefixtures("made_up")
def test_a_function_that_raises_is_told_its_own_error_and_line() -> None:
    def halve(x: float) -> float:
        nothing = 0
        return x / nothing

    said = check("ex-made-2", halve)
    assert not said.passed
    assert "Your function raised ZeroDivisionError: " in said.message
    assert "(in its line 3)" in said.message


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda: 1.5, "TypeError"),
        (float.fromhex, "TypeError"),
        (lambda x: "1.5", "is not made of numbers"),
        (lambda x: math.nan, "holds NaN or an infinity"),
        (lambda x: [1.5], "returned the shape (1,), not ()"),
    ],
)
def test_a_function_that_cannot_be_used_is_told_why_and_costs_no_hint(
    answer: Any, reason: str
) -> None:
    said = check("ex-made-2", answer)
    assert (said.passed, said.attempted, said.hint) == (False, False, "")
    assert reason in said.message
    assert "Expected: a function of a number." in said.message


class Unspeakable:
    """An answer that cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("x" * 100_000)

    __float__ = __call__ = __repr__


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize("exercise_id", ["ex-made-1", "ex-made-2"])
@pytest.mark.parametrize(
    "answer",
    [list(range(100_000)), np.zeros(100_000), "x" * 100_000, {1: "x" * 100_000}, Unspeakable()],
)
def test_feedback_is_short_whatever_the_answer_is(exercise_id: str, answer: Any) -> None:
    said = check(exercise_id, answer)
    assert not said.passed
    assert len(str(said)) < 500


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize("stranger", [1, None, ["ex-made-1"], 1.5])
def test_an_exercise_is_named_by_text(stranger: Any) -> None:
    with pytest.raises(ExerciseError, match=r"named by text such as 'ex-made-1', not by"):
        check(stranger, 2)


@pytest.mark.usefixtures("made_up")
def test_feedback_is_shown_as_escaped_html_and_as_text() -> None:
    bundle = check("ex-made-1", "<b>2</b>")._repr_mimebundle_()
    assert "&lt;b&gt;2" in bundle["text/html"]
    assert "<b>" not in bundle["text/html"]
    assert "bn-feedback-open" in bundle["text/html"]
    assert "bn-feedback-failed" in check("ex-made-1", 2)._repr_html_()
    assert "<b>2</b>" in bundle["text/plain"]


@pytest.mark.usefixtures("made_up")
def test_an_unknown_exercise_suggests_the_nearest() -> None:
    with pytest.raises(
        ExerciseError, match="unknown exercise 'ex-maid-1'; did you mean 'ex-made-1'"
    ):
        check("ex-maid-1", 1.0)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"id": "made-3"}, "name it as in ex-shift-3"),
        ({"hints": ()}, "at least one hint"),
        ({"hints": ("",)}, "at least one hint"),
        ({"answer": Numeric(1.0, "no", expects="")}, "what an answer looks like"),
        ({"minutes": 0}, "give 1 or more"),
    ],
)
def test_an_exercise_that_is_not_declared_as_it_must_be_is_refused(
    declared: dict[str, Any], message: str
) -> None:
    with pytest.raises(ExerciseError, match=re.escape(message)):
        replace(GOLDEN, **declared)


class SaysTrue(Answer):
    """A kind of answer that does not keep its promise."""

    expects = "anything"

    def fault(self, answer: Any) -> Any:
        return True


def test_a_kind_of_answer_without_a_verdict_is_refused() -> None:
    with pytest.raises(ExerciseError, match="its checker returned a bool"):
        replace(HALVES, answer=SaysTrue()).fault(1.0)


# --- reading solutions out of a chapter -------------------------------------------------------


@pytest.mark.usefixtures("made_up")
def test_the_solutions_of_a_chapter_run_through_the_checker_that_readers_call() -> None:
    found = solutions(CHAPTER)
    assert list(found) == ["ex-made-1", "ex-made-2"]
    assert found["ex-made-1"].words == "From the formula for quadratic equations: and so"
    assert not found["ex-made-1"].closed
    said = {name: solution.run() for name, solution in found.items()}
    assert all(each.passed for each in said.values())
    assert said["ex-made-1"].answer == pytest.approx(1.618, abs=1e-3)


@pytest.mark.usefixtures("made_up")
def test_a_wrong_solution_does_not_pass() -> None:
    said = solutions(CHAPTER.replace("sqrt(5)", "sqrt(6)"))["ex-made-1"].run()
    assert not said.passed


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (":::{solution-end}\n", ":::{note}\n", "solution ex-made-2 has no solution-end"),
        ("````{solution-end}\n", "````{note}\n", "out of turn near solution ex-made-1"),
        ("{solution-start} ex-made-2", "{solution-start} ex-made-1", "ex-made-1 is there twice"),
        (":::{solution-start} ex-made-2\n", ":::{note}\n", "out of turn near solution None"),
        (
            'def half(x):\n    return x / 2\n\ncheck("ex-made-2", half)',
            "",
            "no code in solution ex-made-2",
        ),
    ],
)
def test_solutions_that_are_not_laid_out_right_are_errors(old: str, new: str, message: str) -> None:
    assert old in CHAPTER
    with pytest.raises(ChapterTextError, match=message):
        solutions(CHAPTER.replace(old, new))


@pytest.mark.usefixtures("made_up")
@pytest.mark.parametrize("last", ["root", "ratio = root", 'check("ex-made-2", lambda x: x / 2)'])
def test_a_solution_must_end_with_the_check_of_its_own_exercise(last: str) -> None:
    chapter = CHAPTER.replace('check("ex-made-1", (1 + root) / 2)', last)
    with pytest.raises(ChapterTextError, match="solution ex-made-1"):
        solutions(chapter)["ex-made-1"].run()


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
