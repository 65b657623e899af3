"""What is set from outside is read in one place and in one way, and says where things lie."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import bnbook
from bnbook import data, environment
from bnbook.experiments import ExperimentError, run
from bnbook.store import Store

PACKAGE = Path(bnbook.__file__).parent
FOLDERS = {
    "BNBOOK_STORE": (environment.records, lambda: Store.default().root),
    "BNBOOK_DATA": (environment.data, data.root),
}


def reads_the_environment(path: Path) -> bool:
    return any(
        isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    )


def test_the_environment_is_read_in_one_place() -> None:
    readers = [path.name for path in PACKAGE.rglob("*.py") if reads_the_environment(path)]
    assert readers == ["environment.py"]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_folder_may_begin_with_the_home(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/reader")
    for value, expected in {
        "~": "/home/reader",
        "~/x": "/home/reader/x",
        " ~/x ": "/home/reader/x",
        "/else/where": "/else/where",
    }.items():
        monkeypatch.setenv(name, value)
        assert [str(where()) for where in FOLDERS[name]] == [expected] * 2


@pytest.mark.parametrize("name", FOLDERS)
def test_a_home_that_there_is_not_is_told(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "~nobody-of-this-name/x")
    for where in FOLDERS[name]:
        with pytest.raises(ValueError, match=f"{name}=~nobody-of-this-name/x: no such home"):
            where()


@pytest.mark.parametrize("empty", ["", " ", "\t"])
def test_what_is_empty_counts_as_not_set(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read = (environment.records, environment.data, environment.scale, debug)
    names = ("BNBOOK_STORE", "BNBOOK_DATA", "BNBOOK_SCALE", "BNBOOK_DEBUG")
    for name in names:
        monkeypatch.delenv(name, raising=False)
    unset = [each() for each in read]
    for name in names:
        monkeypatch.setenv(name, empty)
    assert [each() for each in read] == unset
    assert environment.scale() == "book"


def debug() -> bool:
    return environment.switched_on("BNBOOK_DEBUG")


@pytest.mark.parametrize(("value", "on"), [("1", True), ("yes", True), ("0", False), ("", False)])
def test_a_switch_is_off_at_0(value: str, on: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNBOOK_DEBUG", value)
    assert environment.switched_on("BNBOOK_DEBUG") is on


def test_a_scale_that_there_is_not_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNBOOK_SCALE", "smok")
    with pytest.raises(ExperimentError, match="did you mean 'smoke'"):
        run("gaussian-units")


# --- one store for one user -------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder beside the package, which lies somewhere else than it does; nothing is set."""
    monkeypatch.setattr(environment, "__file__", str(tmp_path / "bnbook" / "environment.py"))
    monkeypatch.setattr(environment, "user_cache_path", lambda name: tmp_path / "cache" / name)
    monkeypatch.delenv("BNBOOK_STORE")
    return tmp_path


def test_a_checkout_has_its_records_where_make_has_them(installed: Path) -> None:
    (installed / "pyproject.toml").write_text('[project]\nname = "bnbook"\n', encoding="utf-8")
    assert environment.checkout() == installed
    assert Store.default().root == installed / "_build" / "records"


@pytest.mark.parametrize("beside", [None, '[project]\nname = "mine"', "[tool.ruff]", "no toml ["])
def test_a_package_that_was_installed_has_its_records_in_the_cache(
    installed: Path, beside: str | None
) -> None:
    if beside is not None:
        (installed / "pyproject.toml").write_text(beside, encoding="utf-8")
    assert environment.checkout() is None
    assert Store.default().root == installed / "cache" / "bnbook" / "records"


def test_the_variable_goes_before_the_checkout(
    installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (installed / "pyproject.toml").write_text('[project]\nname = "bnbook"\n', encoding="utf-8")
    monkeypatch.setenv("BNBOOK_STORE", str(installed / "mine"))
    assert Store.default().root == installed / "mine"


def test_this_very_repository_is_a_checkout() -> None:
    assert environment.checkout() == PACKAGE.parent


def test_the_makefile_sets_no_store_of_its_own() -> None:
    assert "BNBOOK_STORE" not in (PACKAGE.parent / "Makefile").read_text(encoding="utf-8")
