"""A figure holds its drawing for both themes, says what it shows, and disturbs nothing."""

import base64
import re
from collections.abc import Callable
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import numpy as np
import pytest
import xarray as xr
from PIL import Image

from bnbook import figures
from bnbook.figures.canvas import NARROW, WIDE, only
from bnbook.figures.figure import PIXEL_RATIO, STYLE
from bnbook.figures.style import DARK, LIGHT, looks


@pytest.fixture(scope="module")
def figure(record: xr.Dataset) -> figures.Figure:
    return figures.curves(record, "accuracy")


def pixels(image: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(image)).convert("RGB"))


def shows(image: bytes, colour: str) -> bool:
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return bool((pixels(image) == rgb).all(axis=-1).any())


class Images(HTMLParser):
    """The attributes of every <img>, and the address of every <source>."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.images: list[dict[str, str]] = []
        self.sources: list[dict[str, str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kept = {name: value or "" for name, value in attrs}
        if tag in ("img", "source"):
            (self.images if tag == "img" else self.sources).append(kept)


def decoded(address: str) -> Image.Image:
    return Image.open(BytesIO(base64.b64decode(address.partition(",")[2])))


def test_each_theme_has_its_own_page_and_the_same_arms(figure: figures.Figure) -> None:
    assert figure.narrow is not None
    for theme, images in (
        (LIGHT, (figure.light, figure.narrow.light)),
        (DARK, (figure.dark, figure.narrow.dark)),
    ):
        for image in images:
            assert shows(image, theme.background)
            for look in looks(["none", "batch"], theme):
                assert shows(image, look.line)


def test_images_have_two_pixels_for_each_of_the_page(figure: figures.Figure) -> None:
    assert figure.narrow is not None
    for image, width in ((figure.light, WIDE), (figure.narrow.dark, NARROW)):
        assert Image.open(BytesIO(image)).width == PIXEL_RATIO * width


def test_a_figure_is_small(figure: figures.Figure) -> None:
    assert len(figure.html()) < 200_000


def test_html_is_one_picture_for_each_theme_with_the_same_words(figure: figures.Figure) -> None:
    parsed = Images(figure._repr_mimebundle_()["text/html"])
    light, dark = parsed.images
    assert light["alt"] == dark["alt"] == figure.alt
    assert "bn-light" in light["class"]
    assert "bn-dark" in dark["class"]
    assert "display:none" in dark["style"], "a page that strips styles shows one picture"
    assert "style" not in light
    narrow = [decoded(source["srcset"]).width for source in parsed.sources]
    assert narrow == [PIXEL_RATIO * NARROW] * 2
    for image in (light, dark):
        ratio = decoded(image["src"]).width / decoded(image["src"]).height
        assert int(image["width"]) / int(image["height"]) == pytest.approx(ratio, rel=0.01)


def test_words_with_markup_in_them_stay_words(figure: figures.Figure) -> None:
    alt = 'a < b & "c" <script>'
    made = figures.Figure(figure.light, figure.dark, alt)
    assert [image["alt"] for image in Images(made.html()).images] == [alt, alt]
    assert "<script>" not in made.html()


def test_nothing_comes_from_a_network(figure: figures.Figure) -> None:
    addresses = re.findall(r'(?:src|srcset|href)="([^"]*)"', figure.html())
    assert addresses
    assert all(re.match("data:(image/webp|text/csv);base64,", each) for each in addresses)


def test_every_rule_of_style_is_about_our_own_output() -> None:
    rules = re.findall(r"([^{}]+)\{[^{}]*\}", re.sub(r"@media[^{]*\{", "", STYLE))
    assert rules
    assert all(".bn-figure" in selector for rule in rules for selector in rule.split(","))


def test_what_cannot_show_html_gets_a_png_of_the_light_drawing(figure: figures.Figure) -> None:
    bundle = figure._repr_mimebundle_()
    png = base64.b64decode(bundle["image/png"])
    assert png.startswith(b"\x89PNG")
    assert np.array_equal(pixels(png), pixels(figure.light))
    assert bundle["text/plain"] == figure.alt


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_saved_figure_is_the_drawing(figure: figures.Figure, tmp_path: Path, theme: str) -> None:
    path = figure.save(tmp_path / "figure.png", theme)
    assert np.array_equal(pixels(path.read_bytes()), pixels(getattr(figure, theme)))
    with pytest.raises(ValueError, match="'light' or 'dark'"):
        figure.save(tmp_path / "figure.png", "dusk")
    for name in ("a.svgz", "a", "a.txt"):
        with pytest.raises(ValueError, match=r"suffix such as \.png"):
            figure.save(str(tmp_path / name), theme)


def test_for_print_there_is_the_light_drawing_without_pixels(
    figure: figures.Figure, record: xr.Dataset, tmp_path: Path
) -> None:
    drawn = ElementTree.fromstring(figure.save(tmp_path / "figure.svg").read_bytes())
    width, height = (float(drawn.attrib[side].removesuffix("pt")) for side in ("width", "height"))
    rows, columns, _ = pixels(figure.light).shape
    assert width / height == pytest.approx(columns / rows, rel=0.01)
    kinds = {each.tag.rpartition("}")[2] for each in drawn.iter()}
    assert "path" in kinds
    assert not {"image", "text"} & kinds
    assert all(each.get("d") for each in drawn.iter() if each.tag.endswith("}path"))
    assert figure.pictures().count("data-vector") == 1
    with pytest.raises(ValueError, match="pixels"):
        figure.save(tmp_path / "figure.svg", "dark")
    with only(WIDE):
        assert not figures.curves(record, "accuracy").vector


def test_a_figure_without_words_is_refused(figure: figures.Figure) -> None:
    with pytest.raises(ValueError, match="alt is empty"):
        figures.Figure(figure.light, figure.dark, " ")


def test_drawing_is_deterministic_and_leaves_matplotlib_as_it_was(record: xr.Dataset) -> None:
    before = dict(matplotlib.rcParams)
    with only(NARROW), matplotlib.rc_context({"font.size": 40, "lines.linewidth": 9}):
        odd = figures.curves(record, "accuracy")
    with only(NARROW):
        plain = figures.curves(record, "accuracy")
    assert odd == plain
    assert dict(matplotlib.rcParams) == before


DRAWN: dict[str, Callable[[xr.Dataset], figures.Figure]] = {
    "curves": lambda r: figures.curves(r, "accuracy"),
    "curves in panels": lambda r: figures.curves(r, "drift", panels="layer", logy=True),
    "percentiles": lambda r: figures.percentiles(r, select={"layer": 0}),
    "percentiles of one seed": lambda r: figures.percentiles(r, select={"layer": 0, "seed": 1}),
    "dots": lambda r: figures.dots(r, "accuracy", select={"step": 1000}),
    "heatmap": lambda r: figures.heatmap(r, "drift", rows="layer", select={"step": 1000}),
}


@pytest.mark.parametrize("kind", DRAWN)
@pytest.mark.parametrize("which", ["record", "lossy", "ruined"])
@pytest.mark.usefixtures("quick")
def test_words_are_there_and_never_undefined(
    kind: str, which: str, request: pytest.FixtureRequest
) -> None:
    figure = DRAWN[kind](request.getfixturevalue(which))
    assert len(figure.alt) > 40
    assert not re.search(r"\b(nan|inf|None)\b", figure.alt)
    assert ("diverged" in figure.alt) == (which == "ruined" or (which == "lossy")), (
        "divergence is stated when there was any, and only then"
    )


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", DRAWN)
def test_one_seed_is_drawn_without_an_interval(
    kind: str, records: Callable[..., xr.Dataset]
) -> None:
    if "one seed" not in kind:
        alt = DRAWN[kind](records(seeds=1)).alt
        assert "[" not in alt
        assert "±" not in alt.replace("mean ±", "")
