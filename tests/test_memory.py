"""Memory that is free goes back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from bnbook import memory

KEPT = """
import psutil
from bnbook import memory
resident = lambda: psutil.Process().memory_info().rss / 2**20
pieces = [bytes(100_000) for _ in range(2_000)]
last = bytes(100_000)  # lies above them: without it the C library would give them back unasked
held = resident()
del pieces
freed = resident()
memory.give_back()
print(held - freed, freed - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps and gives back")
def test_what_the_c_library_keeps_goes_back() -> None:
    told = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, check=True)
    unasked, given = map(float, told.stdout.split())
    assert unasked < 20
    assert given > 100


def test_elsewhere_it_says_that_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not memory.give_back()
