"""Pages as notebooks: plain Markdown, with numbers, closed solutions and nothing of MyST."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import jupytext
import nbformat
import pytest

from bnbook.notebooks import References, expanded, render

BOOK = Path(__file__).parents[1] / "book"
TEXTS = {
    path.stem: path.read_text(encoding="utf-8")
    for path in BOOK.glob("*.md")
    if "kernelspec:" in path.read_text(encoding="utf-8")
}
MACROS = {"R": r"\mathbb{R}", "E": r"\operatorname{E}", "norm": [r"\lVert #1 \rVert", 1]}

PAGE = r"""---
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---
(here)=
# A page

See {numref}`fig-one`, {eq}`eq-one`, {cite}`one2000, two2001` and {cite:t}`two2001`; {doc}`/book/b`,
{ref}`there <here>`. It is {glue:text}`gain:.2f` for $x \in \R$, not `{cite}`.

Term
: what it means

$$
\norm{x} = 1
$$ (eq-one)

```{admonition} Predict
:class: tip
What will {math}`\E x` be?
```

```{code-cell} ipython3
:tags: [remove-cell]

plumbing = 1
```

```{code-cell} ipython3
---
mystnb:
  figure:
    name: fig-one
    caption: |
      A figure of $\norm x$,
      in two lines.
---
drawn
```

```{exercise-start}
:label: ex-a-1
```
**A question.** How many?
```{exercise-end}
```

```{code-cell} ipython3
answer = ...
bnbook.check("ex-a-1", answer)
```

+++ {"jupyter": {"source_hidden": true}}

```{solution-start} ex-a-1
:class: dropdown
```
Seven, as $\R$ says.

```{code-cell} ipython3
bnbook.solution("ex-a-1", 7)
```
```{solution-end}
```

## The end
"""
REFS = References(
    "https://example.org",
    "https://example.org/repo",
    numbers={"fig-one": "Figure 1.1", "ex-a-1": "Exercise 1.1"},
    equations={"eq-one": "1.2"},
    titles={"/book/b": "Another page", "here": "A page"},
    addresses={
        "fig-one": "book/a.html#fig-one",
        "eq-one": "book/a.html#equation-eq-one",
        "/book/b": "book/b.html",
        "here": "book/a.html#here",
    },
    works={"one2000": ("One", "2000"), "two2001": ("Two and Three", "2001")},
    macros=MACROS,
    efforts={"ex-a-1": "warm-up, about 3 minutes"},
    questions={"a": {"predict-a-1": ("Which?", '"yes" or "no"')}},
)


def read(text: str) -> Any:
    """The notebook of a page, not yet executed."""
    return jupytext.reads(text, fmt="md:myst")


@pytest.fixture(scope="module")
def made() -> Any:
    notebook = read(PAGE)
    shown = {
        "text/plain": ["x"],
        "text/html": ['<img data-vector="data:,x" ', 'alt="y">'],
        "application/vnd.jupyter.widget-view+json": {"model_id": "1"},
    }
    notebook.cells[2].outputs = [nbformat.v4.new_output("display_data", shown)]
    return nbformat.from_dict(render(notebook, "a", REFS, BOOK, {"gain": -0.1749}))


def words(notebook: Any) -> str:
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_it_is_a_notebook(made: Any) -> None:
    nbformat.validate(made)


@pytest.mark.parametrize(
    "text",
    [
        "See [Figure 1.1](https://example.org/book/a.html#fig-one)",
        "[(1.2)](https://example.org/book/a.html#equation-eq-one)",
        "([One, 2000](https://example.org/book/bibliography.html#cite-one2000); "
        "[Two and Three, 2001](https://example.org/book/bibliography.html#cite-two2001))",
        "and Two and Three ([2001](https://example.org/book/bibliography.html#cite-two2001))",
        "[Another page](https://example.org/book/b.html)",
        "[there](https://example.org/book/a.html#here)",
        r"It is −0.17 for $x \in \mathbb{R}$, not `{cite}`.",
        "- Term: what it means",
        "\\lVert x \\rVert = 1\n\\tag{1.2}\n$$",
        "> **Predict**\n>\n> What will $\\operatorname{E} x$ be?",
        "**Figure 1.1.** A figure of $\\lVert x \\rVert$, in two lines.",
        "### Exercise 1.1\n\n*warm-up, about 3 minutes*\n\n**A question.** How many?",
        "<summary><b>Solution to Exercise 1.1</b></summary>\n\nSeven, as $\\mathbb{R}$ says.\n\n"
        '```python\nbnbook.solution("ex-a-1", 7)\n```\n\n</details>\n\n## The end',
        '<a id="here"></a>\n\n# A page',
    ],
)
def test_what_the_page_says_stands_there_in_plain_markdown(text: str, made: Any) -> None:
    assert text in words(made)


def test_cells_come_in_the_order_of_the_page_and_solutions_are_none(made: Any) -> None:
    install, guess, plumbing, figure, stub, review = code(made)
    assert 'find_spec("bnbook") is None' in install.source
    assert "git+https://example.org/repo" in install.source
    assert 'predictions.guess("a", {\n    "predict-a-1": ...,  # Which? "yes" or "no"\n})' in (
        guess.source
    )
    assert plumbing.source == "plumbing = 1"
    assert figure.source == "drawn"
    assert stub.source == 'answer = ...\nbnbook.check("ex-a-1", answer)'
    assert review.source == 'predictions.review("a")'
    for cell in code(made):
        hidden = cell in (install, plumbing)
        assert cell.metadata.get("jupyter", {}).get("source_hidden", False) is hidden


def test_outputs_are_kept_but_not_what_needs_a_kernel(made: Any) -> None:
    _, _, plumbing, figure, *_ = code(made)
    assert plumbing.outputs == []
    assert [set(output.data) for output in figure.outputs] == [{"text/plain", "text/html"}]
    assert figure.outputs[0].data["text/html"] == '<img alt="y">'


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (r"\norm{x + \norm y}", r"\lVert x + \lVert y \rVert \rVert"),
        (r"\norm\alpha", r"\lVert \alpha \rVert"),
        (r"\Rank \R", r"\Rank \mathbb{R}"),
        (r"\E\,\E_x", r"\operatorname{E}\,\operatorname{E}_x"),
    ],
)
def test_macros_are_expanded(text: str, plain: str) -> None:
    assert expanded(text, MACROS) == plain


def test_a_brace_that_is_not_closed_is_an_error() -> None:
    with pytest.raises(ValueError, match="not closed"):
        expanded(r"\norm{x", MACROS)


@pytest.mark.parametrize("role", ["{numref}`fig-two`", "{cite}`three2002`", "{glue:text}`loss`"])
def test_what_is_not_known_is_an_error(role: str) -> None:
    with pytest.raises(KeyError):
        render(read(f"{PAGE}\n{role}\n"), "a", REFS, BOOK, {"gain": 0.1})


class Anything(defaultdict[str, Any]):
    def __missing__(self, key: str) -> Any:
        return self.default_factory and self.default_factory()


ANY = References(
    "https://example.org",
    "https://example.org/repo",
    numbers=Anything(lambda: "Figure 1.1"),
    equations=Anything(lambda: "1.1"),
    titles=Anything(lambda: "A title"),
    addresses=Anything(lambda: "book/a.html"),
    works=Anything(lambda: ("Somebody", "2000")),
    macros=MACROS,
    efforts=Anything(lambda: "warm-up, about 3 minutes"),
)


@pytest.mark.parametrize("name", TEXTS)
def test_nothing_of_myst_is_left_in_any_page(name: str) -> None:
    text = TEXTS[name]
    names = {each.partition(":")[0] for each in re.findall(r"\{glue:text\}`([^`]+)`", text)}
    made = nbformat.from_dict(render(read(text), name, ANY, BOOK, dict.fromkeys(names, 0.5)))
    nbformat.validate(made)
    left = words(made)
    assert not re.search(r"\{[\w:-]+\}`", left)
    assert not re.search(r"^(`{3,}|:{3,})\{", left, re.MULTILINE)
    assert not re.search(r"^\([\w-]+\)=", left, re.MULTILINE)
    assert left.count("<details>") == left.count("</details>") == text.count("{solution-start}")
    assert left.count("### Figure 1.1") == text.count("{exercise-start}")
    checks = [cell.source for cell in code(made) if "bnbook.check(" in cell.source]
    assert all("..." in source for source in checks)
