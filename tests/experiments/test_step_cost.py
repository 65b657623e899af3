"""The clock is fair: arms take turns, and differ by the normalization alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from bnbook.experiments.step_cost import NORMS, Timing, interleaved, measure


def counting(log: list[str], name: str) -> Callable[[], None]:
    return lambda: log.append(name)


def test_arms_take_turns_and_who_begins_changes() -> None:
    log: list[str] = []
    seconds = interleaved([[counting(log, "a"), counting(log, "b")]], rounds=3)
    assert seconds.shape == (3, 1, 2)
    assert "".join(log) == "abbaabba"


def test_each_arm_gets_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = {"now": 0.0}
    monkeypatch.setattr("time.perf_counter", lambda: clock["now"])

    def lasting(seconds: float) -> Callable[[], None]:
        def step() -> None:
            clock["now"] += seconds

        return step

    steps = [[lasting(1), lasting(2)], [lasting(3), lasting(5)]]
    assert np.array_equal(interleaved(steps, 4), np.tile([[1.0, 2.0], [3.0, 5.0]], (4, 1, 1)))


def test_the_arms_differ_by_three_normalizations_and_nothing_else() -> None:
    plain, normalized = (Timing().build(arm, 100) for arm in NORMS)
    rest = [layer for layer in normalized if not isinstance(layer, nn.BatchNorm1d)]
    assert [str(layer) for layer in rest] == [str(layer) for layer in plain]
    assert len(normalized) == len(plain) + 3
    assert normalized(torch.randn(60, 784)).shape == (60, 10)


def test_a_repeat_times_every_size() -> None:
    found = measure(Timing(widths=(8, 16), batch_sizes=(4,), inputs=5, rounds=2), seed=0).step_time
    assert dict(found.sizes) == {"arm": 2, "width": 2, "batch_size": 1, "summary": 2}
    assert bool((found > 0).all())
    assert bool((found.sel(summary="minimum") <= found.sel(summary="median")).all())
