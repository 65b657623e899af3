"""What a reader guesses before a claim is judged."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

from bnbook.chapters import Declared
from bnbook.claims import get, unit
from bnbook.stats import Verdict
from bnbook.stats.quantifiers import FAILS, HOLDS


@dataclass(frozen=True)
class Prediction(Declared):
    """A question about what a claim's measurement will show, asked before it is shown.

    `id` is predict-TOPIC-NUMBER. `claim` is the claim's id: its verdict, or its effect, is what the
    guess is set beside.
    """

    claim: str
    question: str

    def data(self) -> dict[str, Any]:
        """What a page needs to ask, and to set a guess beside the verdict, ready for JSON."""
        return {"id": self.id, "claim": self.claim, "question": self.question}

    @property
    def answers(self) -> str:
        """What may be guessed, in words."""
        raise NotImplementedError

    def usable(self, guess: Any) -> str | None:
        """The guess as it is kept, None if it is none of what may be guessed."""
        raise NotImplementedError

    def found(self, verdict: Verdict, effect: float) -> str:
        """What was measured, in the words of the question."""
        raise NotImplementedError

    def right(self, guess: str, verdict: Verdict, effect: float) -> bool | None:
        """Whether it came as guessed, by the claim's verdict or by its effect as it is shown.

        None where the measurement does not decide.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Which(Prediction):
    """One of several `options`, each with the verdicts that make it right."""

    options: Mapping[str, frozenset[Verdict]]

    yes: ClassVar[frozenset[Verdict]] = HOLDS
    no: ClassVar[frozenset[Verdict]] = FAILS

    def data(self) -> dict[str, Any]:
        """See `Prediction`."""
        options = [[text, sorted(verdicts)] for text, verdicts in self.options.items()]
        return {**super().data(), "options": options}

    @property
    def answers(self) -> str:
        """See `Prediction`."""
        return " or ".join(f'"{text}"' for text in self.options)

    def usable(self, guess: Any) -> str | None:
        """See `Prediction`."""
        return guess if isinstance(guess, str) and guess in self.options else None

    def found(self, verdict: Verdict, effect: float) -> str:
        """See `Prediction`."""
        said = (text for text, verdicts in self.options.items() if verdict in verdicts)
        return next(said, "not decided")

    def right(self, guess: str, verdict: Verdict, effect: float) -> bool | None:
        """See `Prediction`."""
        decided = any(verdict in verdicts for verdicts in self.options.values())
        return verdict in self.options[guess] if decided else None


@dataclass(frozen=True)
class HowMuch(Prediction):
    """A number in the unit in which the claim's effect is shown.

    A ratio is right within the factor `within`, any other number within that distance.
    """

    within: float

    @property
    def unit(self) -> str:
        """The unit in words: "times", "points"."""
        return unit(get(self.claim).unit).after

    def data(self) -> dict[str, Any]:
        """See `Prediction`."""
        return {**super().data(), "unit": self.unit, "within": self.within}

    @property
    def answers(self) -> str:
        """See `Prediction`."""
        return f"(a number, {self.unit})"

    def usable(self, guess: Any) -> str | None:
        """See `Prediction`."""
        if isinstance(guess, bool) or not isinstance(guess, Real):
            return None
        return repr(float(guess)) if math.isfinite(guess) else None

    def found(self, verdict: Verdict, effect: float) -> str:
        """See `Prediction`."""
        return f"{effect:.3g} {self.unit}" if math.isfinite(effect) else "not decided"

    def right(self, guess: str, verdict: Verdict, effect: float) -> bool | None:
        """See `Prediction`."""
        guessed = float(guess)
        if not math.isfinite(effect):
            return None
        if self.unit != "times":
            return abs(guessed - effect) <= self.within
        return guessed > 0 and max(guessed / effect, effect / guessed) <= self.within
