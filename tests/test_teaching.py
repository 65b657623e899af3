"""The teacher's edition: what a class gets, what its teacher gets, and slides."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

from bnbook import teaching
from bnbook.notebooks import render
from tests.test_notebooks import BOOK, PAGE, REFS, read

DRAWING = '<div class="bn-figure"><img src="data:," alt="a line"></div>'


@pytest.fixture
def notebook() -> dict[str, Any]:
    page = PAGE.replace(":tags: [remove-cell]", ":tags: [imports]")
    source = read(page)
    source.cells[2].outputs = [
        nbformat.v4.new_output("display_data", {"text/html": DRAWING, "text/plain": "a line"})
    ]
    return render(source, "a", REFS, BOOK, {"gain": 0.1})


def text(notebook: dict[str, Any]) -> str:
    return "\n\n".join(cell["source"] for cell in notebook["cells"])


def test_a_class_gets_the_exercises_and_no_solution(notebook: dict[str, Any]) -> None:
    made = teaching.without_solutions(notebook)
    nbformat.validate(nbformat.from_dict(made))
    assert "**A question.** How many?" in text(made)
    assert 'bnbook.check("ex-a-1", answer)' in text(made)
    for secret in ("Seven", "solution(", "<details>"):
        assert secret in text(notebook)
        assert secret not in text(made)


def test_a_teacher_gets_them_open_with_code_that_runs(notebook: dict[str, Any]) -> None:
    made = teaching.solutions(notebook)
    nbformat.validate(nbformat.from_dict(made))
    words = [cell["source"] for cell in made["cells"] if cell["cell_type"] == "markdown"]
    code = [cell["source"] for cell in made["cells"] if cell["cell_type"] == "code"]
    assert words[0] == "# A page: solutions"
    assert words[1].startswith("## Exercise 1.1\n")
    assert "How many?" in words[1]
    assert words[2] == "Seven, as $\\mathbb{R}$ says."
    assert "%pip install" in code[0]
    assert code[1:] == ["plumbing = 1", 'bnbook.solution("ex-a-1", 7)']


def test_a_slide_is_a_figure_with_its_number_and_caption(notebook: dict[str, Any]) -> None:
    page = teaching.slides(notebook, "A <page>")
    assert page.count("<section") == 2
    assert DRAWING in page
    formula = '<span class="math notranslate">\\(\\lVert x \\rVert\\)</span>'
    assert f"<strong>Figure 1.1.</strong> A figure of {formula}, in two lines." in page
    assert "<title>A &lt;page&gt;</title>" in page
    assert "http" not in page


def test_what_slides_load_travels_with_the_pages(notebook: dict[str, Any]) -> None:
    loaded = re.findall(r'(?:src|href)="([^":]+)"', teaching.slides(notebook, "A page"))
    assert {Path(each).name for each in loaded} == {"katex.min.css", "katex.min.js", "math.js"}
    for each in loaded:
        assert (BOOK / "_static" / each.removeprefix("../html/_static/")).is_file()


def test_there_are_three_files_for_each_chapter(notebook: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "bn-math.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    teaching.main(tmp_path, tmp_path / "teacher")
    assert sorted(each.name for each in (tmp_path / "teacher").iterdir()) == [
        "bn-math-exercises.ipynb",
        "bn-math-slides.html",
        "bn-math-solutions.ipynb",
    ]


def test_without_notebooks_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="make notebooks"):
        teaching.main(tmp_path, tmp_path / "teacher")
