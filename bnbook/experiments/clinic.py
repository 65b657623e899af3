"""Ten reported failures: is the cause named before the cure, and gone after it?"""

from __future__ import annotations

from dataclasses import dataclass, field

import xarray as xr

from bnbook.cases import BY_NAME, Visit
from bnbook.diagnosis import Look, diagnose, looks
from bnbook.factors import names_of
from bnbook.study import Experiment, Measurement

VISITS = ("before", "after")


@dataclass(frozen=True)
class Rounds:
    """The cases that are seen, and the signs that are looked for."""

    cases: tuple[str, ...]
    signs: tuple[Look, ...] = field(default_factory=looks)


def measure(settings: Rounds, seed: int) -> xr.Dataset:
    """What is seen of each case before and after its cure, by visit.

    accuracy   share of right answers in use: after eval(), on examples not trained on
    named      1 where the sign that the case is known by was found
    others     how many other faults were found
    """
    rows = []
    for name in settings.cases:
        case = BY_NAME[name]
        rows.append([_seen(visit, case.sign) for visit in case.visits(seed)])
    units = {"accuracy": "1", "named": "1", "others": "1"}
    found = {
        key: (("arm", "visit"), [[seen[key] for seen in row] for row in rows], {"units": unit})
        for key, unit in units.items()
    }
    arms = names_of([{"case": name} for name in settings.cases])
    return xr.Dataset(found, {"arm": list(arms), "visit": list(VISITS)})


def _seen(visit: Visit, sign: str) -> dict[str, float]:
    report = diagnose(visit.model, visit.data, **visit.options)
    others = [each for each in report.findings if each.name != sign]
    return {
        "accuracy": visit.accuracy(),
        "named": float(sign in report.names),
        "others": float(len(others)),
    }


def plan(scale: str) -> Measurement:
    """All cases; at smoke scale those that claims name. No threshold was set on these seeds."""
    cases, seeds = {
        "smoke": (tuple(BY_NAME), 2),
        "book": (tuple(BY_NAME), 8),
        "paper": (tuple(BY_NAME), 24),
    }[scale]
    arms = tuple({"case": name} for name in cases)
    chosen = tuple(range(100, 100 + seeds))
    return Measurement(arms, chosen, measure, Rounds(cases), "mnist-5k", seeds_per_task=2)


EXPERIMENT = Experiment(
    name="clinic",
    question="Does a diagnosis name the cause of failures that people report?",
    plan=plan,
)
