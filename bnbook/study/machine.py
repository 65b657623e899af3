"""This machine: its name, how many processes may train, and that none outlives its parent."""

from __future__ import annotations

import math
import os
import platform
import threading
import time
from pathlib import Path

from loky import cpu_count
from torch.backends.cpu import get_cpu_capability

PROCESS = 2**30
"""Bytes to reckon with for each process, the calling one included; measured: 0.6 to 0.8 GiB."""
LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
"""Where a container says how much memory it was given, in bytes or as "max"."""


def processor() -> str:
    """The processor's name, as far as the system tells it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def name() -> str:
    """Processor, the instructions torch uses on it, and cores: what last bits and time hang on."""
    return f"{processor()}, {get_cpu_capability()}, {cpu_count()} cores"


def processes() -> int:
    """One a core, but no more than the memory bears beside the calling process; at least one.

    With one, a run trains in the calling process: on a machine of 2 GiB nothing else would fit.
    """
    return max(1, min(cpu_count(), int(memory() // PROCESS) - 1))


def memory() -> float:
    """Bytes of memory: the machine's, or the container's if that is less; infinite if unknown."""
    found = [math.inf]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found.append(float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")))
    for path in map(Path, LIMITS):
        limit = path.read_text(encoding="utf-8").strip() if path.exists() else "max"
        if limit.isdecimal():
            found.append(float(limit))
    return min(found)


def end_with(parent: int) -> None:
    """Let this process end within a second of its parent, however that one ended.

    `parent` is its process id. A parent that is killed can tell its children nothing, but they get
    another one, which a thread here looks for. Windows gives them none, so nothing is done there.
    """
    if os.name != "posix":
        return

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, name="end with the parent", daemon=True).start()
