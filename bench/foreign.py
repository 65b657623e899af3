"""What each probe costs on a network from elsewhere: `python -m bench.foreign [PROBE …]`.

torchvision's resnet18 for ten classes, with images of 3 × 64 × 64 pixels of noise and a batch of
32: every probe alone, by `bnbook.measure`, in a process of its own. A table says the seconds of the
probe, the seconds of processor that measuring took, and the largest memory of the process in MiB; a
probe that takes longer than `LIMIT` seconds is stopped and says so. The three that need a spectrum
of the Hessian take minutes. Linux only.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import torch

import bnbook
from bnbook import probes
from bnbook.data.vision import torchvision_datasets

EXAMPLES, TESTS, PIXELS, BATCH, CLASSES = 512, 128, 64, 32, 10
LIMIT = 7_200


def measured(name: str) -> None:
    """One probe, in this process: prints its seconds and the peak of memory."""
    torchvision_datasets()  # declares what torchvision's import needs
    from torchvision.models import resnet18

    torch.manual_seed(0)
    model = resnet18(num_classes=CLASSES)
    x, y = torch.randn(EXAMPLES + TESTS, 3, PIXELS, PIXELS), torch.arange(EXAMPLES + TESTS)
    train, test = ((x[at], y[at] % CLASSES) for at in (slice(EXAMPLES), slice(EXAMPLES, None)))
    data = bnbook.data.from_batches(
        [(train[0][i : i + BATCH], train[1][i : i + BATCH]) for i in range(0, EXAMPLES, BATCH)],
        test,
        CLASSES,
    )
    start = time.process_time()
    record = bnbook.measure(model, data, [name])
    computed = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    seconds = max(each.attrs.get("seconds", 0.0) for each in record.data_vars.values())
    print(f"{seconds:.1f} {computed:.1f} {peak:.0f}")


def main() -> None:
    """Print the table."""
    print(f"{'probe':28}{'s':>8}{'CPU s':>8}{'MiB':>8}")
    for name in sys.argv[1:] or probes.names():
        ask = [sys.executable, "-m", "bench.foreign", "--alone", name]
        try:
            done = subprocess.run(ask, capture_output=True, text=True, timeout=LIMIT)
        except subprocess.TimeoutExpired:
            print(f"{name:28}{f'> {LIMIT}':>8}", flush=True)
            continue
        if done.returncode:
            why = done.stderr.strip().splitlines()[-1]
            print(f"{name:28} {why}", flush=True)
        else:
            seconds, computed, peak = done.stdout.split()
            print(f"{name:28}{seconds:>8}{computed:>8}{peak:>8}", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--alone"]:
        measured(sys.argv[2])
    else:
        main()
