"""What an exercise is, and what its checker says to a reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import escape
from types import CodeType, TracebackType
from typing import Any

from bnbook.chapters import Member

BOX = (
    "border-left:0.4em solid var(--bn-feedback, currentColor);padding:0.4em 1em;margin:0.5em 0;"
    "line-height:1.5"
)


class ExerciseError(ValueError):
    """An exercise is not known, or not declared as it must be."""


@dataclass(frozen=True)
class Exercise(Member):
    """A question of the book that a reader can have checked.

    `check` takes the answer and returns None if it is right, or a short sentence that says what is
    off without saying what is right. It may assume an answer of the type that `expects` describes
    ("a number", "a function of a batch x (m,) that returns (m,)"): where it raises, the reader is
    told what was expected. `hints` are given one by one, a failed attempt each. `wrong` is an
    answer readers typically give; the tests see that it fails.
    """

    check: Callable[[Any], str | None]
    hints: tuple[str, ...]
    wrong: Any
    expects: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.hints or not all(self.hints):
            raise ExerciseError(f"exercise {self.id}: give at least one hint, and no empty one")
        if not self.expects:
            raise ExerciseError(f"exercise {self.id}: say in `expects` what an answer looks like")

    def fault(self, answer: Any) -> str | None:
        """What is off with `answer`, None if nothing is; it never raises for a bad answer."""
        try:
            said = self.check(answer)
        except Exception as error:
            return self._raised(answer, error)
        if said is not None and not isinstance(said, str):
            raise ExerciseError(
                f"exercise {self.id}: its checker returned a {type(said).__name__}; it must return "
                "None for a right answer, or a sentence"
            )
        return said

    def _raised(self, answer: Any, error: Exception) -> str:
        what = f"{type(error).__name__}: {error}".rstrip(": ")
        code = getattr(answer, "__code__", None)
        if line := _line_in(code, error.__traceback__):
            return f"Your function raised {what} (in its line {line}). Expected: {self.expects}."
        if callable(answer):
            return f"Your function, or what it returned, cannot be used ({what}). " + (
                f"Expected: {self.expects}."
            )
        return f"{_described(answer)} cannot be checked ({what}). Expected: {self.expects}."


@dataclass(frozen=True, repr=False)
class Feedback:
    """What a reader is told about one answer.

    `attempted` is False while the answer is still the stub; `attempt` counts the failed ones and
    this one. `hint` is empty unless the attempt failed.
    """

    exercise_id: str
    passed: bool
    attempted: bool
    message: str
    hint: str = ""
    attempt: int = 0
    answer: Any = field(default=None, compare=False)

    @property
    def state(self) -> str:
        """One of "passed", "failed" and "open"."""
        return "passed" if self.passed else "failed" if self.attempted else "open"

    def __str__(self) -> str:
        """The same in plain text."""
        hint = f"\n  Hint: {self.hint}" if self.hint else ""
        return f"{SIGNS[self.state]} {self.exercise_id}: {self.message}{hint}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        hint = f"<br>Hint: {escape(self.hint)}" if self.hint else ""
        return (
            f'<div class="bn-feedback bn-feedback-{self.state}" role="status" style="{BOX}">'
            f'<strong><span aria-hidden="true">{SIGNS[self.state]}</span> '
            f"{escape(self.exercise_id)}</strong>: {escape(self.message)}{hint}</div>"
        )

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}


SIGNS = {"passed": "✓", "failed": "✗", "open": "○"}


def is_stub(answer: Any) -> bool:
    """Whether the answer is None, `...`, or a list, tuple or dictionary that still has a `...`."""
    if isinstance(answer, dict):
        return any(part is ... for part in answer.values())
    if isinstance(answer, list | tuple):
        return any(part is ... for part in answer)
    return answer is None or answer is ...


def _line_in(code: CodeType | None, traceback: TracebackType | None) -> int | None:
    """The line, counted from its first, at which the function with `code` raised or called on."""
    lines = [step.tb_lineno for step in _steps(traceback) if step.tb_frame.f_code is code]
    return lines[-1] - code.co_firstlineno + 1 if code is not None and lines else None


def _steps(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next


def _described(answer: Any) -> str:
    text = repr(answer)
    shown = text if len(text) <= 60 else f"{text[:57]}…"
    return f"Your answer {shown} (of type {type(answer).__name__})"
