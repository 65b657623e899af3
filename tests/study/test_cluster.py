"""A Dask cluster of two workers: the same records, a worker that is killed, and what it tells.

Its experiments are made up, and lie in a folder that the workers can import from.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import pytest
import xarray as xr
from distributed import Client, LocalCluster

from bnbook.experiments import Experiment
from bnbook.store import Store
from bnbook.study import runner
from bnbook.study.runner import WorkLost

MADE_UP = """
import os, signal, time
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from bnbook import data, probes
from bnbook.experiments import Experiment, Measurement
from bnbook.factors import crossed
from bnbook.nets import MLP
from bnbook.train import Arm, Plan

@dataclass(frozen=True)
class Settings:
    folder: str
    name: str

def measure(settings, seed):
    calls = Path(settings.folder, "calls")
    before = calls.read_text().split() if calls.exists() else []
    with calls.open("a") as file:
        file.write(f"{seed}\\n")
    if seed == 2 and (settings.name == "deadly" or settings.name == "shaky" and "2" not in before):
        home, patience = Path(settings.folder, "store"), time.monotonic() + 60
        while len(list(home.glob("*.nc"))) < 3 and time.monotonic() < patience:
            time.sleep(0.05)  # what the others measured comes home
        os.kill(os.getpid(), signal.SIGKILL)
    if seed == 2 and settings.name == "wrong":
        raise ValueError("shapes do not fit: 3 and 4")
    return xr.Dataset({"effect": ("arm", [1.0 * seed, 0.0])}, coords={"arm": ["a", "b"]})

def of(folder, name):
    def plan(scale):
        arms = crossed(norm=("a", "b"))
        return Measurement(
            arms, (0, 1, 2, 3), measure, Settings(folder, name), seeds_per_task=1
        )
    return Experiment(name, "Does it?", plan)

def trained(scale):
    arms = tuple(
        Arm({"norm": norm}, MLP((16,), "relu", norm), 0.1, 32) for norm in ("none", "batch")
    )
    looks = (probes.get("accuracy")(), probes.get("sharpness")())
    return Plan("mnist-5k", arms, tuple(range(20)), 12, looks, (0, 5, 12))
"""

pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="a worker is killed by a signal"),
    pytest.mark.xdist_group("cluster"),
]


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The module of experiments, which the workers can import too."""
    folder = tmp_path_factory.mktemp("made-up")
    (folder / "made_up_for_clusters.py").write_text(MADE_UP, encoding="utf-8")
    paths = os.pathsep.join([str(folder), str(Path(__file__).parents[2])])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", paths)
        patch.setenv("OMP_NUM_THREADS", "1")
        patch.syspath_prepend(folder)
        yield importlib.import_module("made_up_for_clusters")
        sys.modules.pop("made_up_for_clusters")


@pytest.fixture(scope="module")
def client(made_up: Any) -> Iterator[Client]:
    """A client of two workers, each a process with one thread; a task may kill one of them."""
    settings = {"distributed.scheduler.allowed-failures": 1, "distributed.worker.daemon": True}
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def calls(folder: Path) -> Counter[int]:
    """How often the measurement of each seed was begun."""
    return Counter(map(int, (folder / "calls").read_text(encoding="utf-8").split()))


def run(experiment: Experiment, folder: Path, client: Client | None) -> xr.Dataset:
    executor = client.get_executor() if client else None
    return runner.run(experiment, "smoke", store=Store(folder), executor=executor, progress=False)


def test_two_workers_make_bit_by_bit_the_record_that_this_process_makes(
    client: Client, made_up: Any, tmp_path: Path
) -> None:
    trained = Experiment("trained", "Does it matter who computes it?", made_up.trained)
    assert len(made_up.trained("smoke").tasks()) >= 4
    spread = run(trained, tmp_path / "spread", client)
    alone = run(trained, tmp_path / "alone", None)
    xr.testing.assert_identical(spread.drop_attrs(), alone.drop_attrs())


def test_data_are_read_once_a_worker(client: Client) -> None:
    """Two workers have had ten groups and more of the test before."""
    from bnbook import data

    read = client.run(lambda: data._load.cache_info().misses)
    assert set(read.values()) == {1}


def test_a_worker_killed_in_mid_group_loses_that_group_alone_and_the_run_completes(
    client: Client, made_up: Any, tmp_path: Path
) -> None:
    record = run(made_up.of(str(tmp_path), "shaky"), tmp_path / "store", client)
    assert record.effect.sel(arm="a").values.tolist() == [0, 1, 2, 3]
    assert calls(tmp_path) == {0: 1, 1: 1, 2: 2, 3: 1}


def test_a_group_that_kills_whoever_takes_it_is_one_line_and_the_others_are_kept(
    client: Client, made_up: Any, tmp_path: Path
) -> None:
    with pytest.raises(WorkLost, match="a process ended before its part was done") as caught:
        run(made_up.of(str(tmp_path), "deadly"), tmp_path / "store", client)
    assert "\n" not in str(caught.value)
    assert calls(tmp_path) == {0: 1, 1: 1, 2: 2, 3: 1}  # it is given to a second one, no third
    assert len(list((tmp_path / "store").glob("*.nc"))) == 3


def test_an_error_of_a_worker_is_raised_here_with_its_lines_and_the_others_are_kept(
    client: Client, made_up: Any, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="shapes do not fit: 3 and 4") as caught:
        run(made_up.of(str(tmp_path), "wrong"), tmp_path / "store", client)
    assert any(entry.name == "measure" for entry in caught.traceback)
    assert len(list((tmp_path / "store").glob("*.nc"))) == 3


# It does not wait for the shells that it ends.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_cluster_of_dask_jobqueue_makes_the_same_record(made_up: Any, tmp_path: Path) -> None:
    """Its local class starts each worker as a job's script would, in a shell of its own."""
    from dask_jobqueue.local import LocalCluster as Jobs

    experiment = made_up.of(str(tmp_path), "sound")
    with (
        Jobs(
            cores=1,
            processes=1,
            memory="2GB",
            scheduler_options={"dashboard": False, "dashboard_address": ":0"},
        ) as jobs,
        Client(jobs) as client,
    ):
        jobs.scale(2)
        client.wait_for_workers(2, timeout=180)
        queued = run(experiment, tmp_path / "queued", client)
    xr.testing.assert_identical(
        queued.drop_attrs(), run(experiment, tmp_path / "alone", None).drop_attrs()
    )
