"""A record comes back as it went in, or is known to be damaged; a full store loses nothing."""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from bnbook import record
from bnbook.record import (
    DamagedRecord,
    Store,
    StoreError,
    assemble,
    describe,
    digest,
    source_digest,
)


def sample(value: float = 1.0) -> xr.Dataset:
    values = np.array([[value, np.nan], [3.0, -np.inf]])
    attrs = {"units": "1"}
    found = xr.Dataset(
        {"accuracy": (("arm", "seed"), values, attrs)},
        coords={"arm": ["none", "batch"], "seed": [0, 1]},
    )
    return found.assign_attrs(question="why?", wall_time_s=1.5)


def test_a_record_comes_back_as_it_went_in(tmp_path: Path) -> None:
    store = Store(tmp_path / "not yet there")
    path = store.save(sample(), "shift--book", "abc")
    assert path.name.startswith("shift--book--abc--")
    xr.testing.assert_identical(store.load("abc"), sample())


def test_what_was_never_stored_is_not_there(tmp_path: Path) -> None:
    assert Store(tmp_path).load("abc") is None


@pytest.mark.parametrize("damage", ["truncated", "changed", "empty"])
def test_a_damaged_record_is_named_set_aside_and_not_used(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path)
    path = store.save(sample(), "shift--book", "abc")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"truncated": content[:100], "changed": content, "empty": b""}[damage])
    with pytest.warns(DamagedRecord, match=path.name):
        assert store.load("abc") is None
    assert not path.exists()
    store.save(sample(2.0), "shift--book", "abc")
    xr.testing.assert_identical(store.load("abc"), sample(2.0))


def test_a_new_record_replaces_the_one_of_its_key(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for value in (1.0, 2.0):
        store.save(sample(value), "shift--book", "abc")
    assert len(list(tmp_path.iterdir())) == 1
    xr.testing.assert_identical(store.load("abc"), sample(2.0))


def test_a_full_disk_leaves_earlier_records_and_hands_the_new_one_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    store.save(sample(), "shift--book", "abc")
    before = sorted(tmp_path.iterdir())

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"disk is full.*BNBOOK_STORE") as caught:
        store.save(sample(2.0), "shift--book", "def")
    monkeypatch.undo()
    assert sorted(tmp_path.iterdir()) == before
    xr.testing.assert_identical(store.load("abc"), sample())
    store.save(caught.value.record, "shift--book", "def")
    xr.testing.assert_identical(store.load("def"), sample(2.0))


def test_a_store_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StoreError, match="file"):
        Store(tmp_path / "file").save(sample(), "shift--book", "abc")


def test_the_store_is_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNBOOK_STORE", "/some/where")
    assert Store.default().root == Path("/some/where")
    monkeypatch.delenv("BNBOOK_STORE")
    assert Store.default().root.name == "records"


def test_parts_are_put_together_in_the_order_of_the_plan() -> None:
    def part(arm: str, seed: int, value: float) -> xr.Dataset:
        return xr.Dataset(
            {"loss": (("arm", "seed"), [[value]], {"units": "nat"})},
            coords={"arm": [arm], "seed": [seed]},
        )

    parts = [
        part("none", 1, 4.0),
        part("batch", 0, 1.0),
        part("batch", 1, 2.0),
        part("none", 0, 3.0),
    ]
    whole = assemble(parts, ["none", "batch"], [0, 1])
    assert whole.loss.values.tolist() == [[3.0, 4.0], [1.0, 2.0]]
    assert whole.loss.attrs == {"units": "nat"}


def test_parts_from_the_store_do_not_cut_the_names_of_fresh_ones(tmp_path: Path) -> None:
    arms, store = ["relu", "sigmoid+batch"], Store(tmp_path)
    short, long = (
        xr.Dataset({"x": (("arm", "seed"), [[1.0]])}, coords={"arm": [arm], "seed": [0]})
        for arm in arms
    )
    store.save(short, "part", "short")
    stored = store.load("short")
    assert stored is not None
    store.save(assemble([stored, long], arms, [0]), "whole", "whole")
    whole = store.load("whole")
    assert whole is not None
    assert whole.arm.values.tolist() == arms


@dataclass(frozen=True)
class Settings:
    rate: float
    widths: tuple[int, ...]


def test_a_plan_is_described_by_its_classes_fields_and_functions() -> None:
    assert describe({"plan": Settings(0.1, (3, 4)), "by": describe}) == {
        "plan": {"is": "Settings", "rate": 0.1, "widths": [3, 4]},
        "by": "bnbook.record.describe",
    }


def test_digests_differ_when_anything_differs() -> None:
    plans = [Settings(0.1, (3,)), Settings(0.1, (4,)), Settings(0.2, (3,))]
    assert len({digest(describe(plan)) for plan in plans}) == 3


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A made-up package: a imports b, b imports c from a subpackage; d stands alone."""
    root = tmp_path / "madeup"
    (root / "sub").mkdir(parents=True)
    files = {
        "__init__": "",
        "a": "from madeup import b\n",
        "b": "def f():\n    from madeup.sub.c import x\n",
        "d": "",
        "sub/__init__": "",
        "sub/c": "x = 1\n",
        "sub/e": "",
    }
    for name, text in files.items():
        (root / f"{name}.py").write_text(text)
    for name in [module for module in sys.modules if module.startswith("madeup")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(record, "__name__", "madeup.record")
    return root


@pytest.mark.parametrize("name", ["a", "b", "sub/c"])
def test_the_source_digest_follows_imports(package: Path, name: str) -> None:
    before = source_digest(["madeup.a"])
    path = package / f"{name}.py"
    path.write_text(path.read_text() + "# changed\n")
    assert source_digest(["madeup.a"]) != before


@pytest.mark.parametrize("name", ["d", "sub/e"])
def test_the_source_digest_ignores_what_is_not_imported(package: Path, name: str) -> None:
    before = source_digest(["madeup.a"])
    (package / f"{name}.py").write_text("# changed\n")
    assert source_digest(["madeup.a"]) == before
