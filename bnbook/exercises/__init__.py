"""Exercises that check themselves.

One file a chapter: `covariate_shift.py` lists the exercises of the page `covariate-shift` in
`EXERCISES`, a tuple of `Exercise`, and is found by itself.

    >>> check("shift-1", ...)  # doctest: +SKIP
    ○ shift-1: not attempted yet. Expected: a number.

How often an exercise was tried is remembered for the life of the process, by id: the first failed
attempt gives its first hint, the next one the second. Passing it starts the count again.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from bnbook import chapters
from bnbook.exercises._exercise import Exercise, ExerciseError, Feedback, is_stub
from bnbook.text import unknown

__all__ = ["Exercise", "ExerciseError", "Feedback", "catalogue", "check", "forget", "get"]

_failures: Counter[str] = Counter()


def catalogue(chapter: str | None = None) -> dict[str, Exercise]:
    """All exercises by id, in the order of the book, or those of one chapter (its hyphenated name).

    An unknown chapter, or an id that two files declare, is a `bnbook.chapters.ChapterError`.
    """
    found = chapters.read(sys.modules[__name__], "EXERCISES", Exercise)
    return chapters.members(found, chapter)


def get(exercise_id: str) -> Exercise:
    """The exercise called `exercise_id`; an unknown one is an `ExerciseError` with the nearest."""
    known = catalogue()
    if exercise_id not in known:
        raise ExerciseError(unknown("exercise", exercise_id, known))
    return known[exercise_id]


def check(exercise_id: str, answer: Any = ...) -> Feedback:
    """Say whether `answer` is right, and if not what is off, with one hint more each time.

    The stub `...` and None are "not attempted yet" and count for nothing. An answer of the wrong
    type, and a function that raises, are feedback too, never a traceback. The only error is an
    `ExerciseError` for an exercise that does not exist.
    """
    exercise = get(exercise_id)
    if is_stub(answer):
        message = f"not attempted yet. Expected: {exercise.expects}."
        return Feedback(exercise_id, False, False, message, answer=answer)
    fault = exercise.fault(answer)
    attempt = _failures[exercise_id] + 1
    if fault is None:
        forget(exercise_id)
        return Feedback(exercise_id, True, True, "right.", attempt=attempt, answer=answer)
    _failures[exercise_id] = attempt
    hints = exercise.hints
    hint = hints[min(attempt, len(hints)) - 1]
    if attempt > len(hints):
        hint += " (There are no more hints; the solution is below the exercise.)"
    return Feedback(exercise_id, False, True, fault, hint, attempt, answer)


def forget(exercise_id: str | None = None) -> None:
    """Start counting the attempts at one exercise, or at all of them, from zero again."""
    if exercise_id is None:
        _failures.clear()
    else:
        _failures.pop(exercise_id, None)
