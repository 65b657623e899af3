"""The ledger: every claim of the book, where it comes from, and what the measurements say of it.

One file a chapter: `covariate_shift.py` lists the claims of the page `covariate-shift` in
`CLAIMS`, a tuple of `Claim`, and is found by itself. Titles and order are in
`bnbook.chapters`. Chapters, the scoreboard and `bnbook claims` all read this ledger.

    >>> print(judge("shift-1"))             # doctest: +SKIP
    >>> table(chapter="covariate-shift")    # doctest: +SKIP
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache

import xarray as xr

from bnbook import chapters, environment, pasting
from bnbook.claims._advice import Advice, DecisionTable
from bnbook.claims._bearing import BEARING, Bearing
from bnbook.claims._claim import Claim, ClaimError
from bnbook.claims._errors import Ledger, expect
from bnbook.claims._evidence import Across, surprising
from bnbook.claims._history import Changes, releases
from bnbook.claims._judgement import Judgement, weigh
from bnbook.claims._page import called
from bnbook.claims._say import Bare, Sentence, chosen
from bnbook.claims._standing import Standing
from bnbook.claims._table import Table
from bnbook.claims._units import unit
from bnbook.text import unknown

__all__ = [
    "Across",
    "Advice",
    "Bare",
    "Bearing",
    "Claim",
    "ClaimError",
    "DecisionTable",
    "Judgement",
    "Sentence",
    "Table",
    "across",
    "advise",
    "anywhere",
    "bearing",
    "called",
    "changes",
    "chapter_names",
    "errors",
    "get",
    "glue",
    "judge",
    "ledger",
    "say",
    "standing",
    "surprise",
    "table",
    "unit",
]


def ledger(chapter: str | None = None) -> dict[str, Claim]:
    """All claims by id, in the order of the book, or those of one chapter (its hyphenated name).

    An unknown chapter, or an id that two files declare, is a `bnbook.chapters.ChapterError`.
    """
    return chapters.members(_chapters(), chapter)


def chapter_names() -> list[str]:
    """The hyphenated names of the chapters that make claims, in the order of the book."""
    return [each.name for each in _chapters()]


def get(claim_id: str) -> Claim:
    """The claim called `claim_id`; an unknown one is a `ClaimError` that names the nearest."""
    claims = ledger()
    if claim_id not in claims:
        raise ClaimError(unknown("claim", claim_id, claims))
    return claims[claim_id]


def judge(claim_id: str, record: xr.Dataset | None = None, scale: str | None = None) -> Judgement:
    """Weigh one claim on `record`, or on its own experiment at `scale`, trained if need be.

    A record knows its scale; naming another one beside it is a `ClaimError`.
    """
    claim = get(claim_id)
    if record is None:
        record = _run(claim.experiment, scale)
    made_at = record.attrs.get("scale", scale)
    if scale not in (None, made_at):
        raise ClaimError(f"claim {claim_id}: the record was made at scale {made_at}, not {scale}")
    judgement = weigh(claim, record, made_at or "unknown")
    return replace(judgement, elsewhere=_elsewhere(judgement, record.attrs.get("key", "")))


def table(
    chapter: str | None = None,
    scale: str | None = None,
    ids: Iterable[str] | None = None,
    *,
    data: str | None = None,
) -> Table:
    """The judgements of all claims, of one chapter, or of the claims named in `ids`.

    Each experiment is run, or its record read, once; with `data`, on that data set wherever it
    uses mnist-5k. Claims on experiments that the scale does not have are left out; so are, at
    scales larger than book and unless `ids` name them, those without a record at hand.
    """
    known = ledger(chapter)
    chosen = set(known) if ids is None else set(ids)
    for claim_id in sorted(chosen - set(known)):
        raise ClaimError(unknown("claim", claim_id, known))
    record_of: Callable[[str], xr.Dataset] = cache(lambda experiment: _run(experiment, scale, data))
    book = _chapters()
    judgements = {
        each.name: tuple(
            judge(claim.id, record_of(claim.experiment), scale)
            for claim in each.members
            if claim.id in chosen and _has(claim.experiment, scale, asked=ids is not None)
        )
        for each in book
    }
    return Table(
        {name: judged for name, judged in judgements.items() if judged},
        {each.name: each.title for each in book},
        {each.name: each.question for each in book},
    )


def across(judged: Table) -> Across:
    """The claims of a table on every data set of which records ship, with the agreement counted."""
    return Across.of(judged)


def surprise(judged: Table) -> Judgement:
    """The claim of a table that the measurements contradict most, wherever it was measured.

    Of those that fail on every data set of which records ship, and hold in no setting there, those
    measured on most of them; of these the one whose effect is, where it is least, the largest in
    units of what matters.
    The table's own largest effect where no claim fails.
    """
    return surprising(judged)


def standing(judged: Table) -> Standing:
    """What of each of the five sources stands, a paragraph each, by a table of all claims."""
    return Standing(judged)


def changes(judged: Table, since: str = "") -> Changes:
    """What a table of all claims calls otherwise than the release `since` did; the last one's."""
    past = releases()
    version = since or list(past)[-1]
    if version not in past:
        raise ClaimError(unknown("release", version, past))
    return Changes.of(judged, past[version])


def errors(judged: Table, scale: str | None = None) -> Ledger:
    """How many verdicts of a table chance may have made, by the experiment `error-rates`."""
    return expect(judged, _run("error-rates", scale))


def advise(rows: Iterable[Advice], scale: str | None = None) -> DecisionTable:
    """The decision table of `rows`: each takes its advice from the verdict on its claim."""
    rows = list(rows)
    return DecisionTable.of(rows, table(scale=scale, ids={row.claim for row in rows}).judgements)


def bearing(scale: str | None = None) -> Bearing:
    """What the claims of all chapters say for and against the answer of the book, in a table."""
    known = [each for each in BEARING if _has(get(each.claim).experiment, scale)]
    return Bearing.of(known, table(scale=scale, ids={each.claim for each in known}))


def say(
    claim_id: str,
    record: xr.Dataset | None = None,
    scale: str | None = None,
    *,
    stratum: str | None = None,
    otherwise: str | None = None,
    elsewhere: bool = False,
    **words: str,
) -> Sentence:
    """The sentence that the verdict on a claim, or on one stratum of it, calls for.

    `words` has a sentence for each verdict that the claim can get, by name; `otherwise` stands for
    those that are not there. In a sentence {effect} is the effect in words, {n} the seeds,
    {verdict} the verdict, {at} the stratum it hangs by, and {holds}, {fails}, {open} list strata.
    With `elsewhere` a sentence follows on the data where the claim came out otherwise, if any.

        claims.say("shift-6", inside, supported="The noisy network is ahead, by {effect}.",
                   reversed="It falls behind.", otherwise="Neither is ahead by what matters.")

    A cell shows it as a paragraph, `glue` pastes it into one. A verdict without words is a
    `ClaimError` even where it is not the one found: no page can contradict its record at another
    scale or on other data.
    """
    return chosen(judge(claim_id, record, scale), words, otherwise, stratum, elsewhere)


def glue(which: str | Iterable[str], scale: str | None = None) -> None:
    """Make the numbers of a chapter's claims, or of the claims named, available to its prose.

    For claim shift-1: `shift-1` is "0.21 [0.17, 0.25]", `shift-1-words` "21 points, 17 to 25",
    and shift-1-estimate, -low, -high, -n and -verdict are its parts, to be pasted by the role
    glue:text, numbers with a format such as shift-1-estimate:.2f. A name that is no chapter is
    taken for the id of a claim.

    Where myst-nb, which builds the book, is not installed, they are printed.
    """
    names = chapter_names()
    if which in names:
        judged = table(chapter=str(which), scale=scale)
    elif isinstance(which, str) and which not in ledger():
        raise ClaimError(unknown("chapter or claim", which, [*names, *ledger()]))
    else:
        judged = table(ids=[which] if isinstance(which, str) else which, scale=scale)
    for each in judged.judgements:
        name, effect = each.claim.id, each.effect
        pasting.glue(name, Bare(effect))
        pasting.glue(f"{name}-words", Bare(each.effect_text))
        pasting.glue(f"{name}-estimate", effect.estimate)
        pasting.glue(f"{name}-low", effect.low)
        pasting.glue(f"{name}-high", effect.high)
        pasting.glue(f"{name}-n", effect.n)
        pasting.glue(f"{name}-verdict", Bare(each.verdict))


def _chapters() -> list[chapters.Chapter[Claim]]:
    return chapters.read(sys.modules[__name__], "CLAIMS", Claim)


def anywhere(record: xr.Dataset) -> dict[str, xr.Dataset]:
    """A record, and every other that ships of its experiment, by what pages call their data."""
    about = record.attrs
    found = {called(about["scale"], about["data"]): record}
    if about["scale"] != "smoke":
        for scale, records in _shipped(about["experiment"], about["key"]).items():
            found.update({called(scale, data): each for data, each in records.items() if data})
    return found


def _has(experiment: str, scale: str | None, asked: bool = False) -> bool:
    """Whether an experiment can be judged at a scale, None being that of `$BNBOOK_SCALE`.

    All have smoke and book. Larger ones take hours: of these it is what has a record at hand, or
    whatever has the scale if it was `asked` for by name.
    """
    scale = scale or environment.scale()
    if scale in ("smoke", "book"):
        return True
    from bnbook import experiments

    if scale not in experiments.SCALES:
        return True  # whoever runs it says that there is none
    has = scale in experiments.get(experiment).scales
    return has and (asked or experiments.at_hand(experiment, scale))


def _elsewhere(judgement: Judgement, key: str) -> tuple[Judgement, ...]:
    """The claim on every other scale and data set of which a record ships; none at smoke scale.

    `key` is that of the record which it was judged on.
    """
    if judgement.scale == "smoke":
        return ()
    here = judgement.scale, judgement.data
    return tuple(
        weigh(judgement.claim, record, scale)
        for scale, records in _shipped(judgement.claim.experiment, key).items()
        for data, record in records.items()
        if (scale, data) != here and data
    )


@cache
def _shipped(experiment: str, besides: str) -> dict[str, dict[str, xr.Dataset]]:
    from bnbook import experiments
    from bnbook.study.published import all_shipped

    known = experiment in experiments.names()
    return all_shipped(experiments.get(experiment), besides) if known else {}


def _run(experiment: str, scale: str | None, data: str | None = None) -> xr.Dataset:
    """Imported late: training needs torch, a ledger does not."""
    from bnbook import experiments

    record: xr.Dataset = experiments.shown(experiment, scale, data)
    return record
