"""The teacher's edition: exercises without solutions, solutions apart, and slides of the figures.

It is made from the notebooks that the book's builder leaves (`bnbook.notebooks`):

    python -m bnbook.teaching _build/html/notebooks _build/teacher
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import Any

from bnbook.chapters import PAGES
from bnbook.notebooks import code_cell, markdown_cell

Notebook = dict[str, Any]
CLOSED = re.compile(
    r"<details>\n<summary><b>Solution to ([^<]+)</b></summary>\n\n(.*?)\n\n</details>", re.DOTALL
)
QUESTION = re.compile(
    r'<a id="(ex-[a-z]+-\d+)"></a>\n\n### ([^\n]+)\n(.*?)(?=<a id="ex-|<details>|\n## |\Z)',
    re.DOTALL,
)
CODE = re.compile(r"```python\n(.*?)\n```", re.DOTALL)
MATH = re.compile(r"\$([^$]+)\$")
CAPTION = re.compile(r'<a id="([\w-]+)"></a>\n\n\*\*(Figure [\d.]+)\.\*\* (.*)', re.DOTALL)


def without_solutions(notebook: Mapping[str, Any]) -> Notebook:
    """The notebook for a class: exercises, and no solution of them."""
    cells = [{**cell} for cell in notebook["cells"]]
    for cell in cells:
        if cell["cell_type"] == "markdown":
            cell["source"] = CLOSED.sub("", cell["source"]).strip()
    kept = [cell for cell in cells if cell["source"].strip()]
    return {**notebook, "cells": kept}


def solutions(notebook: Mapping[str, Any]) -> Notebook:
    """The exercises of a chapter with their solutions, open, their code in cells of its own."""
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    text = "\n\n".join(c["source"] for c in notebook["cells"] if c["cell_type"] == "markdown")
    title = next(line for line in text.split("\n") if line.startswith("# "))
    cells = [markdown_cell(f"{title}: solutions"), *code[:1]]
    cells += [cell for cell in code if "imports" in cell["metadata"].get("tags", ())]
    solved = dict(CLOSED.findall(text))
    for _, number, question in QUESTION.findall(text):
        cells.append(markdown_cell(f"## {number}\n{question}".strip()))
        for place, part in enumerate(CODE.split(solved[number])):
            if body := part.strip():
                cells.append(code_cell(body) if place % 2 else markdown_cell(body))
    cells = [{**cell, "id": f"cell-{number}"} for number, cell in enumerate(cells)]
    return {**notebook, "cells": cells}


def slides(notebook: Mapping[str, Any], title: str) -> str:
    """A page with a figure a screen, each with its number and caption, that prints a figure a page.

    The arrow keys, or scrolling, lead from one to the next. Figures are the notebook's own outputs.
    Formulas are set by the scripts of the pages, which lie beside the slides in `html`.
    """
    parts = "".join(
        f'<section id="{name}">{drawing}'
        f"<p><strong>{number}.</strong> {_typeset(caption)}</p></section>"
        for drawing, name, number, caption in _figures(notebook)
    )
    return PAGE.format(title=escape(title), parts=parts)


def _typeset(caption: str) -> str:
    r"""A caption as HTML, its formulas as the pages have them for `math.js`.

    >>> _typeset("Where $x < 1$.")
    'Where <span class="math notranslate">\\(x &lt; 1\\)</span>.'
    """
    return MATH.sub(r'<span class="math notranslate">\\(\1\\)</span>', escape(caption))


def _figures(notebook: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    """Drawing, label, number and caption of each figure: a cell's output, and the text after it."""
    cells = notebook["cells"]
    for cell, after in pairwise(cells):
        found = CAPTION.match(after["source"])
        if cell["cell_type"] == "code" and found:
            shown = [each["data"]["text/html"] for each in cell["outputs"] if _is_drawing(each)]
            if shown:
                drawing = shown[-1] if isinstance(shown[-1], str) else "".join(shown[-1])
                yield drawing, found[1], found[2], found[3]


def _is_drawing(output: Mapping[str, Any]) -> bool:
    return "text/html" in output.get("data", {})


PAGE = """<!doctype html>
<html lang="en" data-theme="light">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="stylesheet" href="../html/_static/katex/katex.min.css">
<style>
  html {{ scroll-snap-type: y mandatory; font: 1.2rem/1.4 system-ui, sans-serif; }}
  body {{ margin: 0; background: #fff; color: #111; }}
  section {{ scroll-snap-align: start; min-height: 100vh; box-sizing: border-box; padding: 3vh 5vw;
    display: flex; flex-direction: column; justify-content: center; break-after: page; }}
  section img {{ max-width: 100%; max-height: 72vh; margin: auto; }}
</style>
<script>
  addEventListener("keydown", (event) => {{
    const step = {{ ArrowRight: 1, PageDown: 1, ArrowLeft: -1, PageUp: -1 }}[event.key];
    if (!step || event.target.matches("input, select")) return;
    event.preventDefault();
    const place = Math.round(scrollY / innerHeight) + step;
    document.querySelectorAll("section")[place]?.scrollIntoView();
  }});
</script>
<script defer src="../html/_static/katex/katex.min.js"></script>
<script defer src="../html/_static/math.js"></script>
<section><h1>{title}</h1></section>{parts}
</html>
"""


def main(source: Path, target: Path) -> None:
    """Write three files for each chapter that has a notebook in `source`."""
    target.mkdir(parents=True, exist_ok=True)
    chapters = [name for name in PAGES if (source / f"{name}.ipynb").is_file()]
    if not chapters:
        raise SystemExit(f"{source} has no notebook of a chapter: run make notebooks first")
    for name in chapters:
        notebook = json.loads((source / f"{name}.ipynb").read_text(encoding="utf-8"))
        for kind, made in (("exercises", without_solutions), ("solutions", solutions)):
            text = json.dumps(made(notebook), indent=1, ensure_ascii=False)
            (target / f"{name}-{kind}.ipynb").write_text(text, encoding="utf-8")
        page = slides(notebook, PAGES[name][0])
        (target / f"{name}-slides.html").write_text(page, encoding="utf-8")
    print(f"{len(chapters)} chapters in {target}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
