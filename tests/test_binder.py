"""Binder gets what the package needs, for the CPU, and no package's host is named."""

import json
import os
import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
CONDA = {"torch": "pytorch-cpu", "netcdf4": "netcdf4", "matplotlib": "matplotlib-base"}


def bounds(requirements: list[str]) -> dict[str, str]:
    """Name -> bound of each requirement."""
    found = (re.match(r"([\w-]+)([=<>]=\S+)", each) for each in requirements)
    return {name.lower(): bound for name, bound in (each.groups() for each in found if each)}


def test_binder_has_what_the_package_depends_on() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    environment = yaml.safe_load((ROOT / "binder" / "environment.yml").read_text(encoding="utf-8"))
    there = bounds(environment["dependencies"])
    needed = bounds(project["dependencies"])
    assert {CONDA.get(name, name): bound for name, bound in needed.items()}.items() <= there.items()
    assert not set(there) & {"pytorch", "pytorch-gpu", "cudatoolkit"}


def test_what_the_package_depends_on_is_pinned_within_its_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pinned = bounds((ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines())
    for name in bounds(project["dependencies"]):
        assert pinned.get(name, "").startswith("=="), f"{name} is not pinned in requirements.txt"


def test_the_last_step_of_binder_can_be_run() -> None:
    assert os.access(ROOT / "binder" / "postBuild", os.X_OK)


def test_binder_fetches_the_notebooks_of_the_repository_that_config_names() -> None:
    script = (ROOT / "binder" / "postBuild").read_text(encoding="utf-8")
    config = (ROOT / "_config.yml").read_text(encoding="utf-8")
    assert "sed -n 's/^  url: //p' _config.yml" in script
    assert re.findall(r"^  url: (.*)$", config, re.MULTILINE) == [
        yaml.safe_load(config)["repository"]["url"]
    ]


def test_a_kernel_in_binder_ends_with_its_notebook() -> None:
    script = (ROOT / "binder" / "postBuild").read_text(encoding="utf-8")
    (written,) = re.findall(r"echo '(.*)' > \"\$settings/overrides.json\"", script)
    assert json.loads(written)["@jupyterlab/notebook-extension:tracker"] == {"kernelShutdown": True}


def test_chapters_are_shown_in_binder_as_they_are_written() -> None:
    environment = yaml.safe_load((ROOT / "binder" / "environment.yml").read_text(encoding="utf-8"))
    assert {"jupytext", "jupyterlab-myst"} <= set(bounds(environment["dependencies"]))
