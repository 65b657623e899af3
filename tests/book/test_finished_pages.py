"""What is done to a page after Sphinx: on small pages, without a build."""

from __future__ import annotations

import base64
import importlib
import sys
from io import BytesIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from bs4 import BeautifulSoup
from PIL import Image

from bnbook.explore import explore
from bnbook.figures.figure import Figure

EXTENSIONS = Path(__file__).parents[2] / "book" / "_ext"
PICTURE = b"RIFF" + bytes(range(256))


@pytest.fixture(autouse=True)
def extensions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXTENSIONS))
    for name in [each for each in sys.modules if each.startswith("finished_pages")]:
        monkeypatch.delitem(sys.modules, name)


def part(name: str) -> ModuleType:
    """One module of the extension."""
    return importlib.import_module(f"finished_pages.{name}")


def soup(text: str) -> Any:
    return BeautifulSoup(
        f"<html><head></head><body><article>{text}</article></body></html>", "html.parser"
    )


def test_an_embedded_picture_becomes_one_file_wherever_it_stands(tmp_path: Path) -> None:
    uri = f"data:image/webp;base64,{base64.b64encode(PICTURE).decode()}"
    text = f'<img src="{uri}"><script type="application/json">{{"images":["{uri}"]}}</script>'
    made = part("pictures").as_files(text, tmp_path, 1)
    (file,) = (tmp_path / "_images").iterdir()
    assert file.read_bytes() == PICTURE
    assert made.count(f"../_images/{file.name}") == 2
    assert "base64" not in made


def test_a_heading_that_says_nothing_is_no_heading() -> None:
    page = soup("<table><tr><th>split</th><th> </th></tr></table>")
    part("access").mend(page)
    assert [cell.name for cell in page.tr.find_all(["th", "td"])] == ["th", "td"]


def test_a_pasted_number_has_a_minus_and_a_power_of_ten_and_other_text_stays() -> None:
    page = soup('<p>x-1 -2 <span class="pasted-text"><b>-0.25</b> to 4e-07</span></p>')
    part("pasted").print_well(page)
    assert page.p.get_text() == "x-1 -2 −0.25 to 4×10⁻⁷"


def test_what_is_for_print_is_a_file_too(tmp_path: Path) -> None:
    drawn = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>' * 4
    uri = f"data:image/svg+xml;base64,{base64.b64encode(drawn).decode()}"
    made = part("pictures").as_files(f'<img data-vector="{uri}">', tmp_path, 0)
    (file,) = (tmp_path / "_images").iterdir()
    assert (file.suffix, file.read_bytes()) == (".svg", drawn)
    assert made == f'<img data-vector="_images/{file.name}">'


def test_the_numbers_of_a_figure_get_its_name(tmp_path: Path) -> None:
    table = base64.b64encode(b"step,value\n1,2\n").decode()
    page = soup(
        '<figure id="fig-x"><a class="bn-data" download="figure.csv" '
        f'href="data:text/csv;base64,{table}">d</a></figure>'
    )
    part("pictures").name_data(page, tmp_path, 1)
    assert page.a["href"] == "../_data/fig-x.csv"
    assert (tmp_path / "_data" / "fig-x.csv").read_text(encoding="utf-8") == "step,value\n1,2\n"


def test_what_is_offered_beside_a_table_is_a_file_of_the_name_that_it_was_given(
    tmp_path: Path,
) -> None:
    ledger = base64.b64encode(b"{}").decode()
    page = soup(f'<a download="ledger-1.json" href="data:application/json;base64,{ledger}">l</a>')
    part("pictures").name_data(page, tmp_path, 1)
    assert page.a["href"] == "../_data/ledger-1.json"
    assert (tmp_path / "_data" / "ledger-1.json").read_text() == "{}"


def test_explorers_of_a_page_share_what_moves_them() -> None:
    dot = BytesIO()
    Image.new("RGB", (2, 2)).save(dot, "PNG")

    def draw(step: int) -> Figure:
        return Figure(dot.getvalue(), dot.getvalue(), f"step {step}")

    page = soup("".join(explore(draw, title="t", step=[0, 1]).html() for _ in range(3)))
    names = [each["id"] for each in page.select(".bn-explorer")]
    part("pictures").once(page)
    first, *others = (each.string for each in page.select(".bn-explorer > script:not([type])"))
    assert first.startswith("(window.bnExplore = function (name) {")
    assert first.endswith(f'}})("{names[0]}");')
    assert others == [f'bnExplore("{name}");' for name in names[1:]]
    assert len(page.select('script[type="application/json"]')) == 3


def test_what_many_elements_look_like_is_said_once() -> None:
    cells = '<td class="a" style="color:red;top:0">x</td>' * 50
    page = soup(f'<table><tr>{cells}<td style="color:blue">y</td></tr></table>')
    part("pictures").share_looks(page)
    first, *_, last = page.select("td")
    assert first["class"] == ["a", "bn-looks-0"]
    assert not first.has_attr("style")
    assert last["style"] == "color:blue"
    (sheet,) = page.head.select("style")
    assert sheet.string == ".bn-looks-0{color:red!important;top:0!important}"


def test_a_word_is_explained_once_and_not_in_code_or_formulas() -> None:
    page = soup(
        '<p><code>arm</code> <span class="math">arm</span> An arm and another arm.</p><h2>arm</h2>'
    )
    part("terms").explain(page, {"arm": ("term-arm", "One setting.")})
    (term,) = page.select("a.bn-term")
    assert term.get_text() == "arm"
    assert term["href"] == "notation.html#term-arm"
    assert term["data-says"] == "One setting."
    assert page.p.get_text() == "arm arm An arm and another arm."


def test_words_of_the_glossary_are_read_with_their_anchors() -> None:
    page = soup(
        '<section id="words"><dl><dt>member, population</dt><dd><p>Two words.</p></dd>'
        r'<dt>rule</dt><dd><p><span class="math">\(p(y\mid x)\)</span></p></dd></dl></section>'
    )
    words = part("terms").read(page)
    assert words == {
        "population": ("term-member-population", "Two words."),
        "rule": ("term-rule", "p(y|x)"),
    }


def test_a_section_is_found_without_those_inside_it_and_without_tex() -> None:
    page = soup(
        r'<section id="one"><h1>One</h1><p>Of <span class="math">\(\gamma\)</span>.</p>'
        '<section id="two"><h2>Two</h2><p>Inside.</p></section></section>'
    )
    first, second = part("search").sections(page, "book/x")
    assert (first.title, first.text, first.symbols) == ("One", "Of γ.", "gamma")
    assert (second.title, second.chapter, second.text) == ("Two", "One", "Inside.")


def test_an_id_stands_once_and_a_title_is_not_doubled() -> None:
    page = soup('<div id="a"></div><div id="a"></div>')
    page.head.append(BeautifulSoup("<title>Book — Book</title>", "html.parser").title)
    part("access").mend(page)
    assert len(page.select("#a")) == 1
    assert page.title.string == "Book"


def test_reading_time_counts_prose_and_neither_code_nor_solutions() -> None:
    prose = "word " * 600
    page = soup(
        f'<p>{prose}</p><div class="solution">{prose}</div><div class="cell_input">{prose}</div>'
    )
    assert part("facts").reading_minutes(page) == 3
