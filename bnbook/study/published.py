"""Records that ship with the package, and whether what is measured here agrees with them."""

from __future__ import annotations

import json
from collections.abc import Hashable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from bnbook import environment
from bnbook.record import describe
from bnbook.store import Store, write_atomically
from bnbook.study.base import Experiment, Plan, Task
from bnbook.study.replacing import title, with_data
from bnbook.study.runner import perform, source_of

TOLERANCE = 1.0
"""Largest root mean square deviation from a published record, in standard deviations over seeds.

On another processor the last bit differs, and training amplifies it; weights, data and their order
are the same. Networks that had nothing in common would differ by √2 of that spread; what agrees is
at half their mean square or nearer.
"""

ROUNDING = 1e-5, 1e-8
"""Share of a value, and what is added to it, that no seed's last bits can vouch for.

What is 0 in exact arithmetic, an identity's error or the gradient of a bias before BN, spreads over
seeds by its rounding alone, which another processor has otherwise.
"""

FAR = 3.0
"""Spreads at which a deviation stops to count for more, or one value that blew up would decide."""

LONG = 5.0
"""Seconds that a part may have taken where it was published to be checked whole, not by one seed.

A seed learns nothing from the others, so it comes out as it did among them: bit for bit where
networks are computed one by one, to rounding where they are stacked.
"""

REPORT = "spot-check.json"
"""Where, beside the records, it is kept what the last check found."""

CLOCKS = ("s", "ms", "µs", "ns")
"""Units of what measures the machine, which no other one has to agree with."""


def shipped(experiment: Experiment, scale: str, data: str | None = None) -> xr.Dataset | None:
    """The published record of an experiment, whatever code computed it; None where there is none.

    `data` is the name of its data set, None that of the plan. Its attribute `outdated` is 1 where
    plan or code have changed since it was measured. Nothing is downloaded for it.
    """
    name = data or experiment.plan(scale).data
    found = all_shipped(experiment).get(scale, {})
    return found.get(name, next(iter(found.values()), None) if data is None else None)


def all_shipped(experiment: Experiment, besides: str = "") -> dict[str, dict[str, xr.Dataset]]:
    """Every published record of an experiment, by scale and the name of its data set.

    The one with the key `besides`, which is at hand already, is not read.
    """
    folder = environment.published()
    found: dict[str, dict[str, xr.Dataset]] = {}
    for path in sorted(folder.glob(f"{experiment.name}--*.nc")):
        head, key, _ = path.stem.rsplit("--", 2)
        record = Store(folder).load(key) if key != besides else None
        if record is None or head.partition("--")[0] != experiment.name:
            continue
        scale, data = record.attrs["scale"], record.attrs["data"]
        plan = with_data(experiment.plan(scale), data)
        made = record.attrs["plan"], record.attrs["source"]
        now = json.dumps(describe(plan), ensure_ascii=False), source_of(experiment, plan)
        record.attrs["outdated"] = int(made != now)
        found.setdefault(scale, {})[data] = record
    return found


def publish(record: xr.Dataset, name: str, plan: Plan, about: dict[str, str]) -> Path:
    """Put a record among those that ship, in the place of what was published of the same plan."""
    folder, begins = environment.published(), title(name, plan, record.attrs["scale"])
    older = [p for p in folder.glob(f"{begins}--*.nc") if p.stem.rsplit("--", 2)[0] == begins]
    kept = record.copy()
    kept.attrs = {**record.attrs, **about}
    path = Store(folder).save(kept, begins, record.attrs["key"])
    for each in older:
        if each != path:
            each.unlink(missing_ok=True)
    return path


@dataclass(frozen=True)
class Check:
    """A part of a published record, or one seed of it, computed anew.

    key         of the record
    deviation   root mean square, in standard deviations over seeds, of the variable that deviates
                most; 0 where every bit agrees
    seconds     that it took here
    """

    key: str
    experiment: str
    data: str
    part: str
    deviation: float
    variable: str
    seconds: float

    @property
    def agrees(self) -> bool:
        """Whether the deviation is within `TOLERANCE`."""
        return self.deviation <= TOLERANCE


def check(experiment: Experiment, plan: Plan, record: xr.Dataset) -> Check:
    """Compute the part of a record anew that took least time, or one seed of it, and compare.

    A seed that disagrees is not the last word: then the whole part is computed.
    """
    for task in cheap_tasks(plan, record):
        part = perform(task, "cpu")
        worst, deviation = furthest(part, record)
        if deviation <= TOLERANCE:
            break
    return Check(
        record.attrs["key"],
        experiment.name,
        plan.data,
        task.label,
        deviation,
        worst,
        part.attrs["seconds"],
    )


def cheap_tasks(plan: Plan, record: xr.Dataset) -> list[Task]:
    """The part of a record that took least time; before it its first seed, if that is `LONG`."""
    number, seconds = cheapest(record)
    tasks = list(plan.tasks())
    if seconds <= LONG:
        return [tasks[number]]
    of_one = list(plan.with_seeds(plan.seeds[:1]).tasks())
    # parts are of arms, then they are as many as before; or of seeds, then another has to do
    alike = len(of_one) == len(tasks)
    one = of_one[number] if alike else min(of_one, key=lambda task: task.work)
    return [one, tasks[number]]


def cheapest(record: xr.Dataset) -> tuple[int, float]:
    """Number and seconds of the part of a record that took least time."""
    seconds = json.loads(record.attrs["part_seconds"])
    return int(np.argmin(seconds)), float(min(seconds))


def furthest(part: xr.Dataset, record: xr.Dataset) -> tuple[str, float]:
    """The variable of a part that deviates most, and how far; see `deviations`."""
    found = deviations(part, record)
    worst = max(found, key=lambda name: found[name], default="")
    return str(worst), found.get(worst, 0.0)


def deviations(part: xr.Dataset, record: xr.Dataset) -> dict[Hashable, float]:
    """Of each variable of a part the root mean square deviation, in the record's spread over seeds.

    The spread is `ROUNDING` at least, and a deviation counts for no more than `FAR` of it. A value
    that is missing or infinite in one and not in the other deviates by one spread. A part that ends
    amid the seeds of an arm is compared where it has members: they have a rate.
    """
    found = {}
    members = part.data_vars.get("learning_rate", xr.DataArray(1.0)).notnull()
    for name, new in part.data_vars.items():
        if new.attrs.get("units") in CLOCKS or new.dtype.kind not in "fiub":
            continue
        old = record[name].astype(float)
        finite = old.where(np.isfinite(old))
        spread = finite.std("seed", ddof=1) if "seed" in old.dims else xr.zeros_like(old)
        chosen = {d: new[d].values for d in new.dims if d in new.coords and d in old.coords}
        was = old.sel(chosen).transpose(*new.dims)
        spread = spread.sel({d: v for d, v in chosen.items() if d != "seed"})
        wide = xr.broadcast(spread, was)[0].transpose(*new.dims)
        there = xr.ones_like(new, bool)
        if set(members.dims) <= set(new.dims):
            there = (there & members).transpose(*new.dims)
        values = new.values.astype(float), was.values, wide.values
        found[name] = _deviation(*(each[there.values] for each in values))
    return found


def _deviation(new: np.ndarray, was: np.ndarray, spread: np.ndarray) -> float:
    same = (new == was) | (np.isnan(new) & np.isnan(was))
    relative = np.where(same, 0.0, 1.0)
    both = ~same & np.isfinite(new) & np.isfinite(was)
    share, least = ROUNDING
    unit = np.fmax(spread, share * np.abs(was) + least)
    relative[both] = np.fmin(np.abs(new[both] - was[both]) / unit[both], FAR)
    return float(np.sqrt(np.mean(relative**2))) if relative.size else 0.0


def keep(checks: list[Check]) -> None:
    """Write down what a check found, beside the records of this machine."""
    environment.records().mkdir(parents=True, exist_ok=True)
    rows = [asdict(each) for each in checks]
    write_atomically(environment.records() / REPORT, json.dumps(rows, indent=1).encode())


def last_check() -> list[Check]:
    """What the last check on this machine found; empty where there was none that can be read."""
    try:
        rows = json.loads((environment.records() / REPORT).read_text("utf-8"))
        return [Check(**row) for row in rows]
    except (OSError, ValueError, TypeError):
        return []
