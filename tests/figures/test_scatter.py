"""Points in a plane, and what a classifier makes of them."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image

from bnbook import figures

pytestmark = pytest.mark.usefixtures("quick")

X = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 4.0], [2.0, 4.0]])
Y = np.array([0, 1, 1, 1])
GRID = np.linspace(0, 1, 5)


def test_words_count_points_and_classes_and_place_the_cloud() -> None:
    figure = figures.scatter({"source": (X, Y)}, classes=("no cat", "cat"), note="accuracy 0.9")
    assert "source: 4 points (1 no cat and 3 cat), centred at (1, 2)." in figure.alt
    assert figure.alt.endswith("accuracy 0.9.")


def test_words_name_lines_and_say_how_much_is_shaded() -> None:
    half = np.broadcast_to(GRID > 0.5, (5, 5)).astype(float)
    figure = figures.scatter(
        {"source": (X, Y)}, lines={"rule": X[:2]}, field=(GRID, GRID, half), classes=("a", "b")
    )
    assert "Lines: rule." in figure.alt
    assert "probability of b, above one half on 40%" in figure.alt


def test_points_lines_and_field_are_in_the_picture() -> None:
    half = np.broadcast_to(GRID, (5, 5))
    plain = figures.scatter({"source": (X, Y)})
    more: dict[str, Any] = {"lines": {"rule": X[:2]}, "field": (GRID, GRID, half)}
    pictures = [plain, *(figures.scatter({"source": (X, Y)}, **{k: more[k]}) for k in more)]
    pictures.append(figures.scatter({"source": (X, 1 - Y)}))
    assert len({figure.light for figure in pictures}) == 4


def test_frames_share_their_axes_when_limits_are_given() -> None:
    def margin(stretch: int, **limits: Any) -> np.ndarray:
        figure = figures.scatter({"a": (X * stretch, Y)}, **limits)
        picture = np.asarray(Image.open(BytesIO(figure.light)).convert("L"))
        return picture[:, : 2 * 54] > 128  # left of the axes: the numbers beside them

    held: dict[str, Any] = {"xlim": (-1, 9), "ylim": (-1, 9)}
    assert np.array_equal(margin(1, **held), margin(2, **held))
    assert not np.array_equal(margin(1), margin(2))


@pytest.mark.parametrize(
    ("clouds", "more", "message"),
    [
        ({}, {}, "at least one cloud"),
        ({"a": (X[:, 0], Y)}, {}, r"cloud 'a' has shape \(4,\); points are \(N, 2\)"),
        ({"a": (X, Y[:2])}, {}, r"4 points and classes \(2,\)"),
        ({"a": (X, Y + 1)}, {}, r"classes 1 to 2; named are 0 to 1 \(0, 1\)"),
        ({"a": (X * np.nan, Y)}, {}, "not finite"),
        ({"a": (X, Y)}, {"lines": {"l": X.T}}, r"line 'l' has shape \(2, 4\)"),
        ({"a": (X, Y)}, {"field": (GRID, GRID, X)}, r"have shape \(4, 2\); expected \(5, 5\)"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(clouds: Any, more: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        figures.scatter(clouds, **more)
