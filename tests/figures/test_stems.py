"""Stems, and one batch drawn with them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from bnbook.figures.plates.one_batch import one_batch
from bnbook.figures.stems import stems

pytestmark = pytest.mark.usefixtures("quick")


def row(alt: str, name: str) -> list[float]:
    """The values that a figure's words give for a row."""
    (found,) = re.findall(rf"{re.escape(name)}: ([^:]*)\.(?: |$)", alt)
    plain = found.translate(str.maketrans("−⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "--0123456789")).replace("×10", "e")
    return [float(each) for each in plain.split(", ")]


def test_the_words_hold_the_values_of_short_rows_and_the_range_of_long_ones() -> None:
    alt = stems({"z": [1.0, -2.0], "w": [0.5, 0.25]}, note="two rows").alt
    assert "z: 1, −2." in alt
    assert "two rows" in alt
    assert "z: 20 values from 0 to 19." in stems({"z": np.arange(20.0)}).alt


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({}, "at least one row"),
        ({"a": [1.0], "b": [1.0, 2.0]}, r"\(m,\) each"),
        ({"a": [[1.0]]}, r"\(m,\) each"),
        ({"a": [1.0, float("nan")]}, "row 'a' has values that are not finite"),
    ],
)
def test_rows_that_cannot_be_drawn_are_errors(rows: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        stems(rows)  # type: ignore[arg-type]


def test_a_gradient_of_equal_values_is_lost_whole() -> None:
    alt = one_batch([2.0, -1.0, 0.5, 0.1], gradient=[0.5] * 4).alt
    assert row(alt, "lost: the mean of g") == [0.5] * 4
    assert max(map(abs, row(alt, "√(σ² + ε)"))) < 1e-12


def test_a_gradient_along_the_batch_is_lost_but_for_the_share_of_epsilon() -> None:
    z = np.array([1.0, -1.0, 1.0, -1.0])
    alt = one_batch(z, eps=1.0, gradient=z).alt  # σ² = 1, so ρ = ½ and √(σ² + ε) = √2
    np.testing.assert_allclose(row(alt, "lost: the part along x̂"), z / 2, rtol=1e-2)
    np.testing.assert_allclose(row(alt, "√(σ² + ε)"), z / 2 / np.sqrt(2), rtol=1e-2)
