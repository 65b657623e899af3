"""How cost grows as the work does: members, steps, seeds, groups, stored records.

Each quantity is given in seconds of one unit of it, so that cost that grows as the work does is
level, and what is paid once shows where there is little to do.
"""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import xarray as xr

from bench.timing import Ratios, Times, interleaved, one_thread, ratio
from bnbook import data, probes
from bnbook.experiments import Experiment, Measurement
from bnbook.nets import MLP
from bnbook.store import Store
from bnbook.study import runner
from bnbook.train import SGD, Arm, Member, Plan, Population
from bnbook.train.loop import train

WIDTHS = (100, 100, 100)
SIZES = {
    "members": (1, 2, 4, 8, 16, 32, 64),
    "members, batches of 4": (1, 2, 4, 8, 16, 32, 64),
    "steps": (10, 100, 1000),
    "seeds": (1, 10, 100, 1000),
    "groups": (1, 10, 100, 1000),
    "groups over Dask": (1, 10, 100, 1000),
    "stored records": (10, 100, 1000, 10_000),
}
UNITS = {
    "members": "network and step",
    "members, batches of 4": "network and step",
    "steps": "step of eight networks",
    "seeds": "seed of a measurement of nothing",
    "groups": "group with nothing to do",
    "groups over Dask": "group with nothing to do",
    "stored records": "look for one of them",
}


@dataclass(frozen=True)
class Nothing:
    """Settings of a measurement that takes no time; `turn` makes it another one."""

    turn: int = 0


def nothing(settings: Nothing, seed: int) -> xr.Dataset:
    """Two arms of one seed."""
    return xr.Dataset({"effect": ("arm", [1.0 * seed, 0.0])}, coords={"arm": ["a", "b"]})


def absent() -> dict[str, str]:
    """What is left out here, and why."""
    missing = importlib.util.find_spec("distributed") is None
    return {"groups over Dask": "distributed is not installed"} if missing else {}


def named(quantity: str, size: int) -> str:
    """What a time is called."""
    return f"{quantity}: {size:,}, a {UNITS[quantity]}"


def curves() -> dict[str, list[tuple[int, str]]]:
    """The sizes of every quantity, and what their times are called."""
    return {
        quantity: [(size, named(quantity, size)) for size in sizes]
        for quantity, sizes in SIZES.items()
        if quantity not in absent()
    }


def stepping(members: int, batch: int) -> Callable[[], object]:
    """A step of so many networks."""
    who = [Member("batch", seed, 0.1) for seed in range(members)]
    spec = MLP(WIDTHS, "sigmoid", "batch")
    return Population(spec, SGD(), batch, who, data.load("mnist-5k")).step


def training(steps: int) -> Callable[[], object]:
    """A group of eight networks from start to record, which is looked at once."""
    arm = Arm({"norm": "batch"}, MLP(WIDTHS, "sigmoid", "batch"), 0.1, 60)
    look = probes.get("gradient_norm")()
    (group,) = Plan("mnist-5k", (arm,), tuple(range(8)), steps, (look,), (steps,)).tasks()
    return lambda: train(group)


def measuring(seeds: int, groups: int, client: Any = None) -> Callable[[], object]:
    """A measurement of nothing, from its plan to its record on disk."""
    plan = Measurement(
        ({"norm": "a"}, {"norm": "b"}),
        tuple(range(seeds)),
        nothing,
        Nothing(),
        seeds_per_task=seeds // groups,
    )
    turns = iter(range(10**9))

    def measure() -> None:
        turn = replace(plan, settings=Nothing(next(turns)))
        experiment = Experiment("nothing", "What does it cost to do nothing?", lambda scale: turn)
        with tempfile.TemporaryDirectory() as folder:
            runner.run(
                experiment,
                "smoke",
                store=Store(Path(folder)),
                executor=client.get_executor() if client else None,
                progress=False,
            )

    return measure


def looking(folder: Path, count: int) -> Callable[[], object]:
    """A look for one record in a store of so many."""
    store, record = Store(folder), nothing(Nothing(), 0)
    store.save(record, "nothing", "0" * 16)
    (first,) = folder.glob("*.nc")
    for i in range(1, count):
        shutil.copy(first, folder / first.name.replace("0" * 16, f"{i:016x}"))
    return lambda: store.load("0" * 16)


@contextmanager
def cluster() -> Iterator[Any]:
    """A client of two workers on this machine."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as here,
        Client(here) as client,
    ):
        yield client


@one_thread()
def compare(repeats: int = 3) -> dict[str, Times]:
    """Seconds of one unit of every quantity at every size, from one interleaved run."""
    missing = absent()
    with ExitStack() as stack:
        client = None if missing else stack.enter_context(cluster())
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        makers: dict[str, Callable[[int], Callable[[], object]]] = {
            "members": lambda size: stepping(size, 60),
            "members, batches of 4": lambda size: stepping(size, 4),
            "steps": training,
            "seeds": lambda size: measuring(size, 1),
            "groups": lambda size: measuring(size, size),
            "groups over Dask": lambda size: measuring(size, size, client),
            "stored records": lambda size: looking(root / str(size), size),
        }
        subjects, units = {}, {}
        for quantity, pairs in curves().items():
            for size, name in pairs:
                subjects[name] = makers[quantity](size)
                units[name] = 1 if quantity == "stored records" else size
        times = interleaved(subjects, repeats)
    return {name: seen.per(units[name]) for name, seen in times.items()}


def ratios(times: dict[str, Times]) -> Ratios:
    """A unit where there are most of them over one where there are a tenth, or an eighth."""
    found = {}
    for quantity, pairs in curves().items():
        (most, last), below = pairs[-1], pairs[:-1]
        less, name = next((size, name) for size, name in below if size * 10 >= most)
        found[f"{quantity}, {most:,} / {less:,}"] = ratio(times[last], times[name])
    return found
