"""The version is one, and what surrounds the package says the same as the package."""

import re
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
    jobs = yaml.safe_load((ROOT / ".github/workflows/tests.yml").read_text())["jobs"]
    commands = " ".join(step.get("run", "") for job in jobs.values() for step in job["steps"])
    named = [word for word in commands.split() if word.startswith("tests/")]
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
    oldest = re.search(r'requires-python = ">=3\.(\d+)"', (ROOT / "pyproject.toml").read_text())
    assert oldest is not None
    assert jobs["linux"]["strategy"]["matrix"]["python"][0] == f"3.{oldest[1]}"
