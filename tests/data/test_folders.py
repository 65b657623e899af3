"""Folders of images: what they yield, what is kept of them, and what is refused."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bnbook import data
from bnbook.data import DataError


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder."""
    monkeypatch.setenv("BNBOOK_DATA", str(tmp_path))
    return tmp_path


def write_images(path: Path, sizes: tuple[tuple[int, int], ...] = ((8, 6),) * 3) -> Path:
    """Two classes in two splits; image i of a class has the i-th (width, height)."""
    for split in ("train", "test"):
        for label, animal in enumerate(("cat", "dog")):
            folder = path / split / animal
            folder.mkdir(parents=True)
            for i, (width, height) in enumerate(sizes):
                pixels = np.random.default_rng((label, i)).integers(0, 256, (height, width, 3))
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{i}.png")
    return path


def test_a_folder_yields_rgb_planes_with_the_class_of_each_subfolder(where: Path) -> None:
    path = write_images(where / "animals")
    loaded = data.load(f"folder:{path}")
    assert loaded.classes == ("cat", "dog")
    assert loaded.input_shape == (3, 6, 8)
    files = sorted((path / "train").glob("*/*.png"))
    raw = np.stack([np.asarray(Image.open(file)) for file in files]).astype(float)
    expected = (raw - raw.mean((0, 1, 2))) / raw.std((0, 1, 2))
    found = loaded.train.x.permute(0, 2, 3, 1).numpy()
    for image, label in zip(found, loaded.train.y.tolist(), strict=True):
        (same,) = np.flatnonzero(np.isclose(expected, image, rtol=1e-5, atol=1e-6).all((1, 2, 3)))
        assert files[same].parent.name == loaded.classes[label]


def test_the_first_examples_of_a_folder_are_a_fair_sample_of_its_classes(where: Path) -> None:
    loaded = data.load(f"folder:{write_images(where / 'animals', sizes=((2, 2),) * 100)}")
    for split in (loaded.train, loaded.test):
        assert len(split) == 200
        assert 20 < int(split.y[:60].sum()) < 40


def test_a_relative_folder_is_looked_for_here_and_then_under_the_data_folder(
    where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_images(where / "animals")
    under = data.load("folder:animals")
    (where / "elsewhere").mkdir()
    write_images(where / "elsewhere" / "animals", sizes=((5, 5),))
    monkeypatch.chdir(where / "elsewhere")
    assert data.load("folder:animals").input_shape == (3, 5, 5)
    assert under.input_shape == (3, 6, 8)


def test_images_are_decoded_once_and_again_only_after_a_change(where: Path) -> None:
    path = write_images(where / "animals")
    name = f"folder:{path}"
    first = data.load(name)
    file = path / "train" / "cat" / "0.png"
    before = file.stat()
    file.write_bytes(b"\0" * before.st_size)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert data.fetch(name).fingerprint == first.fingerprint
    os.utime(file)
    with pytest.raises(DataError, match="cannot be decoded"):
        data.fetch(name)
    Image.new("RGB", (8, 6)).save(file)
    assert data.fetch(name).fingerprint != first.fingerprint


def test_damaged_decoded_pixels_are_named_and_decoded_again(where: Path) -> None:
    path = write_images(where / "animals")
    first = data.load(f"folder:{path}")
    (cache,) = (where / "decoded").rglob("*.npy")
    cache.write_bytes(cache.read_bytes()[:-1])
    with pytest.warns(UserWarning, match=f"{cache} is damaged"):
        assert data.fetch(f"folder:{path}").fingerprint == first.fingerprint
    assert data.fetch(f"folder:{path}").fingerprint == first.fingerprint


def test_a_data_folder_that_cannot_be_written_does_not_stop_an_image_folder(
    where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_images(where / "animals")
    (where / "file").write_text("")
    monkeypatch.setenv("BNBOOK_DATA", str(where / "file"))
    assert len(data.load(f"folder:{path}").train) == 6


def remove_test(path: Path) -> None:
    (path / "test").rename(path / "elsewhere")


def remove_one_class(path: Path) -> None:
    for split in ("train", "test"):
        (path / split / "dog").rename(path / f"{split}-dog")


def rename_a_test_class(path: Path) -> None:
    (path / "test" / "dog").rename(path / "test" / "wolf")


def empty_a_class(path: Path) -> None:
    for file in (path / "train" / "dog").iterdir():
        file.unlink()


def resize_an_image(path: Path) -> None:
    Image.new("RGB", (8, 7)).save(path / "test" / "cat" / "1.png")


def cut_an_image(path: Path) -> None:
    file = path / "test" / "cat" / "1.png"
    file.write_bytes(file.read_bytes()[:60])


def overwrite_an_image(path: Path) -> None:
    (path / "test" / "cat" / "1.png").write_text("not an image")


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (remove_test, "animals/test.*expected .*/animals/test/<class>/ with at least one image"),
        (remove_one_class, "animals has 1 class; expected at least two"),
        (rename_a_test_class, r"class\(es\) dog, wolf are not in both train/ and test/"),
        (empty_a_class, "dog.*expected .*/animals/train/<class>/ with at least one image"),
        (resize_an_image, r"test/cat/1.png has .*\(7, 8\), but .*train/cat/0.png has \(6, 8\)"),
        (cut_an_image, "test/cat/1.png cannot be decoded.*replace or remove it"),
        (overwrite_an_image, "test/cat/1.png cannot be decoded.*replace or remove it"),
    ],
)
def test_a_bad_image_folder_is_refused_with_the_place_of_the_fault(
    where: Path, damage: Callable[[Path], None], complaint: str
) -> None:
    path = write_images(where / "animals")
    damage(path)
    with pytest.raises(DataError, match=complaint):
        data.load(f"folder:{path}")


def test_an_absent_folder_is_refused_with_the_places_looked_at(where: Path) -> None:
    with pytest.raises(DataError) as caught:
        data.load("folder:nowhere")
    assert str(Path.cwd() / "nowhere") in str(caught.value)
    assert str(where / "nowhere") in str(caught.value)
    with pytest.raises(DataError, match="Write folder:PATH"):
        data.load("folder:")
