"""What readers are asked to predict, and how well they did.

One file a chapter: `covariate_shift.py` lists the questions of the page `covariate-shift` in
`PREDICTIONS`, a tuple of `Prediction`, and is found by itself. A question is about a claim of that
page: the guess is set beside the claim's verdict or effect. Pages ask by themselves; in a notebook

    >>> ask("covariate-shift")                                       # doctest: +SKIP
    >>> predict("predict-shift-3", "no")                             # doctest: +SKIP
"""

from __future__ import annotations

import sys
from typing import Any

from bnbook import chapters
from bnbook.predictions._prediction import HowMuch, Prediction, Which
from bnbook.text import unknown

__all__ = ["HowMuch", "Prediction", "PredictionError", "Which", "catalogue", "get"]


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
