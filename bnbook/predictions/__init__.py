"""What readers are asked to predict, and how well they did.

One file a chapter: `covariate_shift.py` lists the questions of the page `covariate-shift` in
`PREDICTIONS`, a tuple of `Prediction`, and is found by itself. A question is about a claim of that
page: the guess is set beside the claim's verdict or effect. Pages ask by themselves; in a notebook

    >>> guess("covariate-shift", {"predict-shift-1": 3})             # doctest: +SKIP
    >>> review("covariate-shift")                                    # doctest: +SKIP
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from bnbook import chapters, journal
from bnbook.predictions._prediction import HowMuch, Prediction, Which
from bnbook.predictions._review import Review
from bnbook.text import unknown

__all__ = [
    "HowMuch",
    "Prediction",
    "PredictionError",
    "Review",
    "Which",
    "catalogue",
    "get",
    "guess",
    "review",
]


class PredictionError(ValueError):
    """A prediction is not known, or a guess is none of its options."""


def catalogue(chapter: str | None = None) -> dict[str, Prediction]:
    """All predictions by id, in the order of the book, or those of one chapter.

    An unknown chapter, or an id that two files declare, is a `bnbook.chapters.ChapterError`.
    """
    found: list[Any] = chapters.read(sys.modules[__name__], "PREDICTIONS", Prediction)
    return chapters.members(found, chapter)


def get(prediction_id: str) -> Prediction:
    """The prediction called `prediction_id`; unknown is a `PredictionError` with the nearest."""
    known = catalogue()
    if prediction_id not in known:
        raise PredictionError(unknown("prediction", prediction_id, known))
    return known[prediction_id]


def guess(chapter: str, guesses: Mapping[str, Any]) -> Review:
    """Keep the guesses of a chapter, by the id of their question; `...` is none.

    A guess that was made stays, as it does in the pages. One that is none of what may be guessed is
    a `PredictionError`, and then nothing is kept.
    """
    asked, usable = catalogue(chapter), {}
    for name, given in guesses.items():
        if name not in asked:
            raise PredictionError(unknown("prediction", name, asked))
        if given is ... or given is None:
            continue
        usable[name] = asked[name].usable(given)
        if usable[name] is None:
            raise PredictionError(f"{name}: {given!r} is no answer; give {asked[name].answers}")
    made = journal.read()["predictions"]
    for name, kept in usable.items():
        if name not in made:
            journal.note("predictions", name, guess=kept)
    return Review(tuple(asked.values()), judged=False)


def review(chapter: str) -> Review:
    """The guesses of a chapter beside what is measured, and how many came as guessed."""
    return Review(tuple(catalogue(chapter).values()))
