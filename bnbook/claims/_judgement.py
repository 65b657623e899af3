"""A claim weighed on a record."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bnbook.claims._claim import Claim
from bnbook.claims._page import verdict_box
from bnbook.claims._sources import author_year
from bnbook.claims._units import unit
from bnbook.stats import (
    Decision,
    Interval,
    Verdict,
    combine,
    contrasts,
    decide,
    decide_identity,
    depends,
    number,
)
from bnbook.stats.quantifiers import FAILS, HOLDS


@dataclass(frozen=True, repr=False)
class Judgement:
    """The verdict on one claim, the effect it rests on, and why.

    Of a claim with strata `strata` has the decision on each, and `effect` is that of the stratum
    that the verdict hangs by, named in `at`: of *all* and *best* the weakest, of *any* the
    strongest, of *by* the two that differ most; of *average* it is the mean over strata within
    each seed. `rests_on` are the decisions that the verdict was made from, control strata not
    among them. `uncorrected` is what the verdict would be without Holm's correction for having
    looked at so many. `excluded` counts the seeds without a number, in any stratum. `made` says
    when and where the record was measured, `outdated` that the code has changed since, and
    `elsewhere` has the same claim on other data, where such records ship. In a notebook it shows
    as a box, elsewhere as text.
    """

    claim: Claim
    effect: Interval
    verdict: Verdict
    reason: str
    scale: str
    excluded: int = 0
    strata: Mapping[str, Decision] = field(default_factory=dict)
    rests_on: Mapping[str, Decision] = field(default_factory=dict)
    at: str = ""
    data: str = ""
    uncorrected: Verdict | None = None
    made: str = ""
    outdated: bool = False
    elsewhere: tuple[Judgement, ...] = ()

    @property
    def effect_text(self) -> str:
        """The effect and its interval with their unit: `8.3 times, 8.1 to 8.6`."""
        return unit(self.claim.unit).interval(self.effect)

    @property
    def shown(self) -> float:
        """The effect in the unit in which it is shown: a ratio rather than its logarithm."""
        return unit(self.claim.unit).shown(self.effect.estimate)

    @property
    def sources(self) -> str:
        """Who says so, by author and year."""
        return ", ".join(map(author_year, self.claim.sources))

    @property
    def basis(self) -> str:
        """What the verdict rests on: seeds, those without a number, scale and data."""
        seeds = f"{self.effect.n} seed{'' if self.effect.n == 1 else 's'}"
        lost = f", {self.excluded} more without a number" if self.excluded else ""
        data = f", data {self.data}" if self.data else ""
        return f"{seeds}{lost}, scale {self.scale}{data}"

    @property
    def bound(self) -> str:
        """The claim's smallest effect that matters, or its tolerance, in words."""
        if self.claim.matters is None:
            return f"tolerance {number(self.claim.bound)}"
        return f"smallest effect that matters {unit(self.claim.unit).amount(self.claim.bound)}"

    @property
    def speaks_of(self) -> str:
        """The claim's quantifier in words, nothing for a claim without strata."""
        words = {
            "all": "speaks of every setting",
            "any": "speaks of some setting",
            "best": "speaks of every rival",
            "average": "speaks of the average over settings",
            "by": f"says that it depends on the {self.claim.stratified_by}",
        }
        return words[self.claim.quantifier] if self.claim.quantifier else ""

    @property
    def in_bounds(self) -> float:
        """The effect in units of the smallest that matters; NaN where any effect matters."""
        return self.effect.estimate / self.claim.bound if self.claim.bound else math.nan

    def without(self, fallen: frozenset[str]) -> Verdict:
        """The verdict if the decisions named in `fallen`, among `rests_on`, were none."""
        left = {
            name: each.undecided() if name in fallen else each
            for name, each in self.rests_on.items()
        }
        return _together(self.claim, left)[0]

    def as_dict(self) -> dict[str, Any]:
        """Everything but the statistic, ready for JSON; what could not be measured is None."""
        return {
            "id": self.claim.id,
            "says": self.claim.says,
            "source": list(self.claim.sources),
            "experiment": self.claim.experiment,
            "scale": self.scale,
            "data": self.data,
            "made": self.made,
            "outdated": self.outdated,
            "elsewhere": [
                {"scale": each.scale, "data": each.data, "verdict": each.verdict}
                | _numbers(each.effect)
                for each in self.elsewhere
            ],
            "kind": "identity" if self.claim.matters is None else self.claim.kind,
            "quantifier": self.claim.quantifier,
            "centre": self.claim.centre,
            "unit": self.claim.unit,
            "matters": self.claim.matters,
            "tolerance": self.claim.tolerance,
            **_numbers(self.effect),
            "in_words": self.effect_text,
            "at": self.at,
            "excluded": self.excluded,
            "verdict": self.verdict,
            "uncorrected": self.uncorrected or self.verdict,
            "reason": self.reason,
            "stratified_by": self.claim.stratified_by,
            "strata": [
                {
                    "stratum": name,
                    "control": name in self.claim.controls,
                    **_numbers(each.effect),
                    "p": each.p if each.evidence else None,
                    "verdict": each.verdict,
                }
                for name, each in self.strata.items()
            ],
            "note": self.claim.note,
            "reproduce": self.reproduce,
        }

    @property
    def reproduce(self) -> str:
        """The line that measures this claim on the reader's own machine."""
        return f"bnbook claims --id {self.claim.id} --scale {self.scale}"

    def __str__(self) -> str:
        """The box in plain text."""
        at = f" ({self.at})" if self.at else ""
        lines = [
            f"{self.claim.id}: {self.verdict}. {self.claim.says} ({self.sources})",
            f"  effect{at} {self.effect_text} ({self.basis})",
            f"  {self.bound}; {self.reason}",
        ]
        shown = unit(self.claim.unit)
        for name, each in self.strata.items():
            control = ", control" if name in self.claim.controls else ""
            effect = f"{shown.interval(each.effect)}, n = {each.effect.n}"
            lines.append(f"  {self.claim.stratified_by} {name}: {effect}, {each.verdict}{control}")
        return "\n".join([*lines, f"  {self.claim.note}"] if self.claim.note else lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return verdict_box(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return {"text/html": self._repr_html_(), "text/plain": str(self)}


def weigh(claim: Claim, record: xr.Dataset, scale: str) -> Judgement:
    """The judgement on `claim` from `record`, which was made at `scale`."""
    values = claim.measure(record)
    strata = _by_stratum(claim, values)
    decided = {name: _decide(claim, each) for name, each in strata.items()}
    speaks = {name: each for name, each in strata.items() if name not in claim.controls}
    rests_on = _rests_on(claim, speaks, {name: decided[name] for name in speaks})
    verdict, at, reason = _together(claim, rests_on)
    decision = rests_on[at]
    return Judgement(
        claim,
        decision.effect,
        verdict,
        reason,
        scale,
        _lost(values),
        decided if claim.stratified_by else {},
        rests_on,
        at if claim.quantifier not in (None, "average") else "",
        str(record.attrs.get("data", "")),
        _together(claim, rests_on, corrected=False)[0],
        _made(record),
        bool(record.attrs.get("outdated", 0)),
    )


def _made(record: xr.Dataset) -> str:
    """When a record was measured, and if it ships where and with which version of the code."""
    day = str(record.attrs.get("created", ""))[:10]
    places = [str(record.attrs[name]) for name in ("machine", "commit") if name in record.attrs]
    return ", ".join(filter(None, (day, *places)))


def _by_stratum(claim: Claim, values: xr.DataArray) -> dict[str, NDArray[np.float64]]:
    """The values of each stratum by its label; of a claim without strata one, under ""."""
    dim = claim.stratified_by
    if dim is None:
        return {"": values.values}
    return {str(label): values.isel({dim: i}).values for i, label in enumerate(values[dim].values)}


def _rests_on(
    claim: Claim, strata: Mapping[str, NDArray[np.float64]], decided: Mapping[str, Decision]
) -> Mapping[str, Decision]:
    """The decisions that a verdict is made from: of strata, of their mean, or of contrasts."""
    if claim.quantifier == "average":
        return {"": _decide(claim, np.mean(list(strata.values()), axis=0))}
    if claim.quantifier == "by":
        pairs = contrasts(strata, claim.bound)
        return {f"{a} against {b}": each for (a, b), each in pairs.items()}
    return decided


def _together(
    claim: Claim, rests_on: Mapping[str, Decision], corrected: bool = True
) -> tuple[Verdict, str, str]:
    """The verdict, the name of the decision that it hangs by, and why."""
    if claim.quantifier in (None, "average"):
        (name, only), *_ = rests_on.items()
        return only.verdict, name, only.reason
    if claim.quantifier == "by":
        verdict = depends({(name, ""): each for name, each in rests_on.items()}, corrected)
        most = max(rests_on, key=lambda name: abs(rests_on[name].effect.estimate))
        return verdict, most, _why_by(verdict, len(rests_on))
    verdict = combine(claim.quantifier, rests_on, corrected)
    weakest = sorted(rests_on, key=lambda name: _weakness(claim, rests_on[name]))
    at = weakest[0 if claim.quantifier == "any" else -1]
    return verdict, at, _why(claim, verdict, rests_on)


def _weakness(claim: Claim, decision: Decision) -> tuple[float, float]:
    """The less there is for the claim in a stratum, the larger."""
    effect = decision.effect.estimate
    if claim.matters is None or claim.kind == "equivalent":
        return decision.evidence.get("supported", 0.0), abs(effect)
    return decision.evidence.get("supported", 0.0), -effect


def _why(claim: Claim, verdict: Verdict, strata: Mapping[str, Decision]) -> str:
    """In how many strata the claim holds, fails or is open; they are named where they are few."""
    total, reasons = len(strata), {each.reason for each in strata.values()}
    if total == 1:
        return reasons.pop()
    holds, fails = (
        [name for name, each in strata.items() if each.verdict in kind] for kind in (HOLDS, FAILS)
    )
    if len(holds) == total:
        return f"it holds in each of {total} settings"
    if verdict in HOLDS:
        return f"it holds in {_some(holds, total)}"
    if verdict in FAILS:
        return f"it fails in {_some(fails, total)}, and holds in {len(holds) or 'none'}"
    if len(reasons) == 1:
        return f"{reasons.pop()}, in every setting"
    return f"it holds in {len(holds)} of {total} settings, fails in {len(fails)}, the rest is open"


def _some(names: list[str], total: int) -> str:
    named = f" ({'; '.join(names)})" if len(names) <= 2 < total else ""
    return f"{len(names)} of {total} settings{named}"


def _why_by(verdict: Verdict, pairs: int) -> str:
    words = {
        "depends": "the effects in two settings differ within a seed by more than matters",
        "negligible": f"all {pairs} differences between settings are too small to matter",
    }
    return words.get(verdict, "whether effects differ between settings by what matters is open")


def _decide(claim: Claim, values: NDArray[np.float64]) -> Decision:
    if claim.matters is None:
        return decide_identity(values, claim.bound)
    return decide(values, claim.bound, claim.kind, claim.centre)


def _lost(values: xr.DataArray) -> int:
    """Seeds in which the statistic has no number, in some stratum."""
    found = values.notnull() & (abs(values) != np.inf)
    if "bound" in found.dims:
        found = found.any("bound")
    return int((~found).any([dim for dim in found.dims if dim != "seed"]).sum())


def _numbers(effect: Interval) -> dict[str, float | int | None]:
    limits = {"effect": effect.estimate, "low": effect.low, "high": effect.high}
    return {
        **{name: value if math.isfinite(value) else None for name, value in limits.items()},
        "n": effect.n,
    }
