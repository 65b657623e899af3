"""Five thousand garments of Fashion-MNIST, to stand in the place of five thousand digits."""

from pathlib import Path

import torch

from bnbook.data.base import Raw, Source
from bnbook.data.digits import held_out_by_hash
from bnbook.data.vision import FASHION, GARMENTS, fetch_fashion, read_idx

NAME = "fashion-5k"
OF_EACH = 500


def _read(where: Path) -> tuple[Raw, Raw]:
    """The first 500 images of each class in Fashion-MNIST's training file, split as mnist-5k is."""
    x, y = read_idx(where, FASHION[0], FASHION[1], NAME)
    rank = torch.nn.functional.one_hot(y.long()).cumsum(0)[torch.arange(len(y)), y.long()]
    first = rank <= OF_EACH
    return held_out_by_hash(x[first], y[first])


SOURCES = {
    NAME: Source(
        train=4_000,
        test=1_000,
        shape=(1, 28, 28),
        classes=GARMENTS,
        origin="the first 500 of each class in the training file of torchvision.datasets."
        "FashionMNIST, or of Debian's package dataset-fashion-mnist",
        read=_read,
        files=FASHION[:2],
        archives=tuple(f"{file}.gz" for file in FASHION),
        download=fetch_fashion,
    ),
}
