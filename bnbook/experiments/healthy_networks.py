"""Networks of many kinds with nothing wrong: how often is something found all the same?"""

from __future__ import annotations

from dataclasses import dataclass, field

import xarray as xr

from bnbook.diagnosis import Look, diagnose, looks
from bnbook.factors import names_of
from bnbook.healthy import KINDS, trained
from bnbook.study import Experiment, Measurement


@dataclass(frozen=True)
class Rounds:
    """The kinds of networks that are seen, how long they train, and the signs looked for."""

    kinds: tuple[str, ...]
    steps: int = 120
    signs: tuple[Look, ...] = field(default_factory=looks)


def measure(settings: Rounds, seed: int) -> xr.Dataset:
    """Faults and remarks found in a network of each kind, and its accuracy in use."""
    rows = []
    for kind in settings.kinds:
        visit = trained(kind, seed, settings.steps)
        report = diagnose(visit.model, visit.data)
        rows.append((len(report.findings), len(report.remarks), visit.accuracy()))
    found = {
        name: (("arm",), [float(row[i]) for row in rows], {"units": "1"})
        for i, name in enumerate(("faults", "remarks", "accuracy"))
    }
    arms = names_of([{"network": kind} for kind in settings.kinds])
    return xr.Dataset(found, {"arm": list(arms)})


def plan(scale: str) -> Measurement:
    """All kinds but at smoke scale; the seeds are none on which the thresholds were set."""
    settings, seeds = {
        "smoke": (Rounds(("dense, batch norm", "dense, layer norm"), 60), 2),
        "book": (Rounds(tuple(KINDS)), 8),
        "paper": (Rounds(tuple(KINDS)), 24),
    }[scale]
    arms = tuple({"network": kind} for kind in settings.kinds)
    chosen = tuple(range(100, 100 + seeds))
    return Measurement(arms, chosen, measure, settings, "mnist-5k", seeds_per_task=2)


EXPERIMENT = Experiment(
    name="healthy-networks",
    question="How often does a diagnosis find a fault where there is none?",
    plan=plan,
)
