"""A reader's guesses beside the measurements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape

from bnbook import claims, journal
from bnbook.predictions._prediction import Prediction

OUTCOMES = {
    True: "✓ as you predicted",
    False: "✗ not as you predicted",
    None: "○ the measurement leaves it open",
}
CELL = "text-align:left;vertical-align:top;padding:0.2em 0.8em 0.2em 0"


@dataclass(frozen=True)
class Review:
    """What a reader guessed of `asked`; where it is `judged`, beside what was measured.

    It looks at the reader's journal when it is shown, and judges no claim of which there is no
    guess: whoever has not guessed yet is not told.
    """

    asked: tuple[Prediction, ...]
    judged: bool = True

    @cached_property
    def guesses(self) -> Mapping[str, str]:
        """What was guessed, by id."""
        made = journal.read()["predictions"]
        return {each.id: str(made[each.id]["guess"]) for each in self.asked if each.id in made}

    @cached_property
    def rows(self) -> list[tuple[str, str, str, bool | None]]:
        """Question, guess, what was measured, and whether it came as guessed."""
        rows = []
        for each in self.asked:
            if each.id in self.guesses:
                judgement = claims.judge(each.claim)
                verdict, effect, guess = judgement.verdict, judgement.shown, self.guesses[each.id]
                outcome = each.right(guess, verdict, effect)
                rows.append((each.question, guess, each.found(verdict, effect), outcome))
        return rows

    @property
    def summary(self) -> str:
        """How many were made, and of these how many came as guessed."""
        made, missing = len(self.guesses), len(self.asked) - len(self.guesses)
        if not self.judged or not made:
            return f"Predictions made: {made} of {len(self.asked)}."
        outcomes = [outcome for *_, outcome in self.rows]
        decided = [outcome for outcome in outcomes if outcome is not None]
        left = f" The measurement leaves {made - len(decided)} open." if made > len(decided) else ""
        more = f" Not made: {missing}." if missing else ""
        return f"Predicted {sum(decided)} of {len(decided)} as measured.{left}{more}"

    def __str__(self) -> str:
        """The same in plain text."""
        rows = self.rows if self.judged else []
        lines = [
            f"{question}\n  You said: {guess}. Measured: {found}. {OUTCOMES[outcome]}."
            for question, guess, found, outcome in rows
        ]
        return "\n".join([*lines, self.summary])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        body = "".join(
            "<tr>"
            + "".join(
                f'<td style="{CELL}">{escape(text)}</td>'
                for text in (question, guess, found, OUTCOMES[outcome])
            )
            + "</tr>"
            for question, guess, found, outcome in (self.rows if self.judged else [])
        )
        heads = ("Question", "You said", "Measured", "")
        head = "".join(f'<th style="{CELL}">{text}</th>' for text in heads)
        table = (
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if body else ""
        )
        return f"{table}<p>{escape(self.summary)}</p>"
