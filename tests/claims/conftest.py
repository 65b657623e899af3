"""A ledger that holds what a test declares."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bnbook import chapters
from bnbook.claims import Claim

Declare = Callable[..., None]


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> Declare:
    """Claims that the ledger knows as long as the test runs, in one chapter."""

    def declare(*claims: Claim, question: str = "") -> None:
        chapter = chapters.Chapter("made-up", "Made up", "made_up.py", claims, question)
        monkeypatch.setattr(chapters, "read", lambda *_: [chapter])

    return declare
