"""What a comparison ran on, and whether something else ran there too."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import torch
from loky import cpu_count

import bnbook
from bnbook.study.machine import memory, processor


def described() -> dict[str, Any]:
    """Version, date, processor, cores, GiB of memory, system, and the versions that matter."""
    return {
        "version": bnbook.__version__,
        "date": datetime.now(UTC).date().isoformat(),
        "processor": processor(),
        "cores": cpu_count(),
        "memory_gib": round(memory() / 2**30, 1),
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": version("torch"),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


def waiting() -> float | None:
    """Processes that ran or waited to run in the last minute; None where nobody counts them."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None
