"""Processes that are killed, and processes whose parent is: nothing is lost, nobody computes on.

Each test runs the command line in a process of its own, on made-up experiments whose parts take
no time, or for ever.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bnbook.store import Store

EXPERIMENTS = """
import os, signal, time
from dataclasses import dataclass
from pathlib import Path
import xarray as xr
from bnbook.experiments import Experiment, Measurement
from bnbook.factors import crossed

@dataclass(frozen=True)
class Settings:
    name: str

def measure(settings, seed):
    with open("calls", "a") as calls:
        calls.write(f"{settings.name} {seed} {os.getpid()}\\n")
    if settings.name == "endless":
        time.sleep(60)
    if settings.name == "doomed" and seed == 2:
        while "doomed 1" not in Path("calls").read_text():
            time.sleep(0.01)
        time.sleep(0.5)  # what was computed beside it comes home
        os.kill(os.getpid(), signal.SIGKILL)
    return xr.Dataset({"effect": ("arm", [1.0 * seed, 0.0])}, coords={"arm": ["a", "b"]})

def of(name):
    def plan(scale):
        arms = crossed(norm=("a", "b"))
        return Measurement(arms, (0, 1, 2), measure, Settings(name), seeds_per_task=1)
    return Experiment(name, "Does it?", plan)
"""
COMMAND = """
import madeup
from bnbook import experiments
from bnbook.study import runner
from bnbook.cli import main
runner.processes, runner.BEAT = (lambda: 2), 0.5
experiments.get, experiments.names = madeup.of, lambda *_: ["doomed", "endless", "sound"]
main()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "madeup.py").write_text(EXPERIMENTS, encoding="utf-8")
    return tmp_path


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    paths = [str(folder), str(Path(__file__).parents[2])]
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, *arguments, "--scale", "book"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths), "BNBOOK_STORE": "records"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def calls(folder: Path) -> list[list[str]]:
    """Name, seed and process of every measurement that was begun."""
    path = folder / "calls"
    return (
        [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
        if path.exists()
        else []
    )


def alive(process: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:
        return False


def test_a_killed_process_is_one_line_and_the_other_experiments_run(folder: Path) -> None:
    both = start(folder, "run", "doomed", "sound")
    out, err = both.communicate(timeout=120)
    assert both.returncode == 1, err
    errors = [line for line in err.splitlines() if "error" in line]
    assert len(errors) == 1
    assert errors[0].startswith("error: doomed: a process ended (SIGKILL(-9))")
    assert "Traceback" not in err
    assert "sound at scale book: 2 arms × 3 seeds" in out
    assert len(list((folder / "records").glob("doomed--book--part--*.nc"))) == 2
    assert len(list((folder / "records").iterdir())) == 3


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to look")
def test_whichever_way_a_parent_ends_its_processes_end(folder: Path) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        (folder / "calls").unlink(missing_ok=True)
        parent = start(folder, "run", "endless")
        while len(calls(folder)) < 2:
            assert parent.poll() is None
            time.sleep(0.05)
        workers = {int(process) for _, _, process in calls(folder)}
        assert all(map(alive, workers))
        parent.send_signal(how)
        parent.communicate(timeout=30)  # the pipes close when the last of them has ended
        assert not any(map(alive, workers))
    with Store(folder / "records").alone("x", pytest.fail):
        pass


def test_while_a_part_lasts_the_bar_tells_the_time_and_what_is_to_do(folder: Path) -> None:
    parent = start(folder, "run", "endless")
    said, times = "", set[str]()
    assert parent.stderr is not None
    while len(times) < 3:
        said += parent.stderr.read(1)  # ends where the pipe does
        assert parent.poll() is None, said
        times = set(re.findall(r"\[(\d\d:\d\d)<.*?, parts to do: 3\]", said))
    parent.terminate()
    parent.communicate(timeout=30)
    assert "endless · book" in said
