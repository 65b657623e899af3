"""What an exercise is, and what is said to a reader about an answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal

from bnbook.chapters import Declared
from bnbook.exercises._answers import Answer, Unusable
from bnbook.exercises._words import brief, described

BOX = (
    "border-left:0.4em solid var(--bn-feedback, currentColor);padding:0.4em 1em;margin:0.5em 0;"
    "line-height:1.5"
)
Difficulty = Literal["warm-up", "practice", "challenge", "project"]


class ExerciseError(ValueError):
    """An exercise is not known, or not declared as it must be."""


@dataclass(frozen=True)
class Exercise(Declared):
    """A question of the book that a reader can have checked.

    `id` is ex-TOPIC-NUMBER, with the number that the page shows, as in ex-shift-3. `answer` says
    what is right and what typical mistakes are told. `hints` are given one by one, a failed
    attempt each. `wrong` is an answer readers typically give; the tests see that it fails.
    `minutes` is what a reader who has followed the chapter needs.
    """

    answer: Answer
    hints: tuple[str, ...]
    wrong: Any
    difficulty: Difficulty
    minutes: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if not re.fullmatch(r"ex-[a-z]+-[1-9][0-9]*", self.id):
            raise ExerciseError(f"exercise {self.id}: name it as in ex-shift-3, by its number")
        if not self.hints or not all(self.hints):
            raise ExerciseError(f"exercise {self.id}: give at least one hint, and no empty one")
        if not self.answer.expects:
            raise ExerciseError(f"exercise {self.id}: say in `expects` what an answer looks like")
        if self.minutes < 1:
            raise ExerciseError(f"exercise {self.id}: {self.minutes} minutes; give 1 or more")

    @property
    def expects(self) -> str:
        """What an answer looks like."""
        return self.answer.expects

    @property
    def effort(self) -> str:
        """How hard it is, and how long it takes: "warm-up, about 3 minutes"."""
        return f"{self.difficulty}, about {self.minutes} minute{'s' * (self.minutes > 1)}"

    def fault(self, answer: Any) -> str | None:
        """What is off with `answer`, None if nothing is; whatever cannot be compared is `Unusable`.

        No answer raises anything else.
        """
        try:
            said = self.answer.fault(answer)
        except Unusable:
            raise
        except Exception as error:
            raise Unusable(f"{described(answer)} cannot be checked ({brief(error)}).") from error
        if said is not None and not isinstance(said, str):
            raise ExerciseError(
                f"exercise {self.id}: its checker returned a {type(said).__name__}; it must return "
                "None for a right answer, or a sentence"
            )
        return said


@dataclass(frozen=True, repr=False)
class Feedback:
    """What a reader is told about one answer.

    `attempted` is False while the answer is still the stub, or is nothing that can be compared with
    the right one. `attempt` counts the failed ones and this one. `hint` is empty unless the attempt
    failed.
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
