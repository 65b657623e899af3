"""The page about speed reads what comparisons leave: their ratios, their repeats, their machine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bnbook import environment, figures, speed

REPEATS = {"fast": [0.002, 0.001, 0.003], "slow": [0.02, 0.01, 0.01]}


def kept(version: str, ratio: float, **changes: Any) -> dict[str, Any]:
    """What `python -m bench --json` prints, of two subjects."""
    seconds = {
        name: {"least": min(seen), "median": sorted(seen)[1], "repeats": seen}
        for name, seen in REPEATS.items()
    }
    curves = {"members": [[1, "slow"], [8, "fast"]], "members of 4": [[1, "fast"], [8, "slow"]]}
    machine = {
        "version": version,
        "date": "2026-11-28",
        "processor": "some processor",
        "cpu_capability": "AVX2",
        "cores": 2,
        "torch": "2.13.0",
    }
    of_pairs = {"ratios": {"slow / fast": [ratio, ratio + 1]}, "curves": {}, "absent": {}}
    grown = {"seconds": seconds, "ratios": {}, "curves": curves, "absent": {"cluster": "no Dask"}}
    found = {
        "machine": machine,
        "load": {"before": 0.2, "after": 1.0},
        "subjects": {"pair": {"seconds": seconds, **of_pairs}, "growth": grown},
    }
    return found | changes


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(environment, "checkout", lambda: tmp_path)
    results = tmp_path / "bench" / "results"
    results.mkdir(parents=True)
    return results


def write(folder: Path, *found: dict[str, Any]) -> None:
    for each in found:
        (folder / f"{each['machine']['version']}.json").write_text(
            json.dumps(each), encoding="utf-8"
        )


def test_releases_are_ordered_by_their_numbers_and_the_latest_ratios_stand_last(
    folder: Path,
) -> None:
    write(folder, kept("0.10.0", 4.0), kept("0.9.0", 2.0))
    lines = speed.table(["pair"]).markdown.splitlines()
    assert lines[0] == "| ratio | 0.9.0 | 0.10.0 | 0.10.0, median |"
    assert lines[2:] == ["| slow / fast | 2.00 | 4.00 | 5.00 |"]


def test_a_ratio_that_an_earlier_release_lacks_is_left_empty(folder: Path) -> None:
    write(folder, kept("1.0.0", 2.0, subjects={}), kept("1.1.0", 12.34))
    assert speed.table(["pair"]).markdown.splitlines()[2] == "| slow / fast |  | 12 | 13 |"


def test_a_machine_that_others_used_too_is_said_to_be_busy(folder: Path) -> None:
    write(folder, kept("1.0.0", 2.0), kept("1.1.0", 2.0, load={"before": 0.5, "after": 7.25}))
    quiet, busy = speed.machines().markdown.splitlines()[2:]
    assert quiet.endswith("| no |")
    assert "yes: 7.2 processes wanted a core" in busy
    assert "some processor" in busy


def test_what_was_left_out_is_told(folder: Path) -> None:
    write(folder, kept("1.0.0", 2.0))
    assert speed.left_out().markdown == "- cluster: no Dask"


def test_repeats_are_drawn_in_milliseconds_and_called_repeats(folder: Path) -> None:
    write(folder, kept("1.0.0", 2.0))
    timed = speed.seconds("pair", ["slow", "fast"])
    assert timed.seconds.sel(arm="fast").values.tolist() == [2, 1, 3]
    drawn = figures.dots(timed, "seconds", paired=False, log=True)
    assert drawn.alt.startswith("Dots of time (ms) for slow and fast; a dot a repeat")
    assert "over 3 repeats" in drawn.alt


def test_growth_is_over_the_number_of_units(folder: Path) -> None:
    write(folder, kept("1.0.0", 2.0))
    grown = speed.growth({"members": "60", "members of 4": "4"}, "networks")
    assert grown.seconds.sel(arm="60", networks=8).values.tolist() == [2, 1, 3]
    assert grown.seconds.sel(arm="4", networks=8).values.tolist() == [20, 10, 10]


def test_without_results_it_says_how_to_get_some(folder: Path) -> None:
    with pytest.raises(speed.NoResults, match="bnbook bench --json"):
        speed.results()


def anew(version: str, machine: str = "some processor, 2 cores", **deviations: float) -> str:
    """The report of a `make remeasure` of experiments that took 60 s, 30 s and so on."""
    took = {
        name: {"core_s": 60.0 / (place + 1), "s": 60.0, "deviation": far, "variable": "loss"}
        for place, (name, far) in enumerate(deviations.items())
    }
    report = {"version": version, "machine": machine, "experiments": took}
    return json.dumps({**report, "verdicts": 7, "differ": [["math-1", "supported", "reversed"]]})


def test_what_everything_took_is_a_table_with_the_longest_first(folder: Path) -> None:
    with pytest.raises(speed.NoResults, match="make remeasure"):
        speed.anew()
    kept_in = folder.parent / "remeasured"
    kept_in.mkdir()
    (kept_in / "0.9.0.json").write_text(anew("0.9.0", a=0.0), encoding="utf-8")
    (kept_in / "0.10.0.json").write_text(anew("0.10.0", a=0.0, b=0.25, c=0.0), encoding="utf-8")
    words, _, *lines = speed.anew(longest=1).markdown.splitlines()
    assert "release 0.10.0, on some processor, 2 cores" in words
    assert "3 experiments took 2 minutes of one core, and 3 minutes in all" in words
    assert "Of 3 records 2 came out bit for bit as published" in words
    assert "6 of 7 verdicts" in words
    assert "Of the other 1 the spread over their seeds holds 1." in words
    assert "Beyond it" not in words
    assert words.endswith("Other verdicts there: math-1 (reversed, not supported).")
    assert lines[2:] == [
        "| a | 60 | 55 % |",
        "| the other 2 | 50 | 45 % |",
        "| all | 110 | 100 % |",
    ]


def test_what_another_machine_came_to_is_a_paragraph_of_its_own(folder: Path) -> None:
    kept_in = folder.parent / "remeasured"
    kept_in.mkdir()
    (kept_in / "0.9.0-old.json").write_text(anew("0.9.0", "an old one", a=0.0), encoding="utf-8")
    (kept_in / "0.10.0-other.json").write_text(
        anew("0.10.0", "another", a=0.5, b=1.5), encoding="utf-8"
    )
    (kept_in / "0.10.0.json").write_text(anew("0.10.0", a=0.0, b=0.0), encoding="utf-8")
    first, _, second, _, *lines = speed.anew().markdown.splitlines()
    assert "on some processor, 2 cores" in first
    assert second.startswith("Measured on another, too. Of 2 records 0 came out bit for bit")
    assert "Beyond it, in the quantity named, went b (loss)." in second
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| a", "| b", "| all"]
