"""What make does when pages or the checkout were moved; nothing is installed or built here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

MAKEFILE = Path(__file__).parents[1] / "Makefile"
BEFORE = ("requirements.txt", "constraints.txt", "pyproject.toml", "requirements-dev.txt")


def make(checkout: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["make", *arguments], cwd=checkout, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with pages, a package, and an environment whose tools do nothing."""
    root = tmp_path / "checkout"
    for folder in ("book/_static", "bnbook", ".venv/bin"):
        (root / folder).mkdir(parents=True)
    shutil.copy(MAKEFILE, root)
    for name in (*BEFORE, "book/one.md", "book/two.md", "bnbook/a.py"):
        (root / name).write_text("", encoding="utf-8")
    for tool in ("python", "jcache", "jupyter-book"):
        path = root / ".venv" / "bin" / tool
        path.write_text("#!/bin/sh\n", encoding="utf-8")
        path.chmod(0o755)
    made_at(root, root)
    return root


def made_at(root: Path, place: Path) -> None:
    """The environment of `root` says that it was made at `place`, after everything else."""
    (root / ".venv" / "pyvenv.cfg").write_text(
        f"command = /python3 -m venv {place}/.venv\n", encoding="utf-8"
    )
    for stamp in ("book", "dev"):
        (root / ".venv" / stamp).touch()
        later = (root / ".venv" / "bin" / "python").stat().st_mtime + 10
        os.utime(root / ".venv" / stamp, (later, later))


def executed_anew(root: Path) -> bool:
    """Whether `make html` empties the cache of executed pages."""
    kept = root / "_build" / ".jupyter_cache" / "executed before"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.touch()
    make(root, "html")
    return not kept.exists()


def test_pages_are_executed_anew_when_they_are_others(checkout: Path) -> None:
    assert executed_anew(checkout)
    assert not executed_anew(checkout)
    (checkout / "book" / "one.md").rename(checkout / "book" / "three.md")
    assert executed_anew(checkout)
    assert not executed_anew(checkout)
    (checkout / "book" / "three.md").unlink()
    assert executed_anew(checkout)
    (checkout / "bnbook" / "a.py").write_text("x = 1", encoding="utf-8")
    assert executed_anew(checkout)
    assert not executed_anew(checkout)


def test_pages_are_executed_anew_when_the_checkout_moved(checkout: Path) -> None:
    executed_anew(checkout)
    moved = checkout.rename(checkout.with_name("elsewhere"))
    made_at(moved, moved)
    assert executed_anew(moved)
    assert not executed_anew(moved)


def test_an_environment_that_was_made_elsewhere_is_made_anew(checkout: Path) -> None:
    remove = "rm -rf .venv"
    assert remove not in make(checkout, "-n", "html")
    copy = Path(shutil.copytree(checkout, checkout.with_name("copy"), symlinks=True))
    planned = make(copy, "-n", "html")
    assert planned.index(remove) < planned.index("-m venv .venv") < planned.index("install -r")


def test_an_environment_of_another_tool_is_left_alone(checkout: Path) -> None:
    (checkout / ".venv" / "pyvenv.cfg").write_text("home = /usr/bin\nuv = 0.4\n", encoding="utf-8")
    assert "rm -rf .venv" not in make(checkout, "-n", "html")
