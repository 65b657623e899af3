"""No more processes than cores, nor than memory bears."""

from __future__ import annotations

from pathlib import Path

import pytest

from bnbook.study import machine


@pytest.mark.parametrize(
    ("cores", "gibibytes", "expected"),
    [(2, 2, 1), (2, 1, 1), (2, 4, 2), (2, 24, 2), (16, 8, 7), (1, 64, 1)],
)
def test_a_process_a_core_but_each_with_a_gibibyte_beside_the_caller(
    cores: int, gibibytes: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "cpu_count", lambda: cores)
    monkeypatch.setattr(machine, "memory", lambda: gibibytes * 2.0**30)
    assert machine.processes() == expected


def test_a_container_has_the_memory_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(machine, "LIMITS", (str(limit), str(tmp_path / "absent")))
    whole = machine.memory()
    limit.write_text("max\n", encoding="utf-8")
    assert machine.memory() == whole
    limit.write_text(f"{2**28}\n", encoding="utf-8")
    assert machine.memory() == 2**28
