"""Exercises that check themselves.

One file a chapter: `covariate_shift.py` lists the exercises of the page `covariate-shift` in
`EXERCISES`, a tuple of `Exercise`, and is found by itself.

    >>> check("ex-shift-1")
    ○ ex-shift-1: not attempted yet (warm-up, about 3 minutes). Expected: a number.
    >>> check("ex-shift-1", 4.5)
    ✓ ex-shift-1: right.

How often an exercise was tried is remembered for the life of the process, by id: the first failed
attempt gives its first hint, the next one the second. Passing it starts the count again. What was
solved is kept in the reader's journal (`bnbook.journal`). A chapter's own solutions are checked by
`solution`, which keeps nothing. `portable` has what a page needs to check an answer by itself.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from bnbook import chapters, journal
from bnbook.exercises._answers import (
    Answer,
    Behaviour,
    Called,
    Case,
    Choice,
    Design,
    Function,
    Matching,
    Numeric,
    Remark,
    Unusable,
)
from bnbook.exercises._exercise import Exercise, ExerciseError, Feedback, is_stub
from bnbook.exercises._portable import portable, veiled
from bnbook.exercises._words import shown
from bnbook.text import unknown

__all__ = [
    "Answer",
    "Behaviour",
    "Called",
    "Case",
    "Choice",
    "Design",
    "Exercise",
    "ExerciseError",
    "Feedback",
    "Function",
    "Matching",
    "Numeric",
    "Remark",
    "Unusable",
    "catalogue",
    "check",
    "forget",
    "get",
    "portable",
    "solution",
    "veiled",
]

_failures: Counter[str] = Counter()


def catalogue(chapter: str | None = None) -> dict[str, Exercise]:
    """All exercises by id, in the order of the book, or those of one chapter (its hyphenated name).

    An unknown chapter, or an id that two files declare, is a `bnbook.chapters.ChapterError`.
    """
    found = chapters.read(sys.modules[__name__], "EXERCISES", Exercise)
    return chapters.members(found, chapter)


def get(exercise_id: Any) -> Exercise:
    """The exercise called `exercise_id`; an unknown one is an `ExerciseError` with the nearest."""
    known = catalogue()
    if not isinstance(exercise_id, str):
        raise ExerciseError(
            f"an exercise is named by text such as {next(iter(known))!r}, "
            f"not by {shown(exercise_id)}; the answer comes second: check(id, answer)"
        )
    if exercise_id not in known:
        raise ExerciseError(unknown("exercise", exercise_id, known))
    return known[exercise_id]


def check(exercise_id: Any, answer: Any = ...) -> Feedback:
    """Say whether `answer` is right, and if not what is off, with one hint more each time.

    The stub `...` and None are "not attempted yet". They count for nothing, and neither does an
    answer that cannot be compared with the right one: of another type or shape, with NaN or an
    infinity in it, or a function that raises. All of it is feedback, never a traceback; the only
    error is an `ExerciseError` for an exercise that does not exist.
    """
    exercise = get(exercise_id)
    expected = f"Expected: {exercise.expects}."
    if is_stub(answer):
        message = f"not attempted yet ({exercise.effort}). {expected}"
        return Feedback(exercise_id, False, False, message, answer=answer)
    try:
        fault = exercise.fault(answer)
    except Unusable as reason:
        return Feedback(exercise_id, False, False, f"{reason} {expected}", answer=answer)
    attempt = _failures[exercise_id] + 1
    if fault is None:
        forget(exercise_id)
        journal.note("exercises", exercise_id, passed=True)
        return Feedback(exercise_id, True, True, "right.", attempt=attempt, answer=answer)
    _failures[exercise_id] = attempt
    journal.note("exercises", exercise_id, attempts=attempt)
    return Feedback(exercise_id, False, True, fault, _hint(exercise, attempt), attempt, answer)


def solution(exercise_id: Any, answer: Any) -> Feedback:
    """Check the book's own answer: it is no attempt, and nothing is kept of it.

    A reader who runs all cells of a chapter has solved nothing by that.
    """
    fault = get(exercise_id).fault(answer)
    message = "the book's own answer passes." if fault is None else fault
    return Feedback(exercise_id, fault is None, fault is not None, message, answer=answer)


def forget(exercise_id: str | None = None) -> None:
    """Start counting the attempts at one exercise, or at all of them, from zero again."""
    if exercise_id is None:
        _failures.clear()
    else:
        _failures.pop(exercise_id, None)


def _hint(exercise: Exercise, attempt: int) -> str:
    last = len(exercise.hints)
    spent = " (There are no more hints; the solution is below the exercise.)"
    return exercise.hints[min(attempt, last) - 1] + (spent if attempt > last else "")
