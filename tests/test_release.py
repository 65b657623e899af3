"""The version is one, and what surrounds the package says the same as the package."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import bnbook

ROOT = Path(__file__).parents[1]
CHANGES = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_citation_and_the_changelog_are_of_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert str(citation["version"]) == bnbook.__version__
    assert re.findall(r"^## (\S+)", CHANGES, re.M)[0] == bnbook.__version__


def test_versions_of_the_changelog_go_down_and_all_but_the_newest_are_dated() -> None:
    entries = re.findall(r"^## (\d+)\.(\d+)\.(\d+) \((.*)\)$", CHANGES, re.M)
    versions = [tuple(map(int, entry[:3])) for entry in entries]
    assert versions == sorted(set(versions), reverse=True)
    dates = [entry[3] for entry in entries[1:]]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for date in dates)


@pytest.mark.parametrize(
    "file", [*sorted((ROOT / ".github").rglob("*.yml")), ROOT / ".pre-commit-config.yaml"], ids=str
)
def test_what_the_forge_reads_is_yaml(file: Path) -> None:
    assert isinstance(yaml.safe_load(file.read_text(encoding="utf-8")), dict)


def test_the_workflow_names_tests_that_exist_and_every_python_that_is_supported() -> None:
    jobs = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8"))[
        "jobs"
    ]
    commands = " ".join(step.get("run", "") for job in jobs.values() for step in job["steps"])
    named = [word for word in commands.split() if word.startswith("tests/")]
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
    oldest = re.search(
        r'requires-python = ">=3\.(\d+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    )
    assert oldest is not None
    assert jobs["linux"]["strategy"]["matrix"]["python"][0] == f"3.{oldest[1]}"


STRANGER = """\
import torch
from torch import nn
import bnbook
x, y = torch.randn(600, 20), torch.randint(3, (600,))
model = nn.Sequential(nn.Linear(20, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 3))
batches = list(zip(x.split(50), y.split(50)))
report = bnbook.diagnose(model, bnbook.data.from_batches(batches[:8], batches[8:]))
print(bnbook.__file__, report, report.save("report.html"))
"""


@pytest.mark.skipif(not (ROOT / "bnbook").exists(), reason="the wheel itself is tested")
def test_a_stranger_with_the_wheel_alone_has_a_report_in_less_than_ten_lines(
    tmp_path: Path,
) -> None:
    """The wheel in an empty folder, beside what it depends on, and a model of one's own."""
    pip, empty, code = [sys.executable, "-m", "pip", "-q"], tmp_path / "empty", tmp_path / "code"
    empty.mkdir()
    source = tmp_path / "source"  # a build leaves files where it builds
    shutil.copytree(ROOT / "bnbook", source / "bnbook")
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    wheel = [*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path), str(source)]
    subprocess.run(wheel, check=True)
    (built,) = tmp_path.glob("bnbook-*.whl")
    target = [*pip, "install", "--no-deps", "--no-index", "--target", str(code), str(built)]
    subprocess.run(target, check=True)
    assert STRANGER.count("\n") < 10
    found = subprocess.run(
        [sys.executable, "-c", STRANGER],
        cwd=empty,
        env=os.environ | {"PYTHONPATH": str(code)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert found.startswith(str(code))
    assert "✗ never-updated" in found
    assert "never-updated" in (empty / "report.html").read_text(encoding="utf-8")
