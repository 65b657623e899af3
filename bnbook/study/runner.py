"""Running an experiment: from the store if it is there, task by task if it is not."""

from __future__ import annotations

import ast
import inspect
import json
import os
import platform
import re
import reprlib
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)
from contextlib import closing
from dataclasses import dataclass, fields, is_dataclass
from functools import lru_cache
from itertools import islice
from operator import index
from typing import Any

import numpy as np
import torch
import xarray as xr
from tqdm.auto import tqdm

from bnbook import data as datasets
from bnbook import environment, norms
from bnbook.factors import labelled, names_of
from bnbook.progress import Progress
from bnbook.record import assemble, describe, digest, parsed, provenance, source_digest
from bnbook.store import Store
from bnbook.study.base import SCALES, Experiment, ExperimentError, Plan, Task
from bnbook.study.machine import end_with, processes
from bnbook.study.replacing import on_data, title
from bnbook.text import unknown

MOST_SEEDS = 100_000
"""Seeds in one run; whoever asks for more has slipped."""
LARGEST_SEED = 2**31 - 1
"""What is made from a seed must fit every generator of random numbers in use."""


BEAT = 5.0
"""Seconds after which a progress bar tells the time anew, when no part has been finished: parts of
networks with convolutions take minutes."""

LOST = "Parts that had finished are stored, and the same run goes on from them"


class OtherSource(RuntimeError):
    """A worker has another version of this package, and would have measured something else."""


class WorkLost(RuntimeError):
    """A part was not finished: its process died, or memory ran out. What had finished is stored."""


def run(
    experiment: Experiment,
    scale: str | None = None,
    *,
    seeds: Any = None,
    data: str | None = None,
    device: str = "cpu",
    executor: Executor | None = None,
    progress: bool = True,
    store: Store | None = None,
) -> xr.Dataset:
    """The record of an experiment, see `bnbook.experiments.run`."""
    scale = scale or environment.scale()
    if scale not in experiment.scales:
        known = SCALES if scale not in SCALES else experiment.scales
        raise ExperimentError(unknown("scale", scale, known))
    store = store or Store.default()
    plan = on_data(experiment.plan(scale), data)
    if seeds is not None:
        plan = plan.with_seeds(chosen_seeds(seeds))
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
        work = Run(experiment, plan, origin, scale, store, device, executor, progress)
        try:
            record = work.record()
        except KeyboardInterrupt:  # where in the training it came is of no use to anybody
            raise KeyboardInterrupt(f"{experiment.name}. {LOST}") from None
        store.save(record, title(experiment.name, plan, scale), key)
    for task in plan.tasks():
        store.drop(origin.key(task))
    return record


def chosen_seeds(asked: Any) -> tuple[int, ...]:
    """Seeds by their number (8 is 0 to 7) or one by one, as whole numbers or arrays of any library.

    Raises `ExperimentError` for anything else, and for seeds out of range or given twice.
    """
    given = np.asarray(asked).tolist() if hasattr(asked, "__array__") else asked
    try:
        if isinstance(given, Iterable) and not isinstance(given, bytes):
            seeds = [_whole(each) for each in islice(given, MOST_SEEDS + 1)]
        else:
            seeds = list(range(min(_whole(given), MOST_SEEDS + 1)))
    except TypeError:
        seeds = []
    fit = 0 < len(seeds) <= MOST_SEEDS and 0 <= min(seeds) and max(seeds) <= LARGEST_SEED
    if not fit or len(set(seeds)) < len(seeds):
        raise ExperimentError(
            f"seeds {reprlib.repr(asked)}: give how many, from 1 to {MOST_SEEDS:,}, such as 8; or "
            f"which, different whole numbers from 0 to {LARGEST_SEED:,}, such as 0,1,5"
        )
    return tuple(seeds)


def _whole(number: Any) -> int:
    """A whole number of any type; True and False are none."""
    if isinstance(number, bool):
        raise TypeError("a truth value is no number")
    return index(number)


def _teller(name: str, progress: bool) -> Callable[[str], object]:
    """What says to standard error why nothing happens; silent for whoever wants no progress."""
    if not progress:
        return lambda text: None
    return lambda text: tqdm.write(f"{name}: {text}", file=sys.stderr)


@dataclass(frozen=True)
class Origin:
    """What a record depends on besides its plan: the data's and the source's digests."""

    fingerprint: str
    source: str
    classes: tuple[str, ...] = ()

    @classmethod
    def of(cls, experiment: Experiment, plan: Plan) -> Origin:
        """Origin of a plan: its data, and the files that define what it names."""
        source = source_of(experiment, plan)
        if not plan.data:
            return cls("none", source)
        dataset = datasets.load(plan.data)
        return cls(dataset.fingerprint, source, tuple(dataset.classes))

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


def source_of(experiment: Experiment, plan: Plan) -> str:
    """Digest of the source of whatever computes a plan's record."""
    return source_digest(modules_behind(experiment, plan))


def modules_behind(experiment: Experiment, plan: Plan) -> set[str]:
    """Modules by whose source, and that of what they import, a plan's record is computed."""
    own = experiment.plan.__module__
    modules = {own, *modules_of(plan), *modules_of(tuple(texts_in(own)))}
    return modules | {"bnbook.data"} if plan.data else modules


def texts_in(module: str) -> set[str]:
    """The strings in a module's source: what it makes by name is among them."""
    tree = parsed(inspect.getsource(sys.modules[module]))
    found = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return {value for value in found if isinstance(value, str)}


def modules_of(thing: object) -> Iterator[str]:
    """Modules that define the dataclasses, functions and normalisers inside a plan."""
    if isinstance(thing, str) and thing in norms.names():
        yield from (c.__module__ for c in norms.get(thing).__mro__ if "bnbook" in c.__module__)
    if is_dataclass(thing):
        yield type(thing).__module__
        for entry in fields(thing):
            yield from modules_of(getattr(thing, entry.name))
    elif isinstance(thing, tuple | dict):
        for item in thing.values() if isinstance(thing, dict) else thing:
            yield from modules_of(item)
    elif callable(thing):
        yield thing.__module__


@dataclass(frozen=True)
class Run:
    """A plan on its way to a record: where its parts are stored, and who carries them out."""

    experiment: Experiment
    plan: Plan
    origin: Origin
    scale: str
    store: Store
    device: str
    executor: Executor | None
    progress: bool

    def record(self) -> xr.Dataset:
        """The record of the plan, with all that it says of itself."""
        started = time.perf_counter()
        parts = self.parts()
        whole = assemble(parts, names_of(self.plan.factors), self.plan.seeds)
        record = labelled(whole, self.plan.factors)
        record.attrs = {
            "scale": self.scale,
            "device": self.device,
            "wall_time_s": time.perf_counter() - started,
            "compute_time_s": sum(part.attrs["seconds"] for part in parts),
            "part_seconds": json.dumps([round(part.attrs["seconds"], 3) for part in parts]),
            "key": self.origin.key(self.plan),
            **self.origin.attrs(self.experiment, self.plan),
            **provenance(),
        }
        return record

    def parts(self) -> list[xr.Dataset]:
        """The measurements of every task, those already stored first."""
        tasks, key, name = list(self.plan.tasks()), self.origin.key, self.experiment.name
        parts = {i: part for i, t in enumerate(tasks) if (part := self.store.load(key(t)))}
        pending = [(i, task) for i, task in enumerate(tasks) if i not in parts]
        total, words = sum(task.work for task in tasks), f"{name} · {self.scale}"
        with tqdm(total=total, desc=words, unit="step", disable=not self.progress) as bar:
            bar.update(sum(tasks[i].work for i in parts))
            if self.alone(len(pending)):
                finished = _one_by_one(pending, self.device, bar.update)
            else:
                elsewhere = (self.executor, self.here()) if self.executor else None
                finished = _side_by_side(pending, self.device, elsewhere, bar)
            with closing(finished):  # a part that cannot be stored stops the workers at once
                for i, part in finished:
                    self.store.save(part, f"{name}--{self.scale}--part", key(tasks[i]))
                    parts[i] = part
        return [parts[i] for i in range(len(tasks))]

    def here(self) -> Source:
        """The source here, which a worker elsewhere must have too."""
        modules = modules_behind(self.experiment, self.plan)
        ours = tuple(sorted(m for m in modules if m.startswith("bnbook.")))
        return ours, _digest_of(ours)

    def alone(self, pending: int) -> bool:
        """Whether starting other processes would not pay, or could not share the device."""
        few = pending < 2 or self.scale == "smoke" or processes() < 2
        return self.executor is None and (few or self.device != "cpu")


Source = tuple[tuple[str, ...], str]
"""Modules of this package, and the digest of their source."""
_digest_of = lru_cache(source_digest)


def perform_elsewhere(task: Task, device: str, source: Source) -> xr.Dataset:
    """`perform`, where the source must be that of whoever asked; else an `OtherSource`."""
    modules, expected = source
    if _digest_of(modules) != expected:
        raise OtherSource(
            f"{platform.node()} has another version of bnbook than you have: install yours there, "
            "start its worker anew, and run this again"
        )
    return perform(task, device)


def perform(task: Task, device: str, progress: Progress | None = None) -> xr.Dataset:
    """Carry out a task on one thread and note its seconds.

    The matrices are small: threads that wait for each other cost more than they bring, and one
    process a core does better. Torch's own random numbers, which no seed of a study governs, are
    the same for every task, and afterwards what they were: a record hangs on nothing before it.
    """
    threads = torch.get_num_threads()
    started = time.perf_counter()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            part = task(device=device, progress=progress)
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        raise WorkLost(
            f"not enough memory on {device} for {task.label} ({_first_line(error)}). {LOST}; "
            "fewer seeds, a smaller scale or another device need less"
        ) from error
    finally:
        torch.set_num_threads(threads)
    part.attrs["seconds"] = time.perf_counter() - started
    return part


def _is_out_of_memory(error: Exception) -> bool:
    """Whether memory ran out, on a graphics card or beside it; torch has one error for the former
    and only words for the latter."""
    known = isinstance(error, MemoryError | torch.OutOfMemoryError)
    words = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")
    return known or any(each in str(error) for each in words)


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def _one_by_one(
    tasks: Iterable[tuple[int, Task]], device: str, progress: Progress
) -> Generator[tuple[int, xr.Dataset], None, None]:
    for i, task in tasks:
        yield i, perform(task, device, progress)


def _side_by_side(
    tasks: Sequence[tuple[int, Task]],
    device: str,
    elsewhere: tuple[Executor, Source] | None,
    bar: tqdm,
) -> Generator[tuple[int, xr.Dataset], None, None]:
    """Each task's part as it is done, by processes here or by somebody's executor with the source
    that its workers must have; whoever stops listening ends the work.

    A future is let go with its part: Dask keeps what a future stands for on the worker that
    measured it, and measures it anew when that worker dies.
    """
    local, all_begun = None, False
    if elsewhere is None:
        from loky import get_reusable_executor

        local = get_reusable_executor(
            max_workers=processes(),
            timeout=20,
            initializer=end_with,
            initargs=(os.getpid(),),
        )
        futures = {local.submit(perform, task, device): (i, task) for i, task in tasks}
    else:
        executor, source = elsewhere
        all_begun = _of_dask(executor)  # its futures do not say, and one that runs can be cancelled
        futures = {
            executor.submit(perform_elsewhere, task, device, source): (i, task) for i, task in tasks
        }
    bar.set_postfix_str(f"parts to do: {len(futures)}")
    try:
        for future in _as_they_succeed(futures, bar.refresh, all_begun):
            i, task = futures.pop(future)
            part = future.result()
            del future
            yield i, part
            bar.set_postfix_str(f"parts to do: {len(futures)}", refresh=False)
            bar.update(task.work)
    except BaseException:
        if local is not None:
            local.shutdown(wait=False, kill_workers=True)
        else:
            for future in futures:
                future.cancel()
        raise


def _as_they_succeed(
    futures: Iterable[Future[Any]], beat: Callable[[], object], all_begun: bool = False
) -> Iterator[Future[Any]]:
    """Futures that have a result, as they have it; `beat` is called while there is none.

    After one that has none, what was not begun is cancelled and what runs is waited for: it is
    minutes of work. Then its error is raised, which for a process that died is a `WorkLost`.
    """
    waiting, failure = set(futures), None
    while waiting:
        done, waiting = wait(waiting, BEAT, return_when=FIRST_COMPLETED)
        if not done:
            beat()
        while done:
            future = done.pop()
            error = _failure(future)
            if error is None:
                yield future
            elif failure is None:
                failure = error
                waiting = {other for other in waiting if all_begun or not other.cancel()}
            del future
    if failure is not None:
        if _is_death(failure):
            raise WorkLost(_obituary(failure)) from failure
        raise failure


def _failure(future: Future[Any]) -> BaseException | None:
    try:
        return future.exception()
    except CancelledError as error:
        return error


def _is_death(error: BaseException) -> bool:
    """Whether the process that did the work is gone; Dask has an error of its own for that."""
    killed = _of_dask(error) and "Killed" in type(error).__name__
    return isinstance(error, BrokenExecutor | CancelledError) or killed


def _of_dask(thing: object) -> bool:
    return type(thing).__module__.startswith("distributed")


def _obituary(error: BaseException) -> str:
    codes = re.search(r"exit codes of the workers are \{(.*?)\}", str(error))
    how = f" ({codes[1]})" if codes else ""
    return (
        f"a process ended{how} before its part was done; most often it is killed because memory "
        f"ran out. {LOST}; fewer processes at a time need less (LOKY_MAX_CPU_COUNT=1 in the "
        "environment leaves one on this machine)"
    )
