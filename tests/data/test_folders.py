"""Folders of images: what they yield, what is kept of them, and what is refused."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
    (where / "file").write_text("", encoding="utf-8")
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
    (path / "test" / "cat" / "1.png").write_text("not an image", encoding="utf-8")


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        (remove_test, "animals/test.*expected .*/animals/test/<class>/ with at least one image"),
        (remove_one_class, "animals has 1 class; expected at least two"),
        (rename_a_test_class, r"class\(es\) dog, wolf are not in both train/ and test/"),
        (empty_a_class, "dog.*expected .*/animals/train/<class>/ with at least one image"),
        (resize_an_image, r"test/cat/1.png has .*\(7, 8\), but .*train/cat/0.png, have \(6, 8\)"),
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


# --- what an image folder holds besides images ---


def same_as(path: Path, other: Path) -> bool:
    return data.fetch(f"folder:{path}").fingerprint == data.fetch(f"folder:{other}").fingerprint


def test_a_path_is_taken_for_the_folder_it_is(where: Path) -> None:
    path = write_images(where / "animals")
    assert data.load(path).fingerprint == data.load(f"folder:{path}").fingerprint


@pytest.mark.parametrize("inside", ["train", "test", "train/cat", "train/cat/0", "."])
@pytest.mark.parametrize("name", [".ipynb_checkpoints", ".git", "._cat"])
def test_names_that_begin_with_a_dot_are_not_looked_at_at_any_depth(
    where: Path, inside: str, name: str
) -> None:
    plain, path = write_images(where / "plain"), write_images(where / "animals")
    hidden = path / inside / name
    if inside == "train/cat/0":  # a folder within the class
        (path / "train/cat/more").mkdir()
        hidden = path / "train/cat/more" / name
    hidden.mkdir()
    Image.new("RGB", (8, 6)).save(hidden / "0.png")
    Image.new("RGB", (8, 6)).save(path / "train" / "dog" / "._0.png")
    assert data.load(f"folder:{path}").classes == ("cat", "dog")
    assert same_as(path, plain)


def test_pictures_deeper_within_a_class_belong_to_it(where: Path) -> None:
    path = write_images(where / "animals")
    (path / "train/cat/young").mkdir()
    Image.new("RGB", (8, 6)).save(path / "train/cat/young/0.png")
    assert data.load(f"folder:{path}").train.y.bincount().tolist() == [4, 3]


@pytest.mark.parametrize("back", ["..", "../..", "../../..", "."])
@pytest.mark.parametrize("at", ["train/cat/loop", "train/cat/more/loop"])
def test_a_link_that_leads_back_adds_nothing(where: Path, at: str, back: str) -> None:
    plain, path = write_images(where / "plain"), write_images(where / "animals")
    (path / at).parent.mkdir(exist_ok=True)
    target = (path / at).parent / back
    if target.resolve() in (path.resolve(), where.resolve()):
        target = path / "train"
    (path / at).symlink_to(target.resolve(), target_is_directory=True)
    assert same_as(path, plain)


def test_a_link_to_a_picture_of_the_same_class_is_that_picture(where: Path) -> None:
    plain, path = write_images(where / "plain"), write_images(where / "animals")
    (path / "train/cat/again.png").symlink_to(path / "train/cat/0.png")
    assert same_as(path, plain)


def test_a_class_that_is_a_link_to_a_folder_elsewhere_is_read(where: Path) -> None:
    plain, path = write_images(where / "plain"), write_images(where / "animals")
    (path / "train/cat").rename(where / "cats")
    (path / "train/cat").symlink_to(where / "cats", target_is_directory=True)
    assert same_as(path, plain)


@pytest.mark.parametrize("at", ["train/cat/gone.png", "test/dog/gone"])
def test_a_link_to_what_is_not_there_is_named(where: Path, at: str) -> None:
    path = write_images(where / "animals")
    (path / at).symlink_to(where / "nowhere")
    with pytest.raises(DataError, match=f"{at} is a link to what is not there"):
        data.load(path)


def test_what_is_no_picture_is_left_out_with_a_word(where: Path) -> None:
    plain, path = write_images(where / "plain"), write_images(where / "animals")
    (path / "train/cat/notes.txt").write_text("a cat", encoding="utf-8")
    with pytest.warns(UserWarning, match=r"cat/notes\.txt is no picture of .*left out"):
        first = data.load(path)
    assert first.fingerprint == data.load(plain).fingerprint


# --- pixels ---


def with_picture(where: Path, image: Image.Image, name: str = "0.png", **options: Any) -> Path:
    """A folder one picture of which is another."""
    path = write_images(where / "animals")
    image.save(path / "train/cat" / name, **options)
    return path


def raw_red(path: Path) -> np.ndarray:
    """The reds of one class, as decoded: (N, H, W)."""
    data.fetch(path)
    (cache,) = (path.parent / "decoded").rglob("*.npy")
    return np.load(cache)[..., 0]


def test_sixteen_bits_are_scaled_to_eight(where: Path) -> None:
    """0 … 60,000 clipped to 255 would leave one level."""
    levels = np.linspace(0, 60_000, 48).astype(np.uint16).reshape(6, 8)
    found = raw_red(with_picture(where, Image.fromarray(levels)))[0]
    assert np.abs(found - levels / 257).max() <= 0.5
    assert len(np.unique(found)) == 48


@pytest.mark.parametrize(("kind", "mode"), [(np.int32, "I"), (np.float32, "F")])
def test_pixels_of_an_unknown_range_are_refused_by_name(where: Path, kind: type, mode: str) -> None:
    image = Image.fromarray(np.linspace(0, 70_000, 48).reshape(6, 8).astype(kind))
    path = with_picture(where, image, "odd.tif")
    with pytest.raises(DataError, match=rf"cat/odd\.tif .*32-bit numbers, mode '{mode}'"):
        data.load(path)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "RGBA", "CMYK"])
def test_other_modes_become_rgb(where: Path, mode: str) -> None:
    image = Image.fromarray(np.arange(144, dtype=np.uint8).reshape(6, 8, 3)).convert(mode)
    path = with_picture(where, image, "odd.tif")
    assert len(data.load(path).train) == 7


def test_a_gif_among_others_is_read(where: Path) -> None:
    path = with_picture(where, Image.new("RGB", (8, 6), (255, 0, 0)), "odd.gif")
    assert len(data.load(path).train) == 7


@pytest.mark.parametrize("name", ["odd.gif", "odd.tif"])
def test_a_file_of_several_pictures_is_refused_by_name(where: Path, name: str) -> None:
    frames = [Image.new("RGB", (8, 6), (i, 2 * i, 0)) for i in (10, 90)]
    path = with_picture(where, frames[0], name, save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=rf"{name} cannot be decoded \(it holds 2 pictures"):
        data.load(path)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stand_upright_as_the_camera_noted(where: Path, orientation: int) -> None:
    upright = np.arange(144, dtype=np.uint8).reshape(6, 8, 3)
    back = {1: 0, 2: 0, 3: 2, 4: 4, 5: 5, 6: 6, 7: 7, 8: 8}[orientation]
    stored = {
        0: upright if orientation == 1 else upright[:, ::-1],
        2: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright, 1),
        7: np.rot90(upright, 1)[:, ::-1][::-1, ::-1][:, :],
        8: np.rot90(upright, 3),
    }[back]
    if orientation == 7:
        stored = upright.swapaxes(0, 1)[::-1, ::-1]
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored))
    found = raw_red(with_picture(where, image, exif=exif))[0]
    np.testing.assert_array_equal(found, upright[..., 0])


@pytest.mark.parametrize("pixels", [100, 40])  # an error of Pillow's, and a mere warning
def test_a_giant_picture_is_refused_by_name(
    where: Path, monkeypatch: pytest.MonkeyPatch, pixels: int
) -> None:
    path = with_picture(where, Image.new("RGB", (8, pixels)), "giant.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)
    with pytest.raises(DataError, match=r"cat/giant\.png is too large a picture"):
        data.load(path)


@pytest.mark.parametrize("odd", ["train/cat/0.png", "train/dog/2.png", "test/dog/1.png"])
def test_the_picture_that_is_odd_is_blamed_wherever_it_stands(where: Path, odd: str) -> None:
    path = write_images(where / "animals")
    Image.new("RGB", (8, 7)).save(path / odd)
    with pytest.raises(DataError, match=rf"{odd} has \(height, width\) \(7, 8\), but most"):
        data.load(path)
