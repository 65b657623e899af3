"""Five thousand garments: which they are, and where the files are looked for."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from bnbook import data
from bnbook.data import vision

CLASSES, OF_EACH = 10, 520
RNG = np.random.default_rng(0)
LABELS = RNG.permutation(np.repeat(np.arange(CLASSES), OF_EACH)).astype(np.uint8)
IMAGES = RNG.integers(0, 256, (len(LABELS), 28, 28), dtype=np.uint8)


def idx(values: np.ndarray) -> bytes:
    """The IDX format, by its description: zeros, type, number of dimensions, sizes, bytes."""
    header = struct.pack(f">BBBB{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return header + values.tobytes()


@pytest.fixture
def debian(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as Debian's package has it, and an empty one for data sets."""
    packed = tmp_path / "usr"
    packed.mkdir()
    for split in ("train", "t10k"):
        for what, values in (("images-idx3", IMAGES), ("labels-idx1", LABELS)):
            name = f"{split}-{what}-ubyte.gz"
            (packed / name).write_bytes(gzip.compress(idx(values), 1))
    monkeypatch.setattr(vision, "DEBIAN", packed)
    monkeypatch.setenv("BNBOOK_DATA", str(tmp_path / "data"))
    return packed


def test_it_is_the_first_500_images_of_each_class_in_the_training_file(debian: Path) -> None:
    clothes = data.fetch("fashion-5k")
    assert (len(clothes.train), len(clothes.test)) == (4000, 1000)
    assert clothes.train.y.bincount().tolist() == [400] * 10
    assert clothes.classes == vision.GARMENTS
    assert clothes.pool is not None
    first = np.concatenate([IMAGES[np.flatnonzero(LABELS == k)[:500]] for k in range(10)])
    found = {row.numpy().tobytes() for row in clothes.pool.x}
    assert found == {row.tobytes() for row in first}


def test_the_fixed_split_does_not_hang_on_the_order_of_the_file(debian: Path) -> None:
    before = data.fetch("fashion-5k")
    kept = np.concatenate([np.flatnonzero(LABELS == k)[:500] for k in range(10)])
    raw = debian.parent / "data" / "FashionMNIST" / "raw"
    (raw / "train-images-idx3-ubyte").write_bytes(idx(IMAGES[kept]))
    (raw / "train-labels-idx1-ubyte").write_bytes(idx(LABELS[kept]))
    after = data.fetch("fashion-5k")
    assert after.fingerprint == before.fingerprint
    assert torch.equal(after.test.x, before.test.x)
