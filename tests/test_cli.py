"""The command line: what it prints where, and with which exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import xarray as xr
from typer.testing import CliRunner

from bnbook import chapters, data, environment, experiments
from bnbook.chapters import Chapter
from bnbook.claims import Claim
from bnbook.cli import app
from bnbook.experiments import ExperimentError
from bnbook.factors import crossed
from bnbook.stats import paired
from bnbook.study.base import EVERYWHERE, Experiment

CLAIM = Claim(
    id="made-1",
    says="BN is [much] more accurate.",
    source="ioffe2015batch",
    experiment="made-up",
    statistic=lambda record: paired(record.accuracy, "batch", "none"),
    unit="accuracy",
    matters=0.02,
)


@dataclass
class Bench:
    """Made-up experiments in the place of the real ones, and what they were asked for."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    raises: dict[str, BaseException] = field(default_factory=dict)

    def run(self, name: str, scale: str | None = None, **options: Any) -> xr.Dataset:
        self.asked.append({"name": name, "scale": scale, **options})
        print("training …")  # a library that talks
        if name in self.raises:
            raise self.raises[name]
        accuracy = xr.DataArray(
            [[0.5] * 12, [0.75] * 12],
            {"arm": ["none", "batch"], "seed": range(12)},
            ("arm", "seed"),
        )
        lost = accuracy.where(accuracy.seed == 11)
        attrs = {"experiment": name, "scale": scale or "book", "key": "k", "wall_time_s": 1.0}
        return xr.Dataset({"accuracy": accuracy, "diverged_at": lost}, attrs=attrs)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench()
    plan = SimpleNamespace(
        factors=crossed(norm=("none", "batch")), seeds=range(6), cost=lambda: "12 networks"
    )
    experiment = Experiment("made-up", "Why [oh] why?", lambda scale: plan)
    monkeypatch.setattr(experiments, "names", lambda *_: ["made-up", "other"])
    monkeypatch.setattr(experiments, "get", lambda name: experiment)
    monkeypatch.setattr(experiments, "run", made.run)
    chapter = Chapter("covariate-shift", "Covariate shift", "covariate_shift.py", (CLAIM,))
    monkeypatch.setattr(chapters, "read", lambda *_: [chapter])
    return made


def call(*arguments: str) -> Any:
    return CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "BNBOOK_DEBUG": ""})


# --- help -------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [(), ("list",), ("run",), ("claims",), ("data", "fetch")])
def test_help_explains_and_shows_examples(command: tuple[str, ...]) -> None:
    done = call(*command, "--help")
    assert done.exit_code == 0
    assert "Usage:" in done.output
    assert not command or f"bnbook {' '.join(command)}" in done.output


def test_help_does_not_wait_for_torch() -> None:
    ask = (
        "import sys; from bnbook.cli import main; sys.argv = ['bnbook', '--help']\n"
        "try: main()\n"
        "except SystemExit as done: print(done.code, 'torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "0 False"


# --- list -------------------------------------------------------------------------------------


@pytest.mark.usefixtures("bench")
def test_list_says_question_arms_and_cost_at_each_scale() -> None:
    said = call("list").stdout
    for part in ("made-up", "other", "Why [oh] why?", "none | batch", "12 networks", "paper"):
        assert part in said
    rows = json.loads(call("list", "--json").stdout)
    assert [row["name"] for row in rows] == ["made-up", "other"]
    assert rows[0]["scales"]["smoke"] == {
        "arms": ["none", "batch"],
        "seeds": 6,
        "cost": "12 networks",
    }


def test_the_real_experiments_can_be_listed() -> None:
    rows = json.loads(call("list", "--json").stdout)
    assert [row["name"] for row in rows] == experiments.names()
    assert all(set(EVERYWHERE) <= set(row["scales"]) <= set(experiments.SCALES) for row in rows)


# --- run --------------------------------------------------------------------------------------


def test_run_hands_over_scale_seeds_and_device(bench: Bench) -> None:
    done = call("run", "made-up", "--scale", "smoke", "--seeds", "3", "--device", "cpu")
    assert done.exit_code == 0
    assert bench.asked == [
        {
            "name": "made-up",
            "data": None,
            "scale": "smoke",
            "seeds": [0, 1, 2],
            "device": "cpu",
            "executor": None,
        }
    ]
    assert "made-up at scale smoke: 2 arms × 12 seeds, 2 diverged" in done.stdout


@pytest.mark.parametrize(
    ("text", "seeds"), [("1", [0]), ("4,", [4]), ("5,0,2", [5, 0, 2]), ("2", [0, 1])]
)
def test_seeds_are_a_number_or_a_list(bench: Bench, text: str, seeds: list[int]) -> None:
    assert call("run", "made-up", "--seeds", text).exit_code == 0
    assert bench.asked[0]["seeds"] == seeds


def test_run_json_is_one_array_on_standard_output_and_nothing_else(bench: Bench) -> None:
    done = call("run", "--all", "--json")
    rows = json.loads(done.stdout)
    assert [row["experiment"] for row in rows] == ["made-up", "other"]
    assert rows[0]["arms"] == ["none", "batch"]
    assert rows[0]["seeds"] == list(range(12))
    assert rows[0]["diverged"] == 2
    assert "training …" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "name the experiments to run, or give --all"),
        (("made-up", "--all"), "name the experiments to run, or give --all"),
        (("made-pu",), "did you mean 'made-up'?"),
        (("made-up", "--scale", "smok"), "did you mean 'smoke'?"),
        (("made-up", "--seeds", "many"), "--seeds many: give how many, from 1 to 100,000"),
        (("made-up", "--seeds", "0"), "--seeds 0: give how many, from 1 to 100,000"),
        (("made-up", "--seeds", "99999999999999999999"), "give how many, from 1 to 100,000"),
        (("made-up", "--seeds", "99999999999999999999,"), "which, different whole numbers from 0"),
        (("made-up", "--seeds", ","), "give how many, from 1 to 100,000"),
        (("made-up", "--seeds", "-1"), "give how many, from 1 to 100,000"),
        (("made-up", "--seeds", "1,2,-3"), "which, different whole numbers from 0"),
        (("made-up", "--seeds", "1,1"), "which, different whole numbers"),
        (("made-up", "--device", "abacus"), "--device abacus cannot be used here"),
    ],
)
def test_misuse_is_told_and_exits_with_2(
    bench: Bench, arguments: tuple[str, ...], message: str
) -> None:
    done = call("run", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr
    assert done.stdout == ""
    assert bench.asked == []


@pytest.mark.parametrize(
    "error", [ExperimentError("arms are\nmissing"), OSError(28, "No space left on device")]
)
def test_a_foreseen_error_is_one_message_without_traceback_and_exits_with_1(
    bench: Bench, error: Exception
) -> None:
    bench.raises["made-up"] = error
    done = call("run", "made-up")
    assert done.exit_code == 1
    assert str(error) in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_one_experiment_that_fails_does_not_keep_the_others_from_running(bench: Bench) -> None:
    bench.raises["made-up"] = ExperimentError("no data")
    done = call("run", "--all")
    assert done.exit_code == 1
    assert "error: made-up: no data" in done.stderr
    assert "other at scale book" in done.stdout


def test_a_bug_keeps_its_traceback_and_the_others_still_run(bench: Bench) -> None:
    bench.raises["made-up"] = ZeroDivisionError("division by zero")
    done = call("run", "made-up", "other")
    assert done.exit_code == 1
    assert "Traceback" in done.stderr
    assert "error: made-up: division by zero" in done.stderr
    assert "other at scale book" in done.stdout


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize("command", [("run", "made-up"), ("claims",)])
def test_a_command_says_which_store_it_used(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BNBOOK_STORE", str(tmp_path / "store"))
    for arguments in (command, (*command, "--json")):
        done = call(*arguments)
        assert f"records in {tmp_path / 'store'}" in done.stderr.splitlines()
    rows = json.loads(done.stdout)
    assert command[0] == "claims" or rows[0]["store"] == str(tmp_path / "store")


def test_an_interruption_exits_with_130_and_says_that_the_same_command_resumes(
    bench: Bench,
) -> None:
    bench.raises["made-up"] = KeyboardInterrupt()
    done = call("run", "--all")
    assert done.exit_code == 130
    assert "interrupted" in done.stderr
    assert "finished is kept, and the same command goes on from there" in done.stderr
    assert len(bench.asked) == 1


def test_a_scheduler_hands_its_executor_to_every_run(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: Executor = ThreadPoolExecutor(1)
    addresses = []

    def client(address: str, **_: Any) -> Any:
        addresses.append(address)
        return nullcontext(SimpleNamespace(get_executor=lambda: threads))

    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(Client=client))
    assert call("run", "--all", "--scheduler", "tcp://host:8786").exit_code == 0
    assert addresses == ["tcp://host:8786"]
    assert [each["executor"] for each in bench.asked] == [threads, threads]


def test_a_scheduler_without_dask_says_what_to_install(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    done = call("run", "--all", "--executor", "tcp://host:8786")
    assert done.exit_code == 2
    assert "pip install distributed" in done.stderr


# --- claims -----------------------------------------------------------------------------------


def test_claims_are_tabled_with_effect_and_verdict(bench: Bench) -> None:
    done = call("claims", "--scale", "smoke")
    assert done.exit_code == 0
    for part in ("made-1", "BN is [much] more accurate.", "Ioffe and Szegedy 2015", "supported"):
        assert part in done.stdout
    assert "25 points in every seed" in done.stdout
    assert "1 claim: 1 supported" in done.stdout
    assert bench.asked == [{"name": "made-up", "scale": "smoke", "data": None}]


@pytest.mark.usefixtures("bench")
def test_claims_json_is_one_array_on_standard_output_and_nothing_else() -> None:
    done = call("claims", "--json", "--chapter", "covariate-shift", "--id", "made-1")
    (row,) = json.loads(done.stdout)
    assert (row["id"], row["chapter"], row["verdict"]) == ("made-1", "covariate-shift", "supported")
    assert (row["effect"], row["low"], row["high"], row["n"]) == (0.25, 0.25, 0.25, 12)
    assert "training …" in done.stderr


@pytest.mark.usefixtures("bench")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--chapter", "covariate_shift"), "did you mean 'covariate-shift'?"),
        (("--id", "maid-1"), "did you mean 'made-1'?"),
        (("--scale", "large"), "Known: smoke, book, lab, paper"),
    ],
)
def test_claims_that_are_not_there_are_misuse(arguments: tuple[str, ...], message: str) -> None:
    done = call("claims", *arguments)
    assert done.exit_code == 2
    assert message in done.stderr


def test_a_claim_that_cannot_be_measured_exits_with_1(bench: Bench) -> None:
    bench.raises["made-up"] = ExperimentError("no data")
    done = call("claims", "--json")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "error: no data" in done.stderr


# --- data -------------------------------------------------------------------------------------


def test_data_sets_are_listed_with_size_and_whereabouts() -> None:
    said = call("data", "list").stdout
    assert "4,000" in said
    assert str(data.root()) in said.replace("\n", "")
    assert [
        row["name"] for row in json.loads(call("data", "list", "--json").stdout)
    ] == data.names()


def test_fetching_embedded_data_reports_what_is_there() -> None:
    done = call("data", "fetch", "mnist-5k", "--json")
    (row,) = json.loads(done.stdout)
    assert (row["train"], row["test"], row["shape"]) == (4000, 1000, [1, 28, 28])
    assert row["fingerprint"] == data.load("mnist-5k").fingerprint
    assert row["fingerprint"] in call("data", "fetch", "mnist-5k").stdout


def test_fetching_what_is_unknown_or_not_to_be_had_is_told() -> None:
    done = call("data", "fetch", "mnits")
    assert (done.exit_code, "did you mean 'mnist'?" in done.stderr) == (2, True)
    done = call("data", "fetch", "folder:/nowhere")
    assert (done.exit_code, "/nowhere" in done.stderr) == (1, True)
    assert torch.is_tensor(data.load("mnist-5k").train.x)  # nothing was broken on the way


def test_bench_outside_a_checkout_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "bnbook" / "environment.py"))
    result = CliRunner().invoke(app, ["bench"])
    assert result.exit_code == 1
    assert "clone it" in result.stderr


def test_bench_runs_the_comparisons_in_this_very_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that whatever ends the command ends them."""
    ran: list[tuple[str, list[str], str]] = []

    def run(module: str, run_name: str) -> None:
        ran.append((module, sys.argv, sys.path[0]))
        raise SystemExit(3)

    monkeypatch.setattr("bnbook.cli.runpy.run_module", run)
    monkeypatch.setattr(sys, "argv", ["bnbook"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert CliRunner().invoke(app, ["bench", "--json"]).exit_code == 3
    assert ran == [("bench", ["bench", "--json"], str(environment.checkout()))]


SCRIPT = """
import torch
from torch import nn

def make_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))

def make_loaders():
    print("reading")
    x, y = torch.randn(64, 4), torch.arange(64) % 2
    batches = [(x[i : i + 16], y[i : i + 16]) for i in range(0, 64, 16)]
    return batches, (x, y)
"""


def test_a_script_is_diagnosed_and_standard_output_holds_the_report_alone(tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(SCRIPT, encoding="utf-8")
    page = tmp_path / "report.html"
    arguments = ["diagnose", f"{script}:make_model", "--data", f"{script}:make_loaders", "--json"]
    result = CliRunner().invoke(app, [*arguments, "--save", str(page)])
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert "never-updated" in {each["name"] for each in report["findings"]}
    assert "never-updated" in page.read_text(encoding="utf-8")
    assert "reading" in result.stderr


@pytest.mark.parametrize(
    ("model", "message"),
    [("nothing.py:make", "no SCRIPT.py:NAME"), ("{}:make_modle", "did you mean 'make_model'")],
)
def test_a_function_that_is_not_there_is_misuse(tmp_path: Path, model: str, message: str) -> None:
    script = tmp_path / "mine.py"
    script.write_text(SCRIPT, encoding="utf-8")
    result = CliRunner().invoke(app, ["diagnose", model.format(script), "--data", "mnist-5k"])
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())
