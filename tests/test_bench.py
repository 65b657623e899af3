"""The comparisons run: what they leave as JSON, and what they measure."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest
import torch

from bench import __main__ as command
from bench import growth, peers
from bench.timing import Times, interleaved, one_thread, ratio
from bnbook.study import runner


def test_times_are_divided_repeat_by_repeat() -> None:
    assert Times.of([4.0, 2.0, 6.0]).per(2) == Times(1.0, 2.0, (2.0, 1.0, 3.0))


def test_subjects_take_turns() -> None:
    turns: list[str] = []

    def of(name: str) -> Callable[[], None]:
        def run() -> None:
            turns.append(name)
            time.sleep(0.006)  # more than a repeat fills, so that one holds one call

        return run

    times = interleaved({"a": of("a"), "b": of("b")}, 3)
    assert turns == ["a", "b", "a", "b", "a", "b", "a", "b"]
    assert all(seen.least >= 0.006 and len(seen.repeats) == 3 for seen in times.values())


def test_what_is_timed_has_one_thread_and_the_others_come_back_after_an_error() -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    seen = []

    @one_thread()
    def timed() -> None:
        seen.append(torch.get_num_threads())
        raise RuntimeError

    try:
        for _ in range(2):
            with pytest.raises(RuntimeError):
                timed()
        assert [*seen, torch.get_num_threads()] == [1, 1, 3]
    finally:
        torch.set_num_threads(threads)


def test_json_has_the_machine_and_every_repeat(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made: Any = ModuleType("bench.made_up")
    times = {"ours": Times.of([1.0, 2.0]), "theirs": Times.of([4.0, 6.0])}
    made.compare = lambda: times
    made.ratios = lambda times: {"theirs / ours": ratio(times["theirs"], times["ours"])}
    made.absent = lambda: {"others": "others is not installed"}
    monkeypatch.setitem(sys.modules, "bench.made_up", made)
    monkeypatch.setattr(command, "SUBJECTS", ("made_up",))
    monkeypatch.setattr(sys, "argv", ["bench", "--json"])
    command.main()
    found = json.loads(capsys.readouterr().out)
    subject = found["subjects"]["made_up"]
    assert subject["seconds"]["ours"] == {"least": 1.0, "median": 1.5, "repeats": [1.0, 2.0]}
    assert subject["ratios"] == {"theirs / ours": [4.0, pytest.approx(5 / 1.5)]}
    assert subject["absent"] == {"others": "others is not installed"}
    assert found["machine"]["cores"] >= 1
    assert set(found["load"]) == {"before", "after"}


def test_a_peer_that_is_not_installed_is_left_out_with_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(peers, "NEEDS", {"theirs": "a_package_that_nobody_has"})
    assert peers.absent() == {"theirs": "a_package_that_nobody_has is not installed"}


@pytest.mark.parametrize("groups", [1, 4])
def test_nothing_is_measured_anew_at_every_call_in_so_many_groups(
    groups: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []

    def perform(task: Any, *arguments: Any) -> Any:
        seen.append(task.work)
        return performed(task, *arguments)

    performed = runner.perform
    monkeypatch.setattr(runner, "perform", perform)
    measure = growth.measuring(4, groups)
    measure()
    measure()
    assert seen == [4 // groups] * groups * 2


def test_every_size_of_growth_has_a_name_of_its_own() -> None:
    names = [name for pairs in growth.curves().values() for _, name in pairs]
    assert len(set(names)) == len(names)
