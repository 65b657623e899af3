"""What a reader in JupyterLab waits for, page by page: `python -m bench.notebooks [PAGE …]`.

Every page is run as a notebook, cell by cell, in a kernel that has one core, as in Binder, and
with a store that is empty: records come with the package. A table says, per page: the seconds from
the start of the kernel to the first figure and to the end, and the largest memory in MiB of the
kernel and the processes it started. With `--together` a kernel lives on when its page has run, as
in JupyterLab, and the memory is that of all so far. What processes share counts once. Linux only.
"""

from __future__ import annotations

import argparse
import math
import os
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import jupytext
import psutil
from nbclient import NotebookClient

from bench.pages import ROOT, pages

EVERY = 0.1
"""Seconds from one look at the memory to the next."""


@dataclass
class Seen:
    """A page as it ran: seconds to its first figure and in all, and MiB of all kernels at most."""

    first: float = float("nan")
    seconds: float = 0.0
    memory: float = 0.0
    over: threading.Event = field(default_factory=threading.Event)

    def watch(self, kernels: Callable[[], list[psutil.Process]]) -> None:
        """Keep the largest memory until it is over."""
        while not self.over.wait(EVERY):
            self.memory = max(self.memory, sum(map(_own, kernels())) / 2**20)


def run(page: str, kernels: ExitStack) -> Seen:
    """One page, from the start of its kernel to its last cell; `kernels` will end the kernel."""
    notebook = jupytext.read(ROOT / f"{page}.md")
    seen, start = Seen(), time.perf_counter()

    def done(cell: Any, **_: object) -> None:
        drawn = any(
            "image/svg+xml" in out.get("data", {}) or "<picture" in str(out)
            for out in cell.get("outputs", [])
        )
        if drawn and math.isnan(seen.first):
            seen.first = time.perf_counter() - start

    client = NotebookClient(
        notebook,
        timeout=None,
        on_cell_executed=done,
        resources={"metadata": {"path": str((ROOT / page).parent)}},
    )
    here = psutil.Process()
    watcher = threading.Thread(target=seen.watch, args=(lambda: here.children(recursive=True),))
    watcher.start()
    try:
        kernels.enter_context(client.setup_kernel())
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
    finally:
        seen.over.set()
        watcher.join()
    seen.seconds = time.perf_counter() - start
    return seen


def _own(process: psutil.Process) -> int:
    """Bytes of a process in memory, a share of what it shares; none once it has ended."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.notebooks", description=__doc__)
    parser.add_argument("pages", nargs="*", help="default: all")
    parser.add_argument("--together", action="store_true", help="let kernels live on")
    options = parser.parse_args()
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    os.environ["OMP_NUM_THREADS"] = "1"
    print(f"{'page':36}{'first figure s':>15}{'all s':>8}{'MiB':>7}")
    with ExitStack() as together:
        for page in options.pages or pages():
            with tempfile.TemporaryDirectory() as folder, ExitStack() as alone:
                os.environ["BNBOOK_STORE"] = folder
                seen = run(page, together if options.together else alone)
            print(f"{page:36}{seen.first:15.1f}{seen.seconds:8.1f}{seen.memory:7.0f}", flush=True)


if __name__ == "__main__":
    main()
