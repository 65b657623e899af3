"""Prose chosen by a record: a sentence for each verdict that a claim can get."""

from __future__ import annotations

from collections.abc import Mapping

from bnbook.claims._claim import Claim, ClaimError
from bnbook.claims._judgement import Judgement
from bnbook.claims._page import called
from bnbook.claims._units import unit
from bnbook.stats import Decision, Verdict
from bnbook.stats.quantifiers import FAILS, HOLDS
from bnbook.text import unknown


class Bare(str):
    """Text whose plain-text form has no quotes, as a page wants it that pastes it."""

    def __repr__(self) -> str:
        return str(self)


class Sentence(Bare):
    """Prose that a cell shows as a paragraph, in Markdown, and that glue pastes into one."""

    def _repr_markdown_(self) -> str:
        return str(self)


def verdicts_of(claim: Claim, stratum: str | None = None) -> tuple[Verdict, ...]:
    """The verdicts that a claim, or one stratum of it, can get, whatever the record."""
    if claim.matters is None:
        return ("proved", "disproved", "inconclusive")
    if claim.quantifier == "by" and stratum is None:
        return ("depends", "negligible", "inconclusive")
    if claim.kind == "greater":
        return ("supported", "negligible", "reversed", "inconclusive")
    return ("supported", "reversed", "inconclusive")


def chosen(
    judgement: Judgement,
    words: Mapping[str, str],
    otherwise: str | None,
    stratum: str | None,
    elsewhere: bool = False,
) -> Sentence:
    """The one of `words`, by verdict, that a judgement, or its decision on `stratum`, calls for.

    `elsewhere` adds a sentence on the data where the claim came out otherwise.

    Raises `ClaimError` where a verdict that the claim can get has no words, whether or not it got
    it: prose that holds for one record only would be wrong for the next.
    """
    claim = judgement.claim
    known = verdicts_of(claim, stratum)
    for odd in set(words) - set(known):
        raise ClaimError(f"claim {claim.id}: {unknown('verdict', odd, known)}")
    missing = [] if otherwise is not None else [each for each in known if each not in words]
    if missing:
        raise ClaimError(
            f"claim {claim.id} may also come out {' or '.join(missing)}: say what holds then, or "
            "give `otherwise`"
        )
    effect, verdict = judgement.effect, judgement.verdict
    if stratum is not None:
        if stratum not in judgement.strata:
            raise ClaimError(unknown(f"stratum of {claim.id}", stratum, judgement.strata))
        effect, verdict = judgement.strata[stratum].effect, judgement.strata[stratum].verdict
    text = words.get(verdict, otherwise or "")
    said = text.format(
        effect=unit(claim.unit).interval(effect),
        n=effect.n,
        at=judgement.at,
        verdict=verdict,
        holds=_listed(judgement.strata, HOLDS),
        fails=_listed(judgement.strata, FAILS),
        open=_listed(judgement.strata, frozenset({"inconclusive"})),
    )
    return Sentence(said + _otherwise(judgement) if elsewhere else said)


def _otherwise(judgement: Judgement) -> str:
    """A sentence more, on the data where the claim came out otherwise, if there are any."""
    other = [
        f"*{each.verdict}* on {called(each.scale, each.data)}"
        for each in judgement.elsewhere
        if each.verdict != judgement.verdict
    ]
    return f" Elsewhere the claim came out otherwise: {'; '.join(other)}." if other else ""


def _listed(strata: Mapping[str, Decision], verdicts: frozenset[Verdict]) -> str:
    """The strata with one of `verdicts`, in a row; "none" or "every setting" where that is so."""
    names = [name for name, each in strata.items() if each.verdict in verdicts]
    return "every setting" if len(names) == len(strata) > 1 else "; ".join(names) or "none"
