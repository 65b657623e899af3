"""A decision table whose every entry is chosen by the verdict on a claim."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bnbook.claims._claim import ClaimError
from bnbook.claims._judgement import Judgement
from bnbook.claims._page import decision_table
from bnbook.claims._units import unit
from bnbook.stats import Interval, Verdict
from bnbook.stats.quantifiers import FAILS, HOLDS
from bnbook.text import unknown


@dataclass(frozen=True)
class Advice:
    """What to do in a situation: `take` if a claim holds, `otherwise` if it fails.

    `stratum` names the part of a stratified claim that the advice rests on. Any other verdict
    gives no advice, and the table says so.
    """

    when: str
    claim: str
    take: str
    otherwise: str
    stratum: str | None = None

    def given(self, judgement: Judgement) -> Given:
        """The advice that a judgement of its claim backs.

        Raises `ClaimError` for a judgement of another claim or a stratum that it does not have.
        """
        if judgement.claim.id != self.claim:
            raise ClaimError(
                f"advice on {self.claim} was given a judgement of {judgement.claim.id}"
            )
        effect, verdict = judgement.effect, judgement.verdict
        if self.stratum is not None:
            if self.stratum not in judgement.strata:
                raise ClaimError(
                    unknown(f"stratum of {self.claim}", self.stratum, judgement.strata)
                )
            decision = judgement.strata[self.stratum]
            effect, verdict = decision.effect, decision.verdict
        words = dict.fromkeys(HOLDS, self.take) | dict.fromkeys(FAILS, self.otherwise)
        text = words.get(verdict, "not decided by these measurements")
        return Given(self, text, verdict, effect, judgement.claim.unit)


@dataclass(frozen=True)
class Given:
    """One row: the advice in words, and the verdict and effect behind it."""

    advice: Advice
    text: str
    verdict: Verdict
    effect: Interval
    unit: str

    @property
    def found(self) -> str:
        """The effect and its interval with their unit."""
        return unit(self.unit).interval(self.effect)

    @property
    def basis(self) -> str:
        """The claim, with the part of it that decides."""
        part = f" ({self.advice.stratum})" if self.advice.stratum else ""
        return f"{self.advice.claim}{part}"


@dataclass(frozen=True, repr=False)
class DecisionTable:
    """Situations with the advice that the verdicts back; it shows itself as a table."""

    rows: tuple[Given, ...]

    @classmethod
    def of(cls, advice: Iterable[Advice], judged: Iterable[Judgement]) -> DecisionTable:
        """The rows of `advice`, each with the judgement of its claim."""
        by_id = {judgement.claim.id: judgement for judgement in judged}
        rows = []
        for each in advice:
            if each.claim not in by_id:
                raise ClaimError(unknown("judgement", each.claim, by_id))
            rows.append(each.given(by_id[each.claim]))
        return cls(tuple(rows))

    def __str__(self) -> str:
        """The table in plain text."""
        lines = [
            f"{row.advice.when}: {row.text}\n  {row.basis}: {row.found}, {row.verdict}"
            for row in self.rows
        ]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return decision_table(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}
