"""A claim weighed on a record, and many of them tabled."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bnbook.claims._claim import Claim
from bnbook.stats import (
    Interval,
    Verdict,
    combine,
    decide,
    decide_identity,
    interval,
    number,
)


@dataclass(frozen=True, repr=False)
class Judgement:
    """The verdict on one claim, the effect it rests on, and why.

    `effect` is over the seeds that could be measured; of a stratified claim it is the mean over
    strata within each seed, and `strata` has the effect and verdict of each. `excluded` counts
    the seeds left out because the statistic is NaN or infinite in them, in any stratum: networks
    that diverged. In a notebook it shows as a box, elsewhere as text.
    """

    claim: Claim
    effect: Interval
    verdict: Verdict
    reason: str
    scale: str
    excluded: int = 0
    strata: Mapping[str, tuple[Interval, Verdict]] = field(default_factory=dict)

    @property
    def effect_text(self) -> str:
        """The effect, its interval and unit; where the unit is a log ratio, also the ratio."""
        text = f"{self.effect} {self.claim.unit}".rstrip()
        if not self.claim.unit.startswith("log ratio") or self.effect.n < 2:
            return text
        effect = self.effect
        ratio = Interval(
            math.exp(effect.estimate), math.exp(effect.low), math.exp(effect.high), effect.n
        )
        return f"{text}, that is ×{ratio}"

    @property
    def basis(self) -> str:
        """What the verdict rests on: seeds, those left out, and the scale."""
        seeds = f"{self.effect.n} seed{'' if self.effect.n == 1 else 's'}"
        lost = f", {self.excluded} more left out (diverged)" if self.excluded else ""
        return f"{seeds}{lost}, scale {self.scale}"

    @property
    def bound(self) -> str:
        """The claim's smallest effect that matters, or its tolerance, in words."""
        if self.claim.matters is None:
            return f"tolerance {number(self.claim.tolerance or 0.0)}"
        return (
            f"smallest effect that matters {number(self.claim.matters)} {self.claim.unit}".rstrip()
        )

    def as_dict(self) -> dict[str, Any]:
        """Everything but the statistic, ready for JSON; what could not be measured is None."""
        return {
            "id": self.claim.id,
            "says": self.claim.says,
            "source": list(self.claim.sources),
            "experiment": self.claim.experiment,
            "scale": self.scale,
            "kind": "identity" if self.claim.matters is None else self.claim.kind,
            "unit": self.claim.unit,
            "matters": self.claim.matters,
            "tolerance": self.claim.tolerance,
            **_numbers(self.effect),
            "excluded": self.excluded,
            "verdict": self.verdict,
            "reason": self.reason,
            "stratified_by": self.claim.stratified_by,
            "strata": [
                {"stratum": name, **_numbers(effect), "verdict": verdict}
                for name, (effect, verdict) in self.strata.items()
            ],
            "note": self.claim.note,
        }

    def __str__(self) -> str:
        """The box in plain text."""
        lines = [
            f"{self.claim.id}: {self.verdict}. {self.claim.says} ({', '.join(self.claim.sources)})",
            f"  effect {self.effect_text} ({self.basis})",
            f"  {self.bound}; {self.reason}",
        ]
        for name, (effect, verdict) in self.strata.items():
            lines.append(
                f"  {self.claim.stratified_by} {name}: {effect}, n = {effect.n}, {verdict}"
            )
        return "\n".join([*lines, f"  {self.claim.note}"] if self.claim.note else lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from bnbook.claims._page import verdict_box  # which knows what a judgement is

        return verdict_box(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}


@dataclass(frozen=True, repr=False)
class Table:
    """Judgements by chapter, in the order of the book: the scoreboard.

    `chapters` maps the hyphenated name of a page to its judgements, `titles` to its title,
    `questions` to what it asks.
    """

    chapters: Mapping[str, tuple[Judgement, ...]]
    titles: Mapping[str, str]
    questions: Mapping[str, str] = field(default_factory=dict)

    @property
    def judgements(self) -> tuple[Judgement, ...]:
        """All of them, in order."""
        return tuple(each for chapter in self.chapters.values() for each in chapter)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One dictionary a claim, `Judgement.as_dict` with its "chapter" in front."""
        return [
            {"chapter": chapter, **judgement.as_dict()}
            for chapter, judgements in self.chapters.items()
            for judgement in judgements
        ]

    @property
    def summary(self) -> str:
        """`7 claims: 3 supported, 2 refuted, 2 inconclusive`, most frequent first."""
        total, shares = len(self.judgements), tally(self.judgements)
        return f"{total} claim{'' if total == 1 else 's'}" + (f": {shares}" if shares else "")

    @property
    def brief(self) -> Brief:
        """A line a chapter, for the cover."""
        return Brief(self)

    def __str__(self) -> str:
        """The scoreboard in plain text."""
        lines = [self.summary]
        for chapter, judgements in self.chapters.items():
            lines += ["", self.titles[chapter], *map(str, judgements)]
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from bnbook.claims._page import scoreboard

        return scoreboard(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}


@dataclass(frozen=True, repr=False)
class Brief:
    """The scoreboard in brief: what each chapter asks, how its claims fare, and a mark for each."""

    table: Table

    def __str__(self) -> str:
        """A line a chapter in plain text."""
        lines = [
            f"{self.table.titles[name]}: {tally(judgements)}"
            for name, judgements in self.table.chapters.items()
        ]
        return "\n".join([self.table.summary, *lines])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from bnbook.claims._page import brief

        return brief(self.table)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}


def tally(judgements: Iterable[Judgement]) -> str:
    """`3 supported, 2 refuted`, most frequent first."""
    counts = Counter(each.verdict for each in judgements)
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())


def weigh(claim: Claim, record: xr.Dataset, scale: str) -> Judgement:
    """The judgement on `claim` from `record`, which was made at `scale`."""
    values = claim.measure(record)
    overall = (
        values if claim.stratified_by is None else values.mean(claim.stratified_by, skipna=False)
    )
    lost = ~np.isfinite(values.values).reshape(values.sizes["seed"], -1).all(axis=1)
    effect, excluded = interval(overall.values), int(lost.sum())
    if claim.stratified_by is None:
        _, verdict, reason = _decide(claim, values.values)
        return Judgement(claim, effect, verdict, reason, scale, excluded)
    labels = [str(label) for label in values[claim.stratified_by].values]
    decided = {
        label: _decide(claim, values.isel({claim.stratified_by: i}).values)
        for i, label in enumerate(labels)
    }
    strata = {label: (part, verdict) for label, (part, verdict, _) in decided.items()}
    verdict = combine({label: verdict for label, (_, verdict) in strata.items()})
    reason = _joined({label: (said, why) for label, (_, said, why) in decided.items()})
    return Judgement(claim, effect, verdict, reason, scale, excluded, strata)


def _decide(claim: Claim, values: NDArray[np.float64]) -> tuple[Interval, Verdict, str]:
    effect = interval(values)
    if claim.matters is None:
        return effect, *decide_identity(values, claim.tolerance or 0.0)
    return effect, *decide(effect, claim.matters, claim.kind)


def _joined(decided: Mapping[str, tuple[Verdict, str]]) -> str:
    """`supported for sigmoid, tanh; refuted for relu`; a reason that all strata share, as it is."""
    reasons = {why for _, why in decided.values()}
    if len(reasons) == 1:
        return f"{reasons.pop()}, in every stratum"
    groups: dict[str, list[str]] = {}
    for name, (verdict, why) in decided.items():
        said = f"{verdict} ({why})" if verdict == "inconclusive" else verdict
        groups.setdefault(said, []).append(name)
    return "; ".join(f"{said} for {', '.join(names)}" for said, names in groups.items())


def _numbers(effect: Interval) -> dict[str, float | int | None]:
    limits = {"effect": effect.estimate, "low": effect.low, "high": effect.high}
    return {
        **{name: value if math.isfinite(value) else None for name, value in limits.items()},
        "n": effect.n,
    }
