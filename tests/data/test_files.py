"""Data that lie in files: IDX and CIFAR-10 files and downloads, and their damages."""

import gzip
import hashlib
import io
import pickle
import socket
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import pytest

from bnbook import data
from bnbook.data import DataError, vision

IDX = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder, and no network."""

    def unreachable(request: Any) -> None:
        raise URLError("Name or service not known")

    monkeypatch.setenv("BNBOOK_DATA", str(tmp_path))
    monkeypatch.setattr("urllib.request.urlopen", unreachable)
    for name, (train, test) in {
        "mnist": (20, 10),
        "fashion-mnist": (20, 10),
        "cifar10": (50, 10),
    }.items():
        small = replace(data.SOURCES[name], train=train, test=test, md5={})
        monkeypatch.setitem(data.SOURCES, name, small)
    return tmp_path


def idx(array: np.ndarray) -> bytes:
    """IDX by its definition: 0, 0, 8 = unsigned bytes, dimensions, sizes, values."""
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes((0, 0, 8, array.ndim)) + sizes + array.astype(np.uint8).tobytes()


def some_digits() -> list[np.ndarray]:
    """Training images and labels, test images and labels."""
    random = np.random.default_rng(0)
    return [
        random.integers(0, 256, (20, 28, 28)),
        np.arange(20) % 10,
        random.integers(0, 256, (10, 28, 28)),
        np.arange(10) % 10,
    ]


def write_idx(where: Path, kind: str = "MNIST") -> Path:
    raw = where / kind / "raw"
    raw.mkdir(parents=True)
    for file, array in zip(IDX, some_digits(), strict=True):
        (raw / f"{file}-ubyte").write_bytes(idx(array))
    return raw


# --- reading ---


def test_idx_files_are_read_in_their_order_and_layout(where: Path) -> None:
    write_idx(where)
    train, train_labels, test, test_labels = some_digits()
    loaded = data.load("mnist")
    assert (loaded.train.y.tolist(), loaded.test.y.tolist()) == (
        train_labels.tolist(),
        test_labels.tolist(),
    )
    expected = (test - train.mean()) / train.std()
    np.testing.assert_allclose(loaded.test.x[:, 0].numpy(), expected, rtol=1e-5, atol=1e-6)


def test_a_process_reads_a_data_set_once_and_fetch_reads_it_again(where: Path) -> None:
    write_idx(where)
    first = data.load("mnist")
    assert data.load("mnist") is first
    again = data.fetch("mnist")
    assert again is not first
    assert again.fingerprint == first.fingerprint


def test_the_description_tells_which_data_sets_are_present(where: Path) -> None:
    assert [row["name"] for row in data.describe()] == data.names()
    before = {row["name"] for row in data.describe() if row["present"]}
    assert before == {"mnist-5k", "bayes-net"}
    write_idx(where)
    assert {row["name"] for row in data.describe() if row["present"]} == before | {"mnist"}


# --- files ---


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def empty(path: Path) -> None:
    path.write_bytes(b"")


def keep_only_the_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:8])


def replace_by_a_web_page(path: Path) -> None:
    path.write_bytes(b"<!DOCTYPE html><html>Please log in.</html>")


@pytest.mark.parametrize(
    "damage", [truncate, lengthen, empty, keep_only_the_header, replace_by_a_web_page]
)
@pytest.mark.parametrize("file", IDX)
def test_a_damaged_idx_file_is_named_with_the_cure(
    where: Path, damage: Callable[[Path], None], file: str
) -> None:
    path = write_idx(where) / f"{file}-ubyte"
    damage(path)
    with pytest.raises(DataError) as caught:
        data.load("mnist")
    assert str(path) in str(caught.value)
    assert "Delete it and run `bnbook data fetch mnist`" in str(caught.value)


@pytest.mark.parametrize("file", IDX)
def test_an_idx_file_of_the_wrong_shape_is_refused(where: Path, file: str) -> None:
    path = write_idx(where) / f"{file}-ubyte"
    path.write_bytes(idx(np.zeros((5, 7))))
    with pytest.raises(DataError, match=r"mnist has .*, but what is there has values"):
        data.load("mnist")


@pytest.fixture
def torchvision_datasets(where: Path) -> Any:
    """torchvision, once the package has made it importable."""
    with pytest.raises(DataError):
        data.load("cifar10")
    return sys.modules["torchvision.datasets"]


def write_cifar10(where: Path, datasets: Any, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Six batches of ten random images, with their MD5; returns the last: rows of 3,072 bytes."""
    folder = where / "cifar-10-batches-py"
    folder.mkdir()

    def write(file: str, content: dict[str, Any]) -> list[str]:
        (folder / file).write_bytes(pickle.dumps(content))
        return [file, hashlib.md5((folder / file).read_bytes()).hexdigest()]

    random = np.random.default_rng(0)
    rows = random.integers(0, 256, (6, 10, 3072)).astype(np.uint8)
    files = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    sums = [
        write(file, {"data": batch, "labels": list(range(10))})
        for file, batch in zip(files, rows, strict=True)
    ]
    meta, md5 = write("batches.meta", {"label_names": list("abcdefghij")})
    monkeypatch.setattr(datasets.CIFAR10, "train_list", sums[:5])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", sums[5:])
    monkeypatch.setattr(
        datasets.CIFAR10, "meta", {"filename": meta, "key": "label_names", "md5": md5}
    )
    return rows[5]


def test_cifar10_rows_become_red_green_and_blue_planes(
    where: Path, torchvision_datasets: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = write_cifar10(where, torchvision_datasets, monkeypatch)
    loaded = data.load("cifar10")
    assert (len(loaded.train), len(loaded.test), loaded.input_shape) == (50, 10, (3, 32, 32))
    for channel in range(3):
        plane = rows[:, channel * 1024 : (channel + 1) * 1024].reshape(-1).astype(float)
        correlation = np.corrcoef(loaded.test.x[:, channel].flatten().numpy(), plane)[0, 1]
        assert correlation == pytest.approx(1, abs=1e-6)


def test_a_damaged_cifar10_file_is_named_with_the_cure(
    where: Path, torchvision_datasets: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_cifar10(where, torchvision_datasets, monkeypatch)
    truncate(where / "cifar-10-batches-py" / "data_batch_3")
    with pytest.raises(DataError, match=r"data_batch_3 is damaged.*bnbook data fetch cifar10"):
        data.load("cifar10")


# --- what a source declares is compared with what is there ---


def declare(monkeypatch: pytest.MonkeyPatch, name: str, where: Path) -> None:
    """Let a source declare the checksums of the files that lie there now."""
    source = data.SOURCES[name]
    sums = {file: hashlib.md5((where / file).read_bytes()).hexdigest() for file in source.files}
    monkeypatch.setitem(data.SOURCES, name, replace(source, md5=sums))


def fault_of(name: str) -> str:
    return next(row["fault"] for row in data.describe() if row["name"] == name)


def test_other_images_of_the_same_sizes_are_not_the_data_set(
    where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Fashion-MNIST's files where MNIST's should be."""
    raw = write_idx(where)
    declare(monkeypatch, "mnist", where)
    assert fault_of("mnist") == ""
    assert len(data.fetch("mnist").train) == 20
    images, *_ = some_digits()
    (raw / "train-images-idx3-ubyte").write_bytes(idx(255 - images))
    assert "train-images-idx3-ubyte is not the file of 'mnist'" in fault_of("mnist")
    with pytest.raises(DataError, match=r"is not the file of 'mnist'.*bnbook data fetch mnist"):
        data.fetch("mnist")


@pytest.mark.parametrize("file", IDX)
def test_files_of_another_source_are_named_as_that_sources(
    where: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    write_idx(where)
    declare(monkeypatch, "mnist", where)
    raw = write_idx(where, "FashionMNIST")
    for each in set(IDX) - {file}:
        lengthen(raw / f"{each}-ubyte")
    with pytest.raises(DataError, match=f"{file}-ubyte is a file of 'mnist', and not of 'fashion"):
        data.load("fashion-mnist")
    assert "is a file of 'mnist'" in fault_of("fashion-mnist")
    assert fault_of("mnist") == ""


@pytest.mark.parametrize(
    ("train", "test", "size"), [(19, 10, 28), (20, 11, 28), (20, 10, 27), (10, 20, 28)]
)
def test_other_numbers_or_shapes_of_images_than_declared_are_refused(
    where: Path, train: int, test: int, size: int
) -> None:
    """As ten random images in the files of sixty thousand."""
    raw = where / "MNIST" / "raw"
    raw.mkdir(parents=True)
    random = np.random.default_rng(0)
    for split, count in (("train", train), ("t10k", test)):
        images = random.integers(0, 256, (count, size, size))
        (raw / f"{split}-images-idx3-ubyte").write_bytes(idx(images))
        (raw / f"{split}-labels-idx1-ubyte").write_bytes(idx(np.arange(count) % 10))
    with pytest.raises(DataError, match=r"mnist has (20 training|10 test) examples of shape"):
        data.load("mnist")


def test_fewer_labels_than_images_are_refused(where: Path) -> None:
    raw = write_idx(where)
    (raw / "train-labels-idx1-ubyte").write_bytes(idx(np.arange(19) % 10))
    with pytest.raises(DataError, match="and 19 labels"):
        data.load("mnist")


@pytest.mark.parametrize("name", ["mnist-5k", "bayes-net"])
def test_what_needs_no_file_is_what_it_declares(name: str) -> None:
    loaded, source = data.load(name), data.SOURCES[name]
    assert (len(loaded.train), len(loaded.test)) == (source.train, source.test)
    assert (loaded.input_shape, loaded.classes) == (source.shape, source.classes)


@pytest.mark.parametrize("name", [3, None, 0.5, ["mnist"]])
def test_what_names_no_data_set_is_refused(name: Any) -> None:
    with pytest.raises((DataError, TypeError), match=r"give a name|name"):
        data.load(name)


# --- downloads ---


class Answer(io.BytesIO):
    """What `urlopen` returns; a line that breaks does so halfway through the content."""

    def __init__(self, url: str, content: bytes, breaks: bool) -> None:
        super().__init__(content[: len(content) // 2] if breaks else content)
        self.url, self.length, self.breaks = url, len(content), breaks

    def read(self, size: int | None = -1) -> bytes:
        chunk = super().read(size)
        if self.breaks and not chunk:
            raise ConnectionResetError("Connection reset by peer")
        return chunk


@pytest.fixture
def archives(torchvision_datasets: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """The four archives that torchvision would download for MNIST, small, with their MD5."""
    contents = {
        f"{file}-ubyte.gz": gzip.compress(idx(array))
        for file, array in zip(IDX, some_digits(), strict=True)
    }
    sums = [(file, hashlib.md5(content).hexdigest()) for file, content in contents.items()]
    monkeypatch.setattr(torchvision_datasets.MNIST, "resources", sums)
    return contents


def serve(
    archives: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, broken: str | None = None
) -> None:
    def urlopen(request: Any) -> Answer:
        assert socket.getdefaulttimeout() is not None, "a silent network would hang for ever"
        file = request.full_url.rsplit("/", 1)[1]
        return Answer(request.full_url, archives[file], breaks=file == broken)

    monkeypatch.setattr("urllib.request.urlopen", urlopen)


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist", "fashion-5k", "cifar10"])
def test_absent_data_without_a_network_name_the_set_the_folder_and_the_way_out(
    where: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vision, "DEBIAN", where / "no such package")
    with pytest.raises(DataError) as caught:
        data.load(name)
    for part in (
        f"'{name}'",
        str(where),
        "BNBOOK_DATA",
        f"`bnbook data fetch {name}`",
        "not known",
    ):
        assert part in str(caught.value)
    assert list(where.iterdir()) == []
    assert socket.getdefaulttimeout() is None


def test_absent_data_are_downloaded_and_then_present(
    where: Path, archives: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(archives, monkeypatch)
    downloaded = data.fetch("mnist")
    assert next(row for row in data.describe() if row["name"] == "mnist")["present"]
    serve({}, monkeypatch)
    assert data.fetch("mnist").fingerprint == downloaded.fingerprint


def test_a_download_that_breaks_leaves_nothing_and_can_be_repeated(
    where: Path, archives: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(archives, monkeypatch, broken="t10k-images-idx3-ubyte.gz")
    with pytest.raises(DataError, match="Connection reset by peer"):
        data.load("mnist")
    assert list(where.iterdir()) == []
    serve(archives, monkeypatch)
    assert len(data.load("mnist").test) == 10


def test_archives_put_into_the_data_folder_by_hand_need_no_network(
    where: Path, archives: dict[str, bytes]
) -> None:
    raw = where / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for file, content in archives.items():
        (raw / file).write_bytes(content)
    assert len(data.load("mnist").train) == 20


def test_a_data_folder_that_cannot_be_made_is_named(
    where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (where / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("BNBOOK_DATA", str(where / "file" / "data"))
    with pytest.raises(DataError, match="Not a directory"):
        data.load("mnist")
