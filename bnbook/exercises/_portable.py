"""Exercises as data, so that a page can check a reader's answer where there is no Python."""

from __future__ import annotations

import base64
import json
from typing import Any

from bnbook.exercises._exercise import Exercise


def portable(exercise: Exercise) -> dict[str, Any]:
    """What a page has to know of an exercise, ready for JSON.

    Effort and hints, what an answer looks like and, unless checking takes Python, `answer`: what
    is right, within which tolerance, and what is said of anything else.
    """
    return {
        "id": exercise.id,
        "difficulty": exercise.difficulty,
        "minutes": exercise.minutes,
        "expects": exercise.expects,
        "hints": list(exercise.hints),
        "answer": exercise.answer.data(),
    }


def veiled(data: Any, key: str) -> str:
    """`data` as base64 that says nothing at a glance: its JSON, exclusive or the bytes of `key`.

    No secret is kept: the solution stands on the same page, closed.

    >>> unveiled(veiled({"right": 4.48}, "ex-shift-1"), "ex-shift-1")
    {'right': 4.48}
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False).encode()
    return base64.b64encode(_turned(text, key)).decode()


def unveiled(text: str, key: str) -> Any:
    """The inverse of `veiled`."""
    return json.loads(_turned(base64.b64decode(text), key))


def _turned(text: bytes, key: str) -> bytes:
    turn = key.encode()
    return bytes(byte ^ turn[place % len(turn)] for place, byte in enumerate(text))
