"""How many verdicts of a ledger chance may have made: what it rests on, by the error rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bnbook.claims._table import Table
from bnbook.stats import FDR, Decision, false_discoveries
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
    decisions = list(
        chain.from_iterable(
            [d for d in each.rests_on.values() if _measured(d)] for each in table.judgements
        )
    )
    n = np.array([each.effect.n for each in decisions], dtype=np.int64)
    spread = np.array([_spread(each) for each in decisions])
    effect = np.array([each.effect.estimate / each.bound for each in decisions])
    said = np.array([each.verdict for each in decisions], dtype=object)
    wrong, again = _repeated(effect, spread, n, said)
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


def _repeated(
    effect: Cells, spread: Cells, n: NDArray[np.int64], said: NDArray[np.object_], times: int = 1000
) -> tuple[Cells, Cells]:
    """How often repetitions whose true effects are `effect` decide falsely, and as it was `said`.

    Of a claim that is positive: its effect over δ, and the spread of normal values.
    """
    rng = np.random.default_rng(0)
    wrong, again = np.zeros(len(n)), np.zeros(len(n))
    for k, (truth, width, seeds, verdict) in enumerate(zip(effect, spread, n, said, strict=True)):
        values = truth + width * rng.normal(size=(times, seeds))
        half = t_quantile(LEVEL, int(seeds)) * values.std(-1, ddof=1) / math.sqrt(seeds)
        low, high = values.mean(-1) - half, values.mean(-1) + half
        found = {"supported": low > 1, "negligible": (low > -1) & (high < 1)}
        found["reversed"] = (high < 0) & ~found["negligible"]
        true = "supported" if truth > 1 else "reversed" if truth < -1 else "negligible"
        allowed = {true} | ({"reversed"} if truth < 0 else set())
        wrong[k] = sum(each.mean() for name, each in found.items() if name not in allowed)
        open_ = 1 - sum(each.mean() for each in found.values())
        again[k] = found[verdict].mean() if verdict in found else open_
    return wrong, again
