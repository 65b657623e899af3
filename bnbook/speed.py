"""What speed was measured: the comparisons that `bnbook bench --json` leaves, kept per release.

A file `bench/results/VERSION.json` has the machine, how busy it was, and the seconds of every
repeat of every subject. A file `bench/remeasured/VERSION.json` is the report that `make remeasure`
leaves, and `VERSION-MACHINE.json` one of another machine. They come with a checkout of the
repository.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bnbook import appendix, environment
from bnbook.appendix import Page
from bnbook.study.published import TOLERANCE

Comparison = Mapping[str, Any]
"""One subject of a release: "seconds", "ratios", "curves" and what was "absent", by name."""


class NoResults(ValueError):
    """There are no kept comparisons; the message says how to get some."""


@dataclass(frozen=True)
class Result:
    """The comparisons of one release."""

    machine: Mapping[str, Any]
    load: Mapping[str, float | None]
    subjects: Mapping[str, Comparison]

    @property
    def version(self) -> str:
        """The release that was timed."""
        return str(self.machine["version"])

    @property
    def busy(self) -> bool:
        """Whether something else ran meanwhile: a comparison alone keeps one core at work."""
        seen = [load for load in self.load.values() if load is not None]
        return bool(seen) and max(seen) > 1.5

    def ratios(self, subject: str) -> dict[str, tuple[float, float]]:
        """The ratios of a subject by name: of the least times, and of the medians."""
        found = self.subjects.get(subject, {"ratios": {}})["ratios"]
        return {name: (least, middle) for name, (least, middle) in found.items()}


def results() -> list[Result]:
    """The comparisons of all releases, the oldest first; `NoResults` where there are none."""
    return [Result(**each) for each in _kept("results", "`bnbook bench --json` makes one")]


def _kept(folder: str, how: str) -> list[dict[str, Any]]:
    """What is kept in a folder of bench, the oldest release first."""
    here = environment.checkout()
    paths = list((here / "bench" / folder).glob("*.json")) if here else []
    if not paths:
        raise NoResults(
            "what was timed at each release comes with a checkout of the repository only, in "
            f"bench/{folder}; {how}"
        )
    paths.sort(key=_release)
    return [json.loads(path.read_text(encoding="utf-8")) for path in paths]


def _release(path: Path) -> tuple[list[int], str]:
    """What orders the files: by release, and of one release that of the release's machine first."""
    version, _, machine = path.stem.partition("-")
    return [int(part) for part in version.split(".")], machine


def machines() -> Page:
    """Where each release was timed, and what else ran there."""
    rows = []
    for each in results():
        about, load = each.machine, each.load["after"]
        busy = f"yes: {load:.1f} processes wanted a core" if each.busy and load else "no"
        where = f"{about['processor']}, {about['cpu_capability']}"
        cells = each.version, about["date"], where, about["cores"], about["torch"], busy
        rows.append(map(str, cells))
    return appendix.table(("release", "timed", "on", "cores", "torch", "others ran too"), rows)


def table(subjects: Sequence[str]) -> Page:
    """Ratios of the latest release, least and median, beside the least of earlier ones."""
    *earlier, latest = results()
    names = [*(result.version for result in earlier), latest.version, f"{latest.version}, median"]
    rows = []
    for subject in subjects:
        before = [result.ratios(subject) for result in earlier]
        for name, (least, middle) in latest.ratios(subject).items():
            old = [_number(known[name][0]) if name in known else "" for known in before]
            rows.append([name, *old, _number(least), _number(middle)])
    return appendix.table(("ratio", *names), rows, numbers=len(names))


def left_out() -> Page:
    """What the latest release was not compared with, and why."""
    lines = [
        f"- {name}: {why}"
        for each in results()[-1].subjects.values()
        for name, why in each["absent"].items()
    ]
    return Page("\n".join(lines) or "Nothing was left out.")


def seconds(subject: str, names: Sequence[str] | None = None) -> xr.Dataset:
    """Milliseconds (arm, seed) of what was timed in the latest release; a seed is a repeat."""
    timed = results()[-1].subjects[subject]["seconds"]
    chosen = list(names or timed)
    values = [1e3 * np.array(timed[name]["repeats"]) for name in chosen]
    return _labelled(np.stack(values), ("arm", "seed"), {"arm": chosen}, "time", "ms")


def growth(quantities: Mapping[str, str], along: str) -> xr.Dataset:
    """Milliseconds (arm, `along`, seed) of one unit, over how many units there are.

    `quantities` are those of `bench.growth` with one set of sizes, and what they are called.
    """
    found = results()[-1].subjects["growth"]
    curves = [found["curves"][name] for name in quantities]
    values = [
        [1e3 * np.array(found["seconds"][name]["repeats"]) for _, name in curve] for curve in curves
    ]
    sizes = [size for size, _ in curves[0]]
    labels = {"arm": list(quantities.values()), along: sizes}
    return _labelled(np.array(values), ("arm", along, "seed"), labels, "time", "ms")


def anew(longest: int = 12) -> Page:
    """What `make remeasure` took at the latest release, and how far its records agreed.

    A paragraph for each machine that did it, and a table of the `longest` experiments of the first.
    """
    kept = _kept("remeasured", "`make remeasure` leaves one in _build/remeasured")
    reports = [each for each in kept if each["version"] == kept[-1]["version"]]
    took = {name: each["core_s"] for name, each in reports[0]["experiments"].items()}
    total = sum(took.values())
    names = sorted(took, key=lambda name: -took[name])
    rows = [(name, took[name]) for name in names[:longest]]
    if others := names[longest:]:
        rows.append((f"the other {len(others)}", sum(took[name] for name in others)))
    rows.append(("all", total))
    cells = [(name, f"{of:,.0f}", f"{100 * of / total:.0f} %") for name, of in rows]
    made = appendix.table(("experiment", "core-seconds", "share"), cells, numbers=2)
    words = [_time(reports[0]) + " " + _agreement(reports[0])]
    words += [f"Measured on {each['machine']}, too. {_agreement(each)}" for each in reports[1:]]
    return Page("\n\n".join([*words, made.markdown]))


def _time(report: Mapping[str, Any]) -> str:
    """What a `make remeasure` took, in a sentence."""
    made = report["experiments"].values()
    total, wall = (sum(each[of] for each in made) for of in ("core_s", "s"))
    return (
        f"Measured anew for release {report['version']}, on {report['machine']}, {len(made)} "
        f"experiments took {total / 60:.0f} minutes of one core, and {wall / 60:.0f} minutes in "
        "all."
    )


def _agreement(report: Mapping[str, Any]) -> str:
    """How far the records and verdicts of a `make remeasure` are those published, in sentences."""
    made = report["experiments"]
    far = {name: each["deviation"] for name, each in made.items() if "deviation" in each}
    alike, same = list(far.values()).count(0), report["verdicts"] - len(report["differ"])
    words = [
        f"Of {len(far)} records {alike} came out bit for bit as published, and {same} of "
        f"{report['verdicts']} verdicts are those published."
    ]
    beyond = [f"{name} ({made[name]['variable']})" for name in far if far[name] > TOLERANCE]
    if others := len(far) - alike:
        near = others - len(beyond)
        words.append(f"Of the other {others} the spread over their seeds holds {near}.")
    if beyond:
        words.append(f"Beyond it, in the quantity named, went {', '.join(beyond)}.")
    if report["differ"]:
        named = [f"{claim} ({here}, not {there})" for claim, there, here in report["differ"]]
        words.append(f"Other verdicts there: {', '.join(named)}.")
    return " ".join(words)


def _labelled(
    values: np.ndarray, dims: Sequence[str], labels: Mapping[str, Sequence[Any]], name: str, of: str
) -> xr.Dataset:
    repeats = ("seed", np.arange(values.shape[-1]), {"long_name": "repeat"})
    attrs = {"long_name": name, "units": of}
    return xr.Dataset({"seconds": (dims, values, attrs)}, coords={**labels, "seed": repeats})


def _number(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"
