"""How many verdicts of a ledger chance may have made: what it rests on, by the error rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bnbook.claims._claim import Claim
from bnbook.claims._table import Table
from bnbook.stats import FDR, Decision, Kind, false_discoveries
from bnbook.stats.intervals import LEVEL, t_quantile
from bnbook.stats.verdicts import MIN_SEEDS

FALSE_AT = {0.0: ("supported", "reversed"), 1.0: ("supported", "negligible", "reversed")}
"""Verdicts that are false where the true effect, in smallest ones that matter, is 0 or 1."""

Cells = NDArray[np.float64]


@dataclass(frozen=True)
class Ledger:
    """What chance may do to a ledger.

    n, spread         seeds of each decision, and their standard deviation ÷ δ
    skewed            how many decisions rest on skewed values
    decided           decisions that are not inconclusive
    worst             the expected number of false ones if every true effect lay where errors are
                      most frequent: at nothing, or at just what matters
    expected          the same if the true effects are those that were measured
    repeated          the share of decisions that exact repetitions would make again
    standing          decisions that Benjamini–Hochberg lets stand
    """

    n: NDArray[np.int64]
    spread: Cells
    skewed: int
    decided: int
    worst: float
    expected: float
    repeated: float
    standing: int

    @property
    def false_discoveries(self) -> float:
        """How many of the decisions that stand are expected to be false, at most."""
        return FDR * self.standing


def expect(table: Table, rates: xr.Dataset) -> Ledger:
    """What the error rates of the experiment `error-rates` make of a table of verdicts."""
    found = [
        (_kind(each.claim), decision)
        for each in table.judgements
        for decision in each.rests_on.values()
        if _measured(decision)
    ]
    decisions = [decision for _, decision in found]
    n = np.array([each.effect.n for each in decisions], dtype=np.int64)
    spread = np.array([_spread(each) for each in decisions])
    effect = np.array([each.effect.estimate / each.bound for each in decisions])
    said = np.array([each.verdict for each in decisions], dtype=object)
    wrong, again = _repeated([kind for kind, _ in found], effect, spread, n, said)
    return Ledger(
        n,
        spread,
        sum(each.effect.beside is not None for each in decisions),
        int((said != "inconclusive").sum()),
        float(_worst(rates, n, spread).sum()),
        float(wrong.sum()),
        float(again.mean()) if len(decisions) else math.nan,
        sum(false_discoveries([each.p for each in decisions])),
    )


def _measured(decision: Decision) -> bool:
    """Whether a decision has a mean, a spread and a bound, as the simulated ones have."""
    effect = decision.effect
    return bool(
        decision.evidence
        and decision.bound > 0
        and effect.n >= MIN_SEEDS
        and math.isfinite(effect.high - effect.low)
    )


def _spread(decision: Decision) -> float:
    """Standard deviation over seeds, from the width of the interval, ÷ δ."""
    effect = decision.effect
    deviation = effect.half_width * math.sqrt(effect.n) / t_quantile(LEVEL, effect.n)
    return deviation / decision.bound


def _worst(rates: xr.Dataset, n: NDArray[np.int64], spread: Cells) -> Cells:
    """The error rate of each decision where it is highest, for normal values."""
    rate = rates.rate.sel(shape="normal", drop=True).mean("seed")
    at = {
        "n": xr.DataArray(n, dims="decision"),
        "spread": xr.DataArray(
            spread.clip(float(rate.spread.min()), float(rate.spread.max())), dims="decision"
        ),
    }
    wrong = [
        rate.sel(truth=truth, verdict=list(verdicts)).sum("verdict")
        for truth, verdicts in FALSE_AT.items()
    ]
    highest = xr.concat(wrong, "truth").max("truth")
    return np.asarray(highest.sel(at, method="nearest").values)


def _kind(claim: Claim) -> Kind:
    """What the decisions behind a claim say: contrasts, that two strata are alike."""
    return "equivalent" if claim.quantifier == "by" else claim.kind


def _repeated(
    kinds: Sequence[Kind],
    effect: Cells,
    spread: Cells,
    n: NDArray[np.int64],
    said: NDArray[np.object_],
    times: int = 1000,
) -> tuple[Cells, Cells]:
    """How often repetitions whose true effects are `effect` decide falsely, and as it was `said`.

    Effects count smallest ones that matter; the seeds of a repetition are normal.
    """
    rng = np.random.default_rng(0)
    wrong, again = np.zeros(len(n)), np.zeros(len(n))
    for k, (kind, truth, width, seeds) in enumerate(zip(kinds, effect, spread, n, strict=True)):
        values = truth + width * rng.normal(size=(times, seeds))
        half = t_quantile(LEVEL, int(seeds)) * values.std(-1, ddof=1) / math.sqrt(seeds)
        low, high = values.mean(-1) - half, values.mean(-1) + half
        shares = {name: float(each.mean()) for name, each in _decided(kind, low, high).items()}
        true = {name for name, each in _decided(kind, truth, truth).items() if each}
        if kind == "greater" and truth < 0:
            true.add("reversed")  # of small effects too
        wrong[k] = sum(share for name, share in shares.items() if name not in true)
        again[k] = shares.get(str(said[k]), 1 - sum(shares.values()))
    return wrong, again


def _decided(kind: Kind, low: Cells | float, high: Cells | float) -> dict[str, Any]:
    """Which intervals get which verdict, where what matters is 1; an open one gets none."""
    low, high = np.asarray(low), np.asarray(high)
    inside = (low > -1) & (high < 1)
    if kind == "equivalent":
        return {"supported": inside, "reversed": (low > 1) | (high < -1)}
    if kind == "at-least":
        return {"supported": low > -1, "reversed": high < -1}
    return {"supported": low > 1, "negligible": inside, "reversed": (high < 0) & ~inside}
