"""A run is stored, found again, resumed where it stopped, and redone when its source changes."""

from __future__ import annotations

import itertools
import json
import os
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Executor, Future, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
import torch
import xarray as xr

from bnbook import experiments
from bnbook.experiments import Experiment, ExperimentError, Measurement
from bnbook.factors import crossed
from bnbook.store import DamagedRecord, Store, StoreError
from bnbook.study import runner
from bnbook.study.runner import WorkLost

CALLS: list[int] = []
STOP_AT: set[int] = set()
WAIT_AT: dict[int, Event] = {}
RAISE_AT: dict[int, Exception] = {}


@dataclass(frozen=True)
class Settings:
    slope: float = 2.0


def measure(settings: Settings, seed: int) -> xr.Dataset:
    """A measurement that says when it is made, and stops where the test wants it to."""
    if seed in STOP_AT:
        raise KeyboardInterrupt
    if seed in RAISE_AT:
        raise RAISE_AT[seed]
    if seed in WAIT_AT:
        WAIT_AT[seed].wait(timeout=60)
    CALLS.append(seed)
    values = [settings.slope * seed, 0.0]
    return xr.Dataset({"effect": ("arm", values)}, coords={"arm": ["with", "without"]})


def plan(scale: str) -> Measurement:
    seeds = {"smoke": 6, "book": 8, "paper": 10}[scale]
    return Measurement(
        crossed(norm=("with", "without")),
        tuple(range(seeds)),
        measure,
        Settings(),
        seeds_per_task=2,
    )


@pytest.fixture(autouse=True)
def made_up(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An experiment of six seeds in three tasks, that takes no time."""
    CALLS.clear()
    STOP_AT.clear()
    WAIT_AT.clear()
    RAISE_AT.clear()
    experiment = Experiment("made-up", "Does it?", plan)
    monkeypatch.setattr(experiments, "get", lambda _: experiment)
    return iter([None])


def run(tmp_path: Path, **options: object) -> xr.Dataset:
    return experiments.run("made-up", "smoke", store=Store(tmp_path), progress=False, **options)  # type: ignore[arg-type]


def test_a_record_holds_every_arm_and_seed_and_says_where_it_comes_from(tmp_path: Path) -> None:
    record = run(tmp_path)
    assert record.effect.sel(arm="with").values.tolist() == [0, 2, 4, 6, 8, 10]
    assert record.attrs["question"] == "Does it?"
    assert record.attrs["scale"] == "smoke"
    assert json.loads(record.attrs["plan"])["settings"] == {"is": "Settings", "slope": 2.0}
    assert "torch" in json.loads(record.attrs["versions"])
    assert record.attrs["wall_time_s"] > 0


def test_a_second_run_is_read_from_the_store(tmp_path: Path) -> None:
    first = run(tmp_path)
    xr.testing.assert_identical(run(tmp_path), first)
    assert CALLS == list(range(6))
    assert len(list(tmp_path.iterdir())) == 1


def test_an_interrupted_run_goes_on_after_the_groups_it_finished(tmp_path: Path) -> None:
    STOP_AT.add(4)
    with pytest.raises(KeyboardInterrupt, match=r"made-up.*are stored") as stopped:
        run(tmp_path)
    assert stopped.value.__suppress_context__
    assert measure.__name__ not in [entry.name for entry in stopped.traceback]
    assert CALLS == [0, 1, 2, 3]
    STOP_AT.clear()
    record = run(tmp_path)
    assert CALLS == [0, 1, 2, 3, 4, 5]
    assert record.sizes["seed"] == 6
    assert len(list(tmp_path.iterdir())) == 1


def test_more_seeds_are_another_record(tmp_path: Path) -> None:
    run(tmp_path)
    assert run(tmp_path, seeds=3).seed.values.tolist() == [0, 1, 2]
    assert run(tmp_path, seeds=[5, 9]).seed.values.tolist() == [5, 9]
    assert len(list(tmp_path.iterdir())) == 3


def test_a_change_of_the_source_makes_a_record_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path)
    monkeypatch.setattr(runner, "source_digest", lambda _: "another source")
    run(tmp_path)
    assert CALLS == [*range(6), *range(6)]


def test_a_damaged_record_is_computed_again(tmp_path: Path) -> None:
    first = run(tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:500])
    with pytest.warns(DamagedRecord):
        again = run(tmp_path)
    xr.testing.assert_equal(again, first)


def test_a_full_disk_stops_the_run_and_keeps_what_was_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = iter([None, None, OSError(28, "No space left on device")])  # the trial, a part, full

    def sync(_: int) -> None:
        if error := next(writes, None):
            raise error

    monkeypatch.setattr(os, "fsync", sync)
    with pytest.raises(StoreError, match="disk is full") as caught:
        run(tmp_path)
    assert caught.value.record.seed.values.tolist() == [2, 3]
    run(tmp_path)
    assert CALLS == [0, 1, 2, 3, 2, 3, 4, 5]


@pytest.mark.parametrize("obstacle", ["a file in its place", "a full disk", "a file above it"])
def test_a_store_that_cannot_be_written_is_found_before_anything_is_computed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, obstacle: str
) -> None:
    root = tmp_path / "records"
    if obstacle == "a full disk":

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
    else:
        root.write_text("not a folder", encoding="utf-8")
    where = root / "below" if obstacle == "a file above it" else root
    with pytest.raises(StoreError, match="BNBOOK_STORE") as caught:
        run(where)
    assert str(where) in str(caught.value)
    assert caught.value.record is None
    assert CALLS == []


def test_a_stored_record_is_read_where_nothing_can_be_written(tmp_path: Path) -> None:
    first = run(tmp_path / "published")
    store = Store(tmp_path / "own", others=(tmp_path / "published",))
    again = experiments.run("made-up", "smoke", store=store, progress=False)
    xr.testing.assert_identical(again, first)
    assert not (tmp_path / "own").exists()
    assert CALLS == list(range(6))


def test_an_executor_gives_the_same_record(tmp_path: Path) -> None:
    alone = run(tmp_path / "alone")
    with ThreadPoolExecutor(2) as executor:
        together = run(tmp_path / "together", executor=executor)
    xr.testing.assert_equal(together, alone)


def test_a_full_disk_stops_the_work_that_others_have_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = iter([None])  # the trial

    def full(_: int) -> None:
        if next(writes, "full"):
            raise OSError(28, "No space left on device")

    WAIT_AT[2] = Event()  # the second task begins, and ends only after the run has stopped
    monkeypatch.setattr(os, "fsync", full)
    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(StoreError, match="disk is full") as caught:
            run(tmp_path, executor=executor)
        WAIT_AT[2].set()
    assert caught.value.record.seed.values.tolist() == [0, 1]
    assert 4 not in CALLS


def test_two_who_want_one_record_make_it_once(tmp_path: Path) -> None:
    WAIT_AT[4] = Event()
    with ThreadPoolExecutor(2) as callers:
        both = [callers.submit(run, tmp_path) for _ in range(2)]
        assert not wait(both, timeout=1).done
        WAIT_AT[4].set()
        first, second = (each.result() for each in both)
    assert CALLS == list(range(6))
    xr.testing.assert_identical(first, second)


def test_whoever_waits_says_for_whom(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    WAIT_AT[0] = Event()
    with ThreadPoolExecutor(2) as callers:
        first = callers.submit(run, tmp_path)
        while not list(tmp_path.glob(".*.lock")):
            time.sleep(0.01)
        second = callers.submit(experiments.run, "made-up", "smoke", store=Store(tmp_path))
        said = ""
        while "waiting" not in said and not second.done():
            time.sleep(0.01)
            said += capsys.readouterr().err
        WAIT_AT[0].set()
        assert second.result().equals(first.result())
    assert f"made-up: waiting for process {os.getpid()} on " in said
    assert CALLS == list(range(6))


# --- which seeds ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "seeds"),
    [
        (np.int64(2), [0, 1]),
        (np.uint8(1), [0]),
        (np.array(3), [0, 1, 2]),
        (np.array([4, 2], dtype=np.int16), [4, 2]),
        (torch.tensor(2), [0, 1]),
        (torch.tensor([3, 1]), [3, 1]),
        (xr.DataArray([5, 6], dims="seed"), [5, 6]),
        (range(2, 5), [2, 3, 4]),
        ((np.int32(7), 1), [7, 1]),
        ((seed for seed in (1, 2)), [1, 2]),
        ([2**31 - 1], [2**31 - 1]),
    ],
    ids=lambda given: type(given).__name__,  # an address would differ from process to process
)
def test_seeds_are_whole_numbers_of_any_library(asked: Any, seeds: list[int]) -> None:
    chosen = runner.chosen_seeds(asked)
    assert list(chosen) == seeds
    assert {type(seed) for seed in chosen} == {int}


@pytest.mark.parametrize(
    "asked",
    [
        *(0, -1, 10**20, 100_001, 2.0, np.float64(2), True, np.bool_(True), "8", b"8"),
        *([], [-1], [2**31], [10**20], [1, 1], [0.5], [None], ["1"], [[0, 1]], [True]),
        *(np.array([[1, 2]]), np.array([0.0, 1.0]), np.array([]), torch.tensor([1.0])),
        itertools.count(),
    ],
    ids=str,
)
def test_seeds_that_are_none_are_told_and_nothing_is_run(tmp_path: Path, asked: Any) -> None:
    with pytest.raises(ExperimentError, match="give how many, from 1 to 100,000, such as 8"):
        run(tmp_path, seeds=asked)
    assert CALLS == []
    assert not list(tmp_path.iterdir())


def test_seeds_of_numpy_find_the_record_of_python_ones(tmp_path: Path) -> None:
    first = run(tmp_path, seeds=2)
    for same in (np.int64(2), np.arange(2), [0, 1], torch.arange(2)):
        xr.testing.assert_identical(run(tmp_path, seeds=same), first)
    assert CALLS == [0, 1]


# --- memory and processes ---------------------------------------------------------------------


def starved() -> list[Exception]:
    """What is raised where memory runs out, by those who raise it."""
    errors: list[Exception] = [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nSee the notes."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError(),
    ]
    for ask in (lambda: np.empty(2**56), lambda: torch.empty(2**58)):
        try:
            ask()
        except (MemoryError, RuntimeError) as error:
            errors.append(error)
    return errors


@pytest.mark.parametrize("error", starved(), ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("together", [False, True])
def test_memory_that_ran_out_is_told_and_what_was_computed_is_kept(
    tmp_path: Path, error: Exception, together: bool
) -> None:
    RAISE_AT[2] = error
    with ThreadPoolExecutor(1) as executor:
        options = {"executor": executor} if together else {}
        with pytest.raises(WorkLost, match="not enough memory on cpu for seeds 2–3") as caught:
            run(tmp_path, **options)
    assert "\n" not in str(caught.value)
    RAISE_AT.clear()
    run(tmp_path)
    assert sorted(set(CALLS)) == sorted(CALLS)


def test_other_errors_of_a_part_stay_what_they_are(tmp_path: Path) -> None:
    RAISE_AT[2] = RuntimeError("shapes do not fit")
    with pytest.raises(RuntimeError, match="shapes do not fit") as caught:
        run(tmp_path)
    assert not isinstance(caught.value, WorkLost)


KilledWorker = type("KilledWorker", (Exception,), {"__module__": "distributed.scheduler"})


@pytest.mark.parametrize(
    "error",
    [BrokenProcessPool("a process was\nterminated"), CancelledError(), KilledWorker("worker 3")],
    ids=lambda error: type(error).__name__,
)
def test_a_process_that_died_is_one_line_and_what_was_computed_is_kept(
    tmp_path: Path, error: Exception
) -> None:
    class Dying(Executor):
        """It has done every part but the second, of which the process died."""

        def submit(self, call: Callable[..., Any], *arguments: Any) -> Any:  # type: ignore[override]
            future: Future[Any] = Future()
            if arguments[0].seeds[0] == 2:
                future.set_exception(error)
            else:
                future.set_result(call(*arguments))
            return future

    with pytest.raises(WorkLost, match="a process ended before its part was done") as caught:
        run(tmp_path, executor=Dying())
    assert "\n" not in str(caught.value)
    assert CALLS == [0, 1, 4, 5]
    run(tmp_path)
    assert CALLS == [0, 1, 4, 5, 2, 3]


def test_an_unknown_scale_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="smoke"):
        experiments.run("made-up", "smok", store=Store(tmp_path))


def test_a_worker_with_another_source_is_refused_before_it_measures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured = runner.perform_elsewhere

    def of_another_version(task: Any, device: str, source: runner.Source) -> Any:
        return measured(task, device, (source[0], "another digest"))

    monkeypatch.setattr(runner, "perform_elsewhere", of_another_version)
    with (
        ThreadPoolExecutor(1) as executor,
        pytest.raises(runner.OtherSource, match="has another version of bnbook than you have"),
    ):
        run(tmp_path, executor=executor)
    assert CALLS == []


def test_a_future_is_let_go_with_its_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever holds it lets a cluster keep the part, and measure it anew when a worker dies."""
    made: list[weakref.ref[Future[Any]]] = []
    alive: list[int] = []

    class Done(Executor):
        """It has done every part at once."""

        def submit(self, call: Callable[..., Any], *arguments: Any) -> Any:  # type: ignore[override]
            future: Future[Any] = Future()
            future.set_result(call(*arguments))
            made.append(weakref.ref(future))
            return future

    def save(store: Store, *arguments: Any) -> None:
        alive.append(sum(each() is not None for each in made))
        saved(store, *arguments)

    saved = Store.save
    monkeypatch.setattr(Store, "save", save)
    run(tmp_path, executor=Done())
    assert alive == [3, 2, 1, 0]  # the last is of the whole record
