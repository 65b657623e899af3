"""Freed memory goes back to the system, for whoever has several notebooks open."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> bool:
    """Let the C library return what is free; whether it could, which glibc alone can.

    It keeps what was freed for later, and pixels of drawings take much at once: a kernel that has
    run a chapter would hold a third more than it needs. It takes a few milliseconds.
    """
    if sys.platform != "linux":
        return False
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and bool(trim(0))
