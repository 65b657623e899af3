"""How a reader's answer, and what it raised, is put into a few words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from reprlib import Repr
from types import CodeType, TracebackType
from typing import Any

LONGEST = 60
"""Characters of an answer that are shown."""
_short = Repr()
_short.maxstring = _short.maxother = _short.maxlong = LONGEST


def described(answer: Any) -> str:
    """An answer in the words of feedback, however long it is, even when its own `repr` raises.

    >>> described("seven")
    "Your answer 'seven' (of type str)"
    """
    return f"Your answer {shown(answer)} (of type {type(answer).__name__})"


def shown(value: Any) -> str:
    """The beginning of a value's `repr`, on one line; it never raises."""
    return _cut(" ".join(_short.repr(value).split()), LONGEST)


def brief(error: Exception) -> str:
    """An error's type and the beginning of its message.

    >>> brief(ZeroDivisionError("division by zero"))
    'ZeroDivisionError: division by zero'
    """
    try:
        message = " ".join(str(error).split())
    except Exception:  # the message is the reader's own code, too
        message = ""
    return _cut(f"{type(error).__name__}: {message}".rstrip(": "), 4 * LONGEST)


def raised(function: Callable[..., Any], error: Exception) -> str:
    """What is said of a reader's function that raised, or that could not be called."""
    if line := _line_in(getattr(function, "__code__", None), error.__traceback__):
        return f"Your function raised {brief(error)} (in its line {line})."
    return f"Your function, or what it returned, cannot be used ({brief(error)})."


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _line_in(code: CodeType | None, traceback: TracebackType | None) -> int | None:
    """The line, counted from its first, at which the function with `code` raised or called on."""
    lines = [step.tb_lineno for step in _steps(traceback) if step.tb_frame.f_code is code]
    return lines[-1] - code.co_firstlineno + 1 if code is not None and lines else None


def _steps(traceback: TracebackType | None) -> Iterator[TracebackType]:
    while traceback is not None:
        yield traceback
        traceback = traceback.tb_next
