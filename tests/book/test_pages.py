"""What holds for every page of the built book."""

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag

from bnbook import environment

ROOT = Path(__file__).parents[2]
HTML = ROOT / "_build" / "html"
LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "srcset", "link": "href"}
OUTSIDE = re.compile(r"^(https?:)?//")
IMPORTED = re.compile(r"(url\(|@import)\s*[\"']?(https?:)?//")


@cache
def parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def whole(page: str) -> BeautifulSoup:
    return parsed(HTML / f"{page}.html")


def article(page: str) -> Tag:
    found = whole(page).find("article")
    assert isinstance(found, Tag)
    return found


def test_every_image_says_what_it_shows(page: str) -> None:
    silent = [str(img)[:120] for img in article(page)("img") if not img.get("alt", "").strip()]
    assert silent == []


def loaded_from_elsewhere(page: str) -> list[str]:
    """Addresses outside the book that a page loads something from."""
    urls = [
        str(element[attribute])
        for tag, attribute in LOADS.items()
        for element in whole(page)(tag)
        if element.get(attribute) and element.get("rel") != ["canonical"]
    ]
    styles = " ".join(style.get_text() for style in whole(page)("style"))
    return [url for url in urls if OUTSIDE.match(url)] + [
        found.group() for found in IMPORTED.finditer(styles)
    ]


def test_page_loads_nothing_from_elsewhere(page: str) -> None:
    assert loaded_from_elsewhere(page) == []


def test_the_search_loads_nothing_from_elsewhere() -> None:
    assert loaded_from_elsewhere("search") == []


def test_page_says_who_wrote_it_when_and_which_version(page: str) -> None:
    told = article(page).select_one("h1 + .bn-facts")
    assert told is not None
    author, date, version, *_ = told.get_text().split(" · ")
    assert author
    assert re.fullmatch(r"\d{1,2} [A-Z][a-z]+ \d{4}", date)
    assert re.fullmatch(r"version \d+\.\d+\.\d+\S*", version)


def test_pictures_and_their_numbers_are_files(page: str) -> None:
    text = (HTML / f"{page}.html").read_text(encoding="utf-8")
    assert re.findall(r"data:(?:image/(?:webp|png)|text/csv)[^\"']{100}", text) == []
    for drawing in article(page).select(".bn-figure"):
        if drawing.find_parent(class_="solution"):
            continue
        link = drawing.select_one("a.bn-data")
        assert link is not None, f"no numbers: {drawing.find('img')['alt'][:80]}"
        table = (HTML / page).parent / str(link["href"])
        head, *rows = table.read_text(encoding="utf-8").splitlines()
        assert "," in head
        assert rows


def test_style_sheets_load_nothing_from_elsewhere() -> None:
    sheets = [path for path in (HTML / "_static").rglob("*.css") if "katex" not in path.parts]
    assert sheets
    assert [path.name for path in sheets if IMPORTED.search(path.read_text(encoding="utf-8"))] == []


def test_page_shows_no_traceback_and_no_standard_error(page: str) -> None:
    assert "Traceback (most recent call last)" not in article(page).get_text()
    assert article(page).select(".stderr, .traceback, .system-message") == []


def test_every_figure_is_numbered_and_captioned(page: str) -> None:
    for drawing in article(page).select(".bn-figure, .bn-explorer"):
        if drawing.find_parent(class_="solution"):
            continue
        figure = drawing.find_parent("figure")
        assert figure is not None, f"a figure without a number: {drawing.find('img')['alt'][:80]}"
        number = figure.select_one("figcaption .caption-number")
        caption = figure.select_one("figcaption .caption-text")
        assert number is not None, f"no number: {figure.get('id')}"
        assert re.fullmatch(r"Figure [\d.]+ ", number.get_text())
        assert caption is not None, f"no caption: {figure.get('id')}"
        assert len(caption.get_text().split()) > 3


def test_links_within_the_book_lead_somewhere(page: str) -> None:
    here = HTML / f"{page}.html"
    broken = []
    for link in whole(page)("a", href=True):
        url = urlsplit(str(link["href"]))
        if url.scheme or url.netloc:
            continue
        target = (here.parent / unquote(url.path)).resolve() if url.path else here
        if not target.is_file():
            broken.append(link["href"])
        elif url.fragment and target.suffix == ".html":
            name = unquote(url.fragment)
            if not parsed(target).find(id=name):
                broken.append(link["href"])
    assert broken == []


@pytest.mark.skipif(
    environment.scale() == "smoke", reason="the smallest scale has not every size that is pasted"
)
def test_pasted_numbers_are_numbers(page: str) -> None:
    pasted = [each.get_text() for each in article(page).select(".pasted-text")]
    assert [
        text for text in pasted if not text.strip() or re.search(r"\bnan\b|\binf\b", text)
    ] == []


def test_page_opens_in_binder_as_a_notebook(page: str) -> None:
    links = [a["href"] for a in whole(page)("a", href=re.compile("mybinder.org"))]
    assert links, "no launch button: the page lacks the jupytext header"
    for link in links:
        path = link.partition("?urlpath=lab/tree/")[2]
        assert path == f"notebooks/{Path(page).name}.ipynb"
        assert (HTML / path).is_file()


def test_the_first_page_opens_the_cover() -> None:
    first = parsed(HTML / "index.html").find("meta", attrs={"http-equiv": "Refresh"})
    assert isinstance(first, Tag)
    assert "url=book/index.html" in first["content"]
