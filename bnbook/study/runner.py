"""Running an experiment: from the store if it is there, task by task if it is not."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Executor, as_completed
from contextlib import closing
from dataclasses import dataclass, fields, is_dataclass

import torch
import xarray as xr
from tqdm.auto import tqdm

from bnbook import data, environment, norms
from bnbook.factors import labelled, names_of
from bnbook.nets import Spec
from bnbook.progress import Progress
from bnbook.record import assemble, describe, digest, provenance, source_digest
from bnbook.store import Store
from bnbook.study.base import SCALES, Experiment, ExperimentError, Plan, Task
from bnbook.study.machine import processes
from bnbook.text import unknown


def run(
    experiment: Experiment,
    scale: str | None = None,
    *,
    seeds: int | Sequence[int] | None = None,
    device: str = "cpu",
    executor: Executor | None = None,
    progress: bool = True,
    store: Store | None = None,
) -> xr.Dataset:
    """The record of an experiment, see `bnbook.experiments.run`."""
    scale = scale or environment.scale()
    if scale not in SCALES:
        raise ExperimentError(unknown("scale", scale, SCALES))
    store = store or Store.default()
    plan = experiment.plan(scale)
    if seeds is not None:
        plan = plan.with_seeds(range(seeds) if isinstance(seeds, int) else seeds)
    origin = Origin.of(experiment, plan)
    key = origin.key(plan)
    record = store.load(key)
    if record is not None:
        return record
    store.prepare()
    with store.alone(key, _teller(experiment.name, progress)):
        record = store.load(key)
        if record is not None:
            return record
        record = _measured(experiment, plan, origin, store, scale, device, executor, progress)
        store.save(record, f"{experiment.name}--{scale}", key)
    for task in plan.tasks():
        store.drop(origin.key(task))
    return record


def _teller(name: str, progress: bool) -> Callable[[str], object]:
    """What says to standard error why nothing happens; silent for whoever wants no progress."""
    if not progress:
        return lambda text: None
    return lambda text: tqdm.write(f"{name}: {text}", file=sys.stderr)


def _measured(
    experiment: Experiment,
    plan: Plan,
    origin: Origin,
    store: Store,
    scale: str,
    device: str,
    executor: Executor | None,
    progress: bool,
) -> xr.Dataset:
    """The record of a plan, with all that it says of itself."""
    started = time.perf_counter()
    name = experiment.name
    parts = _parts(plan, origin, store, name, scale, device, executor, progress)
    record = labelled(assemble(parts, names_of(plan.factors), plan.seeds), plan.factors)
    record.attrs = {
        "scale": scale,
        "device": device,
        "wall_time_s": time.perf_counter() - started,
        "compute_time_s": sum(part.attrs["seconds"] for part in parts),
        "key": origin.key(plan),
        **origin.attrs(experiment, plan),
        **provenance(),
    }
    return record


@dataclass(frozen=True)
class Origin:
    """What a record depends on besides its plan: the data's and the source's digests."""

    fingerprint: str
    source: str
    classes: tuple[str, ...] = ()

    @classmethod
    def of(cls, experiment: Experiment, plan: Plan) -> Origin:
        """Origin of a plan: its data, and the files that define what it names."""
        modules = {experiment.plan.__module__, *modules_of(plan)}
        if plan.data:
            modules.add("bnbook.data")
        if not plan.data:
            return cls("none", source_digest(modules))
        dataset = data.load(plan.data)
        return cls(dataset.fingerprint, source_digest(modules), tuple(dataset.classes))

    def attrs(self, experiment: Experiment, plan: Plan) -> dict[str, str]:
        """What a record says of the experiment it is of."""
        return {
            "experiment": experiment.name,
            "question": experiment.question,
            "plan": json.dumps(describe(plan), ensure_ascii=False),
            "data": plan.data,
            "classes": json.dumps(self.classes, ensure_ascii=False),
            "fingerprint": self.fingerprint,
            "source": self.source,
        }

    def key(self, thing: Plan | Task) -> str:
        """Key of a plan's record or of a task's part."""
        return digest(describe(thing), self.fingerprint, self.source)


def modules_of(thing: object) -> Iterator[str]:
    """Modules that define the dataclasses, functions and normalisers inside a plan."""
    if isinstance(thing, Spec):
        yield from (c.__module__ for c in norms.get(thing.norm).__mro__ if "bnbook" in c.__module__)
    if is_dataclass(thing):
        yield type(thing).__module__
        for entry in fields(thing):
            yield from modules_of(getattr(thing, entry.name))
    elif isinstance(thing, tuple):
        for item in thing:
            yield from modules_of(item)
    elif callable(thing):
        yield thing.__module__


def _parts(
    plan: Plan,
    origin: Origin,
    store: Store,
    name: str,
    scale: str,
    device: str,
    executor: Executor | None,
    progress: bool,
) -> list[xr.Dataset]:
    """The measurements of every task, those already stored first."""
    tasks = list(plan.tasks())
    parts = {i: part for i, t in enumerate(tasks) if (part := store.load(origin.key(t)))}
    pending = [i for i in range(len(tasks)) if i not in parts]
    total = sum(task.work for task in tasks)
    bar = tqdm(total=total, desc=f"{name} · {scale}", unit="step", disable=not progress)
    with bar:
        bar.update(sum(tasks[i].work for i in parts))
        if _alone(pending, scale, device, executor):
            finished = _one_by_one([(i, tasks[i]) for i in pending], device, bar.update)
        else:
            finished = _side_by_side([(i, tasks[i]) for i in pending], device, executor, bar)
        with closing(finished):  # a part that cannot be stored stops the workers at once
            for i, part in finished:
                store.save(part, f"{name}--{scale}--part", origin.key(tasks[i]))
                parts[i] = part
    return [parts[i] for i in range(len(tasks))]


def _alone(pending: list[int], scale: str, device: str, executor: Executor | None) -> bool:
    """Whether starting other processes would not pay, or could not share the device."""
    few = len(pending) < 2 or scale == "smoke" or processes() < 2
    return executor is None and (few or device != "cpu")


def perform(task: Task, device: str, progress: Progress | None = None) -> xr.Dataset:
    """Carry out a task on one thread and note its seconds.

    The matrices are small: threads that wait for each other cost more than they bring, and one
    process a core does better.
    """
    threads = torch.get_num_threads()
    started = time.perf_counter()
    torch.set_num_threads(1)
    try:
        part = task(device=device, progress=progress)
    finally:
        torch.set_num_threads(threads)
    part.attrs["seconds"] = time.perf_counter() - started
    return part


def _one_by_one(
    tasks: Iterable[tuple[int, Task]], device: str, progress: Progress
) -> Generator[tuple[int, xr.Dataset], None, None]:
    for i, task in tasks:
        yield i, perform(task, device, progress)


def _side_by_side(
    tasks: Sequence[tuple[int, Task]], device: str, executor: Executor | None, bar: tqdm
) -> Generator[tuple[int, xr.Dataset], None, None]:
    """Each task's part as it is done; whoever stops listening ends the work."""
    local = None
    if executor is None:
        from loky import get_reusable_executor

        executor = local = get_reusable_executor(max_workers=processes(), timeout=20)
    futures = {executor.submit(perform, task, device): i for i, task in tasks}
    work = {i: task.work for i, task in tasks}
    try:
        for future in as_completed(futures):
            yield futures[future], future.result()
            bar.update(work[futures[future]])
    except BaseException:
        if local is not None:
            local.shutdown(wait=False, kill_workers=True)
        else:
            for future in futures:
                future.cancel()
        raise
