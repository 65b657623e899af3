"""What several effects say together, and what chance does to many verdicts at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
from jaxtyping import Float64

from bnbook.stats.effects import StatsError
from bnbook.stats.verdicts import ALPHA, Decision, Verdict, decide
from bnbook.text import unknown

Quantifier = Literal["all", "any", "best", "average", "by"]
"""Of which strata a claim speaks.

all      of every stratum
any      of at least one
best     of a subject against every rival: the strata are the rivals
average  of their mean, for strata of one kind and unit
by       of the dependence itself: that the effect differs between strata
"""

FDR = 0.05
"""The expected share of false verdicts among those that Benjamini–Hochberg lets stand."""

HOLDS: frozenset[Verdict] = frozenset({"supported", "proved"})
FAILS: frozenset[Verdict] = frozenset({"reversed", "negligible", "disproved"})


def combine(
    quantifier: Quantifier, strata: Mapping[str, Decision], corrected: bool = True
) -> Verdict:
    """The verdict on a claim that speaks of *all*, *any* or the *best*, from those of its strata.

    all, best  holds if every stratum holds, which needs no correction: chance would have to err in
               each. It fails as stated if one stratum fails, by evidence that stands Holm's
               correction for having looked at so many.
    any        holds if one stratum holds by such evidence, and fails if every one fails.

    A claim that fails is reversed if a stratum that fails is, else negligible (an identity:
    disproved). Without `corrected` every stratum's verdict is taken as it is. *average* and *by*
    are not read off verdicts: see `decide` of the mean, and `depends`.
    """
    if quantifier not in ("all", "any", "best"):
        raise StatsError(unknown("quantifier to combine by", quantifier, ("all", "any", "best")))
    if not strata:
        raise StatsError("combine needs the verdict of at least one stratum; it was given none")
    sought = HOLDS if quantifier == "any" else FAILS
    decisive = _standing(strata, sought) if corrected else list(strata.values())
    found = {each.verdict for each in decisive} & sought
    every = {each.verdict for each in strata.values()}
    if quantifier == "any":
        if found:
            return _worded(found)
        return _worded(every) if every <= FAILS else "inconclusive"
    if every <= HOLDS:
        return _worded(every)
    return _worded(found) if found else "inconclusive"


def _standing(strata: Mapping[str, Decision], sought: frozenset[Verdict]) -> list[Decision]:
    """Strata whose verdict is among those `sought` and stands Holm's correction over all."""
    best = {name: _least(each, sought) for name, each in strata.items()}
    tested = [name for name in strata if strata[name].evidence]
    adjusted = dict(zip(tested, holm([best[name] for name in tested]), strict=True))
    return [
        each
        for name, each in strata.items()
        if each.verdict in sought and adjusted.get(name, 0.0) <= 2 * ALPHA
    ]


def _least(decision: Decision, sought: frozenset[Verdict]) -> float:
    """Two-sided p-value of the best evidence for a verdict among those `sought`."""
    found = [p for verdict, p in decision.evidence.items() if verdict in sought]
    return min(1.0, 2 * min(found, default=1.0))


def _worded(found: set[Verdict]) -> Verdict:
    """The one word for verdicts that agree on whether the claim holds."""
    order: tuple[Verdict, ...] = ("disproved", "reversed", "negligible", "supported", "proved")
    return next(each for each in order if each in found)


def contrasts(
    strata: Mapping[str, Float64[np.ndarray, " n"]], matters: float
) -> dict[tuple[str, str], Decision]:
    """Each pair of strata, values (n,) by seed: the verdict on their difference within a seed.

    "reversed" in the sense of a claim that they are alike: the difference matters.
    """
    return {
        (a, b): decide(strata[a] - strata[b], matters, "equivalent")
        for a, b in combinations(strata, 2)
    }


def depends(found: Mapping[tuple[str, str], Decision], corrected: bool = True) -> Verdict:
    """The verdict on a claim that an effect depends on a factor, from the `contrasts` of strata.

    "depends" if a difference within seeds excludes ±δ, by evidence that stands Holm's correction
    over all pairs; "negligible" if every difference lies within ±δ; else inconclusive.
    """
    if not found:
        raise StatsError("depends needs two strata or more; it was given less")
    named = {f"{a} against {b}": each for (a, b), each in found.items()}
    apart = frozenset[Verdict]({"reversed"})
    standing = _standing(named, apart) if corrected else list(named.values())
    if any(each.verdict == "reversed" for each in standing):
        return "depends"
    alike = all(each.verdict == "supported" for each in named.values())
    return "negligible" if alike else "inconclusive"


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values adjusted for having looked at all of them: each is at most so often due to chance.

    The k-th smallest of m is multiplied by m − k + 1, and none is less than a smaller one's.
    Source: holm1979simple.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)).clip(max=1.0)
    adjusted = np.empty_like(p)
    adjusted[order] = stepped
    return [float(each) for each in adjusted]


def false_discoveries(p_values: Sequence[float], q: float = FDR) -> list[bool]:
    """Which of many p-values stand if at most a share `q` of those that stand may be by chance.

    The k smallest of m for the largest k with p_(k) ≤ k·q/m. Source: benjamini1995controlling.

    >>> false_discoveries([0.01, 0.5, 0.03], q=0.05)
    [True, False, True]
    """
    p = np.asarray(p_values, dtype=float)
    if p.size == 0:
        return []
    ordered = np.sort(p)
    under = np.flatnonzero(ordered <= q * np.arange(1, p.size + 1) / p.size)
    cut = ordered[under[-1]] if under.size else -1.0
    return [bool(each) for each in p <= cut]
