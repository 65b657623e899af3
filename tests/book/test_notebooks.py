"""The pages as notebooks: what is downloaded, and what Colab and Kaggle open."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import nbformat
import pytest
from bs4 import BeautifulSoup

ROOT = Path(__file__).parents[2]
HTML = ROOT / "_build" / "html"
SITE = re.compile(r"\]\((https://[\w.-]+\.github\.io/[^)]+)\)")


def notebook(page: str) -> Any:
    return nbformat.read(HTML / "notebooks" / f"{Path(page).name}.ipynb", as_version=4)


def words(page: str) -> str:
    return "\n".join(each.source for each in notebook(page).cells if each.cell_type == "markdown")


def test_the_notebook_is_whole_and_is_what_the_page_offers_to_download(page: str) -> None:
    nbformat.validate(notebook(page))
    published = HTML / "notebooks" / f"{Path(page).name}.ipynb"
    assert published.read_bytes() == (HTML / "_sources" / f"{page}.ipynb").read_bytes()
    soup = BeautifulSoup((HTML / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
    assert [a for a in soup("a", href=True) if str(a["href"]).endswith(f"{Path(page).name}.ipynb")]


def test_nothing_of_myst_is_left_and_every_figure_has_its_number(page: str) -> None:
    text = words(page)
    assert not re.search(r"\{[\w:-]+\}`", text)
    assert not re.search(r"^(`{3,}|:{3,})\{", text, re.MULTILINE)
    soup = BeautifulSoup((HTML / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
    for number in soup.select("article figcaption .caption-number"):
        if not number.find_parent(class_="solution"):
            assert f"**{number.get_text().strip()}.**" in text


def test_links_lead_to_pages_of_the_book(page: str) -> None:
    broken = []
    for url in SITE.findall(words(page)):
        path = urlsplit(url).path.split("/", 2)[2]
        if not (HTML / path).is_file():
            broken.append(url)
        elif fragment := urlsplit(url).fragment:
            target = BeautifulSoup((HTML / path).read_text(encoding="utf-8"), "html.parser")
            if not target.find(id=fragment):
                broken.append(url)
    assert broken == []


def test_cells_have_outputs_and_none_says_that_an_exercise_is_right(chapter: str) -> None:
    cells = [each for each in notebook(chapter).cells if each.cell_type == "code"]
    assert sum(bool(each.outputs) for each in cells) > 10
    for each in cells:
        if "bnbook.check(" in each.source:
            assert "..." in each.source
            assert "not attempted yet" in str(each.outputs)
        assert "bnbook.solution(" not in each.source


def test_binder_opens_the_notebook_and_not_the_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "book" / "_ext"))
    offer = importlib.import_module("notebooks")._offer
    site = "https://mybinder.org/v2/gh/owner/name/main?urlpath=lab/tree/"
    buttons = [{"url": f"{site}book/a.md"}]
    context = {"header_buttons": [{"label": "launch-buttons", "buttons": buttons}]}
    theme = {"repository_url": "https://github.com/owner/name"}
    app = SimpleNamespace(config=SimpleNamespace(html_theme_options=theme))
    offer(app, "book/a", "page.html", context, None)
    assert buttons[0]["url"] == f"{site}notebooks/a.ipynb"
    assert len(buttons) == 3


@pytest.mark.parametrize("service", ["Colab", "Kaggle"])
def test_a_page_opens_in_other_services_by_the_branch_of_notebooks(service: str, page: str) -> None:
    soup = BeautifulSoup((HTML / f"{page}.html").read_text(encoding="utf-8"), "html.parser")
    links = [str(a["href"]) for a in soup("a", href=True) if service in a.get_text()]
    file = f"notebooks/{Path(page).name}.ipynb"
    assert links
    for link in links:
        target = parse_qs(urlsplit(link).query)["src"][0] if service == "Kaggle" else link
        assert target.endswith(file)
