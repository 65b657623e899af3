"""The digits that the playground's networks learn, as a script that a page can load from a disk.

    python -m bnbook.playground book/_static/playground/digits.js

is what `make html` does: the file is made from the package's own data, and not kept under version
control.
"""

from __future__ import annotations

import argparse
import base64
import json
import zlib
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import UInt8

from bnbook import data
from bnbook.data import Split

DATA = "mnist-5k"
SIDE, LEVELS = 14, 16
TRAINING, TESTING = 150, 50
"""Digits of each class in the two splits of the page."""


def digits() -> UInt8[np.ndarray, "digit row column"]:
    """2,000 real digits of 14 × 14 pixels with 16 grey levels, the classes in turn.

    Digit i shows a number i mod 10. The first 1,500 are training digits of "mnist-5k", the last
    500 test digits of it, the first of each class; a pixel is the mean of 2 × 2 of theirs.
    """
    dataset = data.load(DATA)
    low, high = dataset.train.x.min(), dataset.train.x.max()
    chosen = [_in_turn(dataset.train, TRAINING), _in_turn(dataset.test, TESTING)]
    grey = (torch.cat(chosen) - low) / (high - low)
    small = F.avg_pool2d(grey, grey.shape[-1] // SIDE).squeeze(1)
    return (small * (LEVELS - 1)).round().byte().numpy()


def _in_turn(split: Split, each: int) -> torch.Tensor:
    """The first `each` images of every class: one of class 0, one of class 1, …, and again."""
    rows = [(split.y == kind).nonzero().flatten()[:each] for kind in split.y.unique()]
    return split.x[torch.stack(rows, dim=1).flatten()]


def script() -> str:
    """The digits as JavaScript: side, number of test digits, zlib-compressed pixels in base64."""
    images = digits()
    pixels = base64.b64encode(zlib.compress(images.tobytes(), 9)).decode()
    testing = TESTING * len(data.load(DATA).classes)
    packed = {"side": SIDE, "testing": testing, "levels": LEVELS, "pixels": pixels}
    return f"var bnDigits = {json.dumps(packed)};\n"


def main() -> None:
    """Write the script to the path on the command line."""
    parser = argparse.ArgumentParser(prog="python -m bnbook.playground", description=__doc__)
    parser.add_argument("path", type=Path, help="the file to write, a .js")
    path = parser.parse_args().path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script(), encoding="utf-8")


if __name__ == "__main__":
    main()
