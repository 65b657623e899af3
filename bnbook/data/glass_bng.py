"""BNG(glass): 137,781 rows sampled from a Bayesian network that was fitted to UCI's 214 of glass.

Data set 265 of OpenML, fetched by scikit-learn, which compares the file with OpenML's own MD5.
Nine numbers describe a piece of glass, its refractive index and eight oxides; the label is one of
seven types, the most frequent a hundred times as common as the rarest or more. There is no
official test split: the fifth of the rows with the lowest SHA-256 is ours.
Source: vanschoren2014openml, german1987glass.
"""

from __future__ import annotations

import hashlib
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch

from bnbook.data.base import DataError, Raw, Source, damaged

NAME = "glass-bng"
OPENML_ID = 265
ROWS = 137_781
FEATURES = ("RI", "Na", "Mg", "Al", "Si", "K", "Ca", "Ba", "Fe")
CLASSES = (
    "build wind float",
    "build wind non-float",
    "vehic wind float",
    "vehic wind non-float",
    "containers",
    "tableware",
    "headlamps",
)
FILE = "glass-bng/rows.npz"


def held_out(rows: int) -> int:
    """How many of `rows` are the test split: a fifth."""
    return rows // 5


def download(folder: Path) -> None:
    """Fetch from OpenML, check what came, and leave it as `FILE` under `folder`."""
    from sklearn.datasets import fetch_openml

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a second attempt is no news; a failure is an error
        table = fetch_openml(
            data_id=OPENML_ID,
            data_home=folder,
            as_frame=False,
            parser="liac-arff",
            n_retries=1,
        )
    features = tuple(name.strip("' ") for name in table.feature_names)
    labels = [str(label).strip("' ") for label in table.target]
    if features != FEATURES or table.data.shape != (ROWS, len(FEATURES)):
        raise DataError(
            f"OpenML's data set {OPENML_ID} has {len(table.data):,} rows of {', '.join(features)}; "
            f"expected {ROWS:,} of {', '.join(FEATURES)}"
        )
    if odd := sorted(set(labels) - set(CLASSES)):
        raise DataError(f"OpenML's data set {OPENML_ID} has labels {', '.join(odd)}")
    y = np.array([CLASSES.index(label) for label in labels], np.uint8)
    path = folder / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(path, x=table.data.astype(np.float64), y=y)


def read(where: Path) -> tuple[Raw, Raw]:
    """The rows under `where`, split by their hash: it depends on the numbers, not on the order."""
    path = where / FILE
    try:
        with path.open("rb") as file, np.load(file) as stored:
            x, y = stored["x"], stored["y"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise damaged(path, f"it cannot be read ({error})", NAME) from error
    if x.shape != (ROWS, len(FEATURES)) or y.shape != (ROWS,):
        raise damaged(path, f"it has {x.shape} numbers and {y.shape} labels", NAME)
    hashes = [
        hashlib.sha256(row.tobytes() + bytes([k])).digest() for row, k in zip(x, y, strict=True)
    ]
    order = sorted(range(ROWS), key=hashes.__getitem__)
    values, labels = torch.from_numpy(x[order]), torch.from_numpy(y[order].astype(np.int64))
    test = held_out(ROWS)
    return (values[test:], labels[test:]), (values[:test], labels[:test])


SOURCES = {
    NAME: Source(
        train=ROWS - held_out(ROWS),
        test=held_out(ROWS),
        shape=(len(FEATURES),),
        classes=CLASSES,
        origin=f"sklearn.datasets.fetch_openml({OPENML_ID})",
        read=read,
        files=(FILE,),
        download=download,
    ),
}
