"""Data sets of images that torchvision knows where to find."""

import gzip
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from bnbook.data.base import Raw, Source, damaged
from bnbook.data.digits import DIGITS


def torchvision_datasets() -> Any:
    """Import `torchvision.datasets`, also where torchvision's compiled operators do not load.

    The import then fails on the shape rules of two operators that no data set uses. To declare
    them any earlier would clash with the real ones where these do load.
    """
    try:
        from torchvision import datasets
    except RuntimeError as error:
        if "operator torchvision::nms does not exist" not in str(error):
            raise
        for operator in ("nms", "qnms"):
            signature = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{operator}", signature)
        from torchvision import datasets
    return datasets


def read_idx(where: Path, images: str, labels: str, name: str) -> Raw:
    """Read a file of images and one of labels strictly: torchvision overlooks a wrong length."""
    parse = torchvision_datasets().mnist.read_sn3_pascalvincent_tensor
    tensors = []
    for path in (where / images, where / labels):
        try:
            tensors.append(parse(path))
        except (AssertionError, KeyError, RuntimeError, ValueError) as error:
            raise damaged(path, "not an IDX file as long as its header says", name) from error
    return tensors[0].unsqueeze(1), tensors[1]


def _read_both(name: str, where: Path) -> tuple[Raw, Raw]:
    images, labels, test_images, test_labels = SOURCES[name].files
    return (
        read_idx(where, images, labels, name),
        read_idx(where, test_images, test_labels, name),
    )


def fetch_fashion(folder: Path) -> None:
    """Leave Fashion-MNIST's four files in `folder`: Debian's, where they are, or downloaded."""
    packed = [DEBIAN / f"{Path(file).name}.gz" for file in FASHION]
    if not all(path.is_file() for path in packed):
        torchvision_datasets().FashionMNIST(folder, download=True)
        return
    for path, file in zip(packed, FASHION, strict=True):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(gzip.decompress(path.read_bytes()))


def _read_cifar10(where: Path) -> tuple[Raw, Raw]:
    datasets = torchvision_datasets()
    kind = datasets.CIFAR10
    meta = (kind.meta["filename"], kind.meta["md5"])
    for file, md5 in (*kind.train_list, *kind.test_list, meta):
        path = where / kind.base_folder / file
        if not datasets.utils.check_integrity(path, md5):
            raise damaged(path, f"its MD5 is not {md5}", "cifar10")
    train, test = (kind(where, train=train) for train in (True, False))
    return raw_images(train.data, train.targets), raw_images(test.data, test.targets)


def raw_images(pixels: UInt8[np.ndarray, "n h w c"], labels: list[int]) -> Raw:
    """Images (N, H, W, C) and labels as tensors (N, C, H, W) and (N,)."""
    return torch.from_numpy(pixels).permute(0, 3, 1, 2), torch.tensor(labels)


def _idx_files(kind: str) -> tuple[str, ...]:
    contents = ("images-idx3-ubyte", "labels-idx1-ubyte")
    return tuple(f"{kind}/raw/{split}-{file}" for split in ("train", "t10k") for file in contents)


def _idx_source(
    kind: str,
    name: str,
    classes: tuple[str, ...],
    download: Callable[[Path], object],
    md5: tuple[str, ...],
) -> Source:
    files = _idx_files(kind)
    return Source(
        train=60_000,
        test=10_000,
        shape=(1, 28, 28),
        classes=classes,
        origin=f"torchvision.datasets.{kind}",
        read=partial(_read_both, name),
        files=files,
        archives=tuple(f"{file}.gz" for file in files),
        download=download,
        md5=dict(zip(files, md5, strict=True)),
    )


MNIST_MD5 = (
    "6bbc9ace898e44ae57da46a324031adb",
    "a25bea736e30d166cdddb491f175f624",
    "2646ac647ad5339dbf082846283269ea",
    "27ae3e4e09519cfbb04c329615203637",
)
FASHION_MD5 = (
    "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    "9018921c3c673c538a1fc5bad174d6f9",
    "8181f5470baa50b63fa0f6fddb340f0a",
    "15d484375f8d13e6eb1aabb0c3f46965",
)
"""Of the unpacked files, in the order of `_idx_files`; torchvision checks the packed ones only."""


DEBIAN = Path("/usr/share/datasets/fashion-mnist")
"""Where Debian's package dataset-fashion-mnist has the four files, packed."""

FASHION = _idx_files("FashionMNIST")
CLOTHES = "T-shirt/top,Trouser,Pullover,Dress,Coat,Sandal,Shirt,Sneaker,Bag,Ankle boot"
GARMENTS = tuple(CLOTHES.split(","))
THINGS = "airplane,automobile,bird,cat,deer,dog,frog,horse,ship,truck"
CIFAR10_FILES = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")
SOURCES: dict[str, Source] = {
    "mnist": _idx_source(
        "MNIST",
        "mnist",
        DIGITS,
        download=lambda folder: torchvision_datasets().MNIST(folder, download=True),
        md5=MNIST_MD5,
    ),
    "fashion-mnist": _idx_source(
        "FashionMNIST", "fashion-mnist", GARMENTS, download=fetch_fashion, md5=FASHION_MD5
    ),
    "cifar10": Source(
        train=50_000,
        test=10_000,
        shape=(3, 32, 32),
        classes=tuple(THINGS.split(",")),
        origin="torchvision.datasets.CIFAR10",
        read=_read_cifar10,
        files=tuple(f"cifar-10-batches-py/{file}" for file in CIFAR10_FILES),
        archives=("cifar-10-python.tar.gz",),
        download=lambda folder: torchvision_datasets().CIFAR10(folder, download=True),
    ),
}
