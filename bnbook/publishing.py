"""Records that ship: publish them, check them, and measure everything anew.

python -m bnbook.publishing publish     # what is stored here becomes what ships
python -m bnbook.publishing check       # a cheap part of each is trained anew, compared
python -m bnbook.publishing remeasure   # everything is trained anew, verdicts are compared
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed

import xarray as xr
from loky import get_reusable_executor

import bnbook
from bnbook import claims, environment, experiments
from bnbook.record import provenance
from bnbook.store import Store, write_atomically
from bnbook.study import machine, published
from bnbook.study.base import USUAL, Experiment, Plan
from bnbook.study.machine import end_with, processes
from bnbook.study.published import TOLERANCE, Check
from bnbook.study.replacing import on_data, title, with_data
from bnbook.study.runner import Origin

CLOTHES = "fashion-5k"
JPEG = "folder:cifar10-jpeg"
"""CIFAR-10 as a folder of JPEG files, for the lab of who has it so."""
PUBLISHED = (("book", USUAL), ("book", CLOTHES))
"""Scales and data sets of which every experiment's record ships."""
REPORT = "report.json"
"""Where, beside the records of `remeasure`, it is kept what everything took and how it agreed."""


def publish() -> list[str]:
    """Publish every record of `PUBLISHED` that the store of this machine holds; say what lacks.

    A record of another scale, which takes hours, is published where the store has it. What ships
    already under the same key stays as it is, so that nothing is committed twice.
    """
    store, about, lines = Store(environment.records()), _about(), []
    for experiment, scale, data, plan in _plans():
        begins = title(experiment.name, plan, scale)
        if not any(store.root.glob(f"{begins}--*.nc")) and (scale, data) not in PUBLISHED:
            continue  # not even its data need be here
        key = Origin.of(experiment, plan).key(plan)
        record = store.load(key)
        if any(environment.published().glob(f"{begins}--{key}--*.nc")):
            lines.append(f"as it was: {begins}")
        elif record is not None:
            lines.append(published.publish(record, experiment.name, plan, about).name)
        elif (scale, data) in PUBLISHED:
            lines.append(f"missing: bnbook run {experiment.name} --scale {scale} --data {data}")
    return lines


def check(say: Callable[[str], object] = print) -> list[Check]:
    """Train the cheapest part of every published record that this code would use, and compare.

    Where even that is long, one seed of it.
    A record whose part was found to agree on this machine before is not checked again.
    What disagrees is trained in full into the store of this machine, which comes before what is
    published, and said aloud. The report lies beside the records, for the page on the build.
    """
    scale = environment.scale()
    before = {each.key: each for each in published.last_check() if each.agrees}
    pending = []
    for name in experiments.names():
        experiment = experiments.get(name)
        plan = experiment.plan(scale)
        record = Store(environment.published()).load(Origin.of(experiment, plan).key(plan))
        if record is not None:
            pending.append((experiment, plan, record))
    checks = [before[key] for *_, record in pending if (key := record.attrs["key"]) in before]
    for found in checks:
        say(_line(found))
    for found in _checked([each for each in pending if each[2].attrs["key"] not in before]):
        say(_line(found))
        checks.append(found)
        published.keep(checks)
        if not found.agrees:
            experiments.run(found.experiment, scale, store=Store(environment.records()))
    published.keep(checks)
    say(f"{sum(c.agrees for c in checks)} of {len(checks)} parts agree with what was published")
    return checks


def _checked(pending: Sequence[tuple[Experiment, Plan, xr.Dataset]]) -> Iterator[Check]:
    """The checks of published records as they are done, on all cores, those that last first."""
    longest_first = sorted(pending, key=lambda each: -published.cheapest(each[2])[1])
    if len(pending) < 2 or processes() < 2:
        for each in longest_first:
            yield published.check(*each)
        return
    executor = get_reusable_executor(
        max_workers=processes(), timeout=20, initializer=end_with, initargs=(os.getpid(),)
    )
    for done in as_completed([executor.submit(published.check, *each) for each in longest_first]):
        yield done.result()


def _line(found: Check) -> str:
    far = _far(found.deviation, found.variable)
    if found.agrees:
        return f"{found.experiment}: {found.part}: {far}"
    return (
        f"WARNING: {found.experiment}: {found.part}: {far}, "
        f"more than {TOLERANCE}: it is trained in full here"
    )


def _far(deviation: float, variable: str) -> str:
    """How far something is from what was published, in words."""
    if deviation == 0:
        return "bit for bit as published"
    return f"{deviation:.2g} of the spread over seeds from what was published ({variable})"


def remeasure(say: Callable[[str], object] = print) -> list[tuple[str, str, str]]:
    """Train everything anew, apart from all that is stored; claims whose verdict is another.

    Each is (claim, published verdict, verdict here). Claims are weighed one by one, here and there.
    At the end it says what each experiment took, the longest first. The report lies beside the
    records, as `REPORT`.
    """
    scale, folder = environment.scale(), environment.records().parent / "remeasured"
    differ: list[tuple[str, str, str]] = []
    compared, took = 0, {}
    for name in experiments.names(scale):
        experiment = experiments.get(name)
        before = published.shipped(experiment, scale)
        record = experiments.run(name, scale, store=Store(folder))
        took[name] = {"core_s": record.attrs["compute_time_s"], "s": record.attrs["wall_time_s"]}
        if before is None:
            continue
        if not before.attrs["outdated"]:
            variable, far = published.furthest(record, before)
            took[name] |= {"variable": variable, "deviation": far}
            say(f"{name}: {_far(far, variable)}")
        for claim_id in (c for c, claim in claims.ledger().items() if claim.experiment == name):
            here, there = claims.judge(claim_id, record), claims.judge(claim_id, before)
            compared += 1
            if here.verdict != there.verdict:
                differ.append((claim_id, there.verdict, here.verdict))
                say(
                    f"{claim_id}: published {there.verdict}, {there.effect}; "
                    f"here {here.verdict}, {here.effect}"
                )
    say(f"{compared - len(differ)} of {compared} verdicts are those published")
    for name in sorted(took, key=lambda name: -took[name]["core_s"]):
        say(f"{took[name]['core_s']:7.0f} core-seconds  {name}")
    say(f"{sum(each['core_s'] for each in took.values()):7.0f} core-seconds in all")
    report = {
        "version": bnbook.__version__,
        "scale": scale,
        **_about(),
        **provenance(),
        "verdicts": compared,
        "differ": differ,
        "experiments": took,
    }
    write_atomically(folder / REPORT, json.dumps(report, indent=1).encode())
    return differ


def _plans() -> Iterator[tuple[Experiment, str, str, Plan]]:
    """Every plan of which a record may ship, each once."""
    for name in experiments.names():
        experiment = experiments.get(name)
        for scale in experiment.scales:
            if scale == "smoke":
                continue
            plan = experiment.plan(scale)
            yield experiment, scale, USUAL, plan
            if plan.data == USUAL:
                yield experiment, scale, CLOTHES, on_data(plan, CLOTHES)
            if scale == "lab":
                yield experiment, scale, JPEG, with_data(plan, JPEG)


def _about() -> dict[str, str]:
    """What a published record says of where it was measured, besides its versions."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False
    )
    return {
        "commit": commit.stdout.strip() or "unknown",
        "machine": machine.name(),
    }


def main(arguments: list[str]) -> None:
    """Carry out the one command that is named."""
    commands: dict[str, Callable[[], object]] = {
        "publish": lambda: print("\n".join(publish())),
        "check": check,
        "remeasure": remeasure,
    }
    if len(arguments) != 1 or arguments[0] not in commands:
        sys.exit(f"usage: python -m bnbook.publishing {'|'.join(commands)}")
    commands[arguments[0]]()


if __name__ == "__main__":
    main(sys.argv[1:])
