"""A record comes back as it went in, or is known to be damaged; a full store loses nothing."""

from __future__ import annotations

import errno
import os
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from bnbook.record import assemble
from bnbook.store import DamagedRecord, Store, StoreError


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
    damaged = {"truncated": bytes(content[:100]), "changed": bytes(content), "empty": b""}
    path.write_bytes(damaged[damage])
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
    assert caught.value.record is not None
    store.save(caught.value.record, "shift--book", "def")
    xr.testing.assert_identical(store.load("def"), sample(2.0))


def test_a_store_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder", encoding="utf-8")
    with pytest.raises(StoreError, match="file"):
        Store(tmp_path / "file").save(sample(), "shift--book", "abc")


def test_the_store_is_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BNBOOK_STORE", str(tmp_path / "some" / "where"))
    assert Store.default().root == tmp_path / "some" / "where"


def test_a_store_is_tried_without_leaving_a_trace(tmp_path: Path) -> None:
    Store(tmp_path / "new").prepare()
    assert list((tmp_path / "new").iterdir()) == []


# --- shared with others -----------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077, 0o027])
def test_the_modes_of_what_is_stored_follow_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        path = Store(tmp_path / "records").save(sample(), "shift--book", "abc")
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask
    assert path.parent.stat().st_mode & 0o777 == 0o777 & ~umask


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o755, 0o700])
def test_a_lock_is_open_to_whoever_may_write_to_the_store_and_goes_with_its_use(
    tmp_path: Path, mode: int
) -> None:
    tmp_path.chmod(mode)
    with Store(tmp_path).alone("abc"):
        (lock,) = tmp_path.iterdir()
        assert lock.stat().st_mode & 0o777 == mode & 0o666
        assert str(os.getpid()) in lock.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == []


def test_a_lock_that_a_killed_process_left_is_used_and_removed(tmp_path: Path) -> None:
    (tmp_path / ".abc.lock").write_text(
        "process 1 on a machine that was switched off", encoding="utf-8"
    )
    with Store(tmp_path).alone("abc", pytest.fail):
        pass
    assert list(tmp_path.iterdir()) == []


def test_many_who_want_one_lock_have_it_one_after_the_other(tmp_path: Path) -> None:
    inside, most = 0, 0

    def enter(_: int) -> None:
        nonlocal inside, most
        with Store(tmp_path).alone("abc"):
            inside += 1
            most = max(most, inside)
            time.sleep(0.002)
            inside -= 1

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(enter, range(40)))
    assert most == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP])
def test_a_file_system_that_cannot_lock_still_keeps_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.flock", refuse)
    store = Store(tmp_path)
    with store.alone("abc"):
        store.save(sample(), "shift--book", "abc")
    xr.testing.assert_identical(store.load("abc"), sample())


def test_a_record_is_read_without_a_file_that_could_be_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store(tmp_path).save(sample(), "shift--book", "abc")
    opened = []
    real = xr.open_dataset

    def watch(what: Any, **options: Any) -> xr.Dataset:
        opened.append(type(what))
        return real(what, **options)

    monkeypatch.setattr(xr, "open_dataset", watch)
    assert Store(tmp_path).load("abc") is not None
    assert opened == [bytes]


def test_records_are_looked_for_in_other_folders_which_are_only_read(tmp_path: Path) -> None:
    published = Store(tmp_path / "published")
    path = published.save(sample(), "shift--book", "abc")
    published.save(sample(3.0), "shift--book", "both")
    store = Store(tmp_path / "own", (published.root,))
    store.save(sample(4.0), "shift--book", "both")
    xr.testing.assert_identical(store.load("abc"), sample())
    xr.testing.assert_identical(store.load("both"), sample(4.0))
    store.drop("abc")
    assert path.exists()
    path.write_bytes(b"")
    with pytest.warns(DamagedRecord, match="left where it is"):
        assert store.load("abc") is None
    assert path.exists()


def save_and_drop(root: Path, rounds: int) -> None:
    store = Store(root)
    for value in range(rounds):
        store.save(sample(float(value)), "shift--book", "abc")
        store.drop("abc")


def test_a_reader_is_not_disturbed_by_one_who_saves_and_drops(tmp_path: Path) -> None:
    store, seen = Store(tmp_path), 0
    with ProcessPoolExecutor(1, get_context("spawn")) as process:
        writer = process.submit(save_and_drop, tmp_path, 60)
        while not writer.done():
            seen += store.load("abc") is not None
        writer.result()
    assert seen > 0


def test_a_file_that_goes_between_looking_and_reading_is_not_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, read = Store(tmp_path), Path.read_bytes
    store.save(sample(), "shift--book", "abc")
    meanwhile = iter([lambda: store.save(sample(2.0), "shift--book", "abc")])

    def late(path: Path) -> bytes:
        for happens in meanwhile:
            happens()
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", late)
    xr.testing.assert_identical(store.load("abc"), sample(2.0))


def test_two_who_save_at_once_do_not_remove_each_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two, sync = Store(tmp_path), Store(tmp_path), os.fsync
    meanwhile = iter([lambda: two.save(sample(2.0), "shift--book", "abc")])

    def slow(handle: int) -> None:
        for happens in meanwhile:
            happens()
        sync(handle)

    monkeypatch.setattr(os, "fsync", slow)
    one.save(sample(1.0), "shift--book", "abc")
    assert one.load("abc") is not None
    one.save(sample(3.0), "shift--book", "abc")
    assert len(list(tmp_path.iterdir())) == 1


def test_a_damaged_file_that_another_sets_aside_first_does_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Store(tmp_path).save(sample(), "shift--book", "abc")
    path.write_bytes(b"")

    def gone(*_: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "replace", gone)
    with pytest.warns(DamagedRecord):
        assert Store(tmp_path).load("abc") is None


# --- merged with others -----------------------------------------------------------------------


def test_parts_from_the_store_do_not_cut_the_names_of_fresh_ones(tmp_path: Path) -> None:
    arms, store = ["relu", "sigmoid, batch"], Store(tmp_path)
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
