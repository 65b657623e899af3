"""Times that can be compared: subjects take turns, and the least and the median are kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import torch


@dataclass(frozen=True)
class Times:
    """Seconds of one call: the least and the median of the repeats, and all of them in turn."""

    least: float
    median: float
    repeats: tuple[float, ...]

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Times:
        """What was seen."""
        return cls(min(seconds), median(seconds), tuple(seconds))

    def per(self, count: int) -> Times:
        """Seconds of one of `count` equal parts of a call."""
        return Times.of([seconds / count for seconds in self.repeats])


Ratios = dict[str, tuple[float, float]]
"""By name: the ratio of least times, and of medians."""


@contextmanager
def one_thread() -> Iterator[None]:
    """While this holds, torch computes on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def interleaved(subjects: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, Times]:
    """Time every subject in turn, `repeats` times over, so that all meet the same disturbances.

    A repeat holds as many calls as fill about 5 ms. Each subject is called once before.
    """
    calls = {name: max(1, round(5e-3 / _seconds(run, 1))) for name, run in subjects.items()}
    seen: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(repeats):
        for name, run in subjects.items():
            seen[name].append(_seconds(run, calls[name]))
    return {name: Times.of(times) for name, times in seen.items()}


def _seconds(run: Callable[[], object], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return (time.perf_counter() - start) / calls


def ratio(ours: Times, theirs: Times) -> tuple[float, float]:
    """Ratio of the least times, and of the medians."""
    return ours.least / theirs.least, ours.median / theirs.median


def table(times: Mapping[str, Times], ratios: Ratios) -> str:
    """Microseconds and ratios, least and median, a line each."""
    lines = [f"{'':64}{'least':>10}{'median':>10}"]
    lines += [
        f"{name:61} μs{t.least * 1e6:10,.0f}{t.median * 1e6:10,.0f}" for name, t in times.items()
    ]
    lines += [f"{name:64}{least:10.2f}{middle:10.2f}" for name, (least, middle) in ratios.items()]
    return "\n".join(lines)
