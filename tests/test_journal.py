"""What a reader has done is kept in a small file, whole or not at all."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from bnbook import journal

SOLVED = {"passed": True, "attempts": 2}


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BNBOOK_JOURNAL", str(tmp_path / "new" / "journal.json"))
    return journal.path()


def test_nothing_is_known_at_first_and_reading_writes_nothing(kept: Path) -> None:
    assert journal.read() == {"exercises": {}, "predictions": {}}
    assert not kept.exists()


def test_what_is_noted_stands_beside_what_was_known() -> None:
    journal.note("exercises", "ex-a-1", attempts=2)
    journal.note("exercises", "ex-a-1", passed=True)
    journal.note("predictions", "predict-a-1", guess="no")
    assert journal.read() == {
        "exercises": {"ex-a-1": SOLVED},
        "predictions": {"predict-a-1": {"guess": "no"}},
    }
    journal.clear()
    assert journal.read()["exercises"] == {}


def test_it_is_carried_over_by_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal.note("exercises", "ex-a-1", **SOLVED)
    journal.note("predictions", "predict-a-1", guess="no")
    file = journal.export(tmp_path / "mine.json")
    monkeypatch.setenv("BNBOOK_JOURNAL", str(tmp_path / "other.json"))
    journal.note("exercises", "ex-a-1", attempts=5)
    journal.note("predictions", "predict-a-1", guess="yes")
    found = journal.bring(file)
    assert found == journal.read()
    assert found["exercises"]["ex-a-1"] == {"passed": True, "attempts": 5}
    assert found["predictions"]["predict-a-1"]["guess"] == "yes", "the guess made here stays"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", "null", '{"bnbook": 1}', '{"bnbook": 2, "exercises": {}}', "\x00"]
)
def test_a_file_that_is_no_journal_is_refused_and_changes_nothing(
    text: str, tmp_path: Path
) -> None:
    journal.note("exercises", "ex-a-1", **SOLVED)
    (tmp_path / "odd.json").write_text(text, encoding="utf-8")
    with pytest.raises(journal.JournalError, match=r"journal|version"):
        journal.bring(tmp_path / "odd.json")
    assert journal.read()["exercises"] == {"ex-a-1": SOLVED}


def test_a_damaged_journal_counts_for_nothing_with_a_warning(kept: Path) -> None:
    journal.note("exercises", "ex-a-1", **SOLVED)
    kept.write_text(kept.read_text(encoding="utf-8")[:20], encoding="utf-8")
    with pytest.warns(UserWarning, match="is not used"):
        assert journal.read()["exercises"] == {}


def test_where_nothing_can_be_written_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("BNBOOK_JOURNAL", str(tmp_path / "file" / "journal.json"))
    with pytest.warns(UserWarning, match="not"):
        journal.note("exercises", "ex-a-1", passed=True)


def test_the_file_is_small_and_says_its_version(kept: Path) -> None:
    for number in range(100):
        journal.note("exercises", f"ex-a-{number}", **SOLVED)
    assert json.loads(kept.read_text(encoding="utf-8"))["bnbook"] == journal.VERSION
    assert kept.stat().st_size < 10_000
    assert [each.name for each in kept.parent.iterdir()] == ["journal.json"]


def test_a_device_keeps_nothing_and_stays_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BNBOOK_JOURNAL", os.devnull)
    journal.note("exercises", "ex-a-1", passed=True)
    assert journal.read()["exercises"] == {}
    assert not Path(os.devnull).is_file()
