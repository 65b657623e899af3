"""Pages as notebooks that read like them wherever a notebook is opened.

A page is written in MyST, of which Colab, Kaggle and JupyterLab alone show the raw text. `render`
takes a page as it was executed and gives a notebook in plain Markdown: roles are text, figures have
their numbers and captions, cells that only set the scene are collapsed, solutions are closed and
are no cells, so that "Run All" solves nothing. What a page refers to is in `References`, which the
book's builder knows.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bnbook.pasting import typeset

OPENING = re.compile(r"^(`{3,}|:{3,})\{([\w:-]+)\}[ ]*(.*)$")
OPTION = re.compile(r"^:([\w-]+):[ ]*(.*)$")
ROLE = re.compile(r"\{([\w:]+)\}`([^`]+)`")
TARGET = re.compile(r"^\(([\w-]+)\)=\n", re.MULTILINE)
NAMED_EQUATION = re.compile(r"\$\$ *\(([\w-]+)\)")
DEFINITION = re.compile(r"^(?![-*>#|\s])(.+)\n: +", re.MULTILINE)
CODE = re.compile(r"(^```.*?^```|`[^`\n]+`)", re.MULTILINE | re.DOTALL)
WIDGET = "application/vnd.jupyter.widget-view+json"
PRINTED = re.compile(r' data-vector="[^"]*"')
DROPPED = ("raw", "bibliography", "nb-exec-table")
HIDDEN = ("remove-cell", "remove-input", "remove_cell", "remove_input")


@dataclass(frozen=True)
class References:
    """What a page can refer to, by label: where it is, and what it is called.

    `numbers` has "Figure 1.3" and the like, `equations` "2.3", `titles` those of sections and
    pages, `addresses` the place of a label within the site, such as "book/bn-math.html#eq-bn",
    `works` author and year by BibTeX key, `macros` those of the mathematics, as MathJax has them.
    `efforts` says how hard each exercise is. `questions` are those of a page's box "Predict", with
    what may be answered, by their id, page by page.
    """

    site: str
    repository: str
    numbers: Mapping[str, str] = field(default_factory=dict)
    equations: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    addresses: Mapping[str, str] = field(default_factory=dict)
    works: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    macros: Mapping[str, Any] = field(default_factory=dict)
    efforts: Mapping[str, str] = field(default_factory=dict)
    questions: Mapping[str, Mapping[str, tuple[str, str]]] = field(default_factory=dict)

    def link(self, text: str, label: str) -> str:
        """`text`, leading to what has that label."""
        return f"[{text}]({self.site}/{self.addresses[label]})"


def render(
    notebook: Mapping[str, Any],
    page: str,
    refs: References,
    folder: Path,
    pasted: Mapping[str, Any],
) -> dict[str, Any]:
    """The notebook of the page called `page`, whose source lies in `folder`, in plain Markdown.

    `pasted` has the numbers, by name, that its cells handed over for the text.
    Raises `KeyError` for a label, a key or a pasted number that is not known.
    """
    made = _Page(page, refs, folder, pasted)
    for cell in notebook["cells"]:
        made.add(deepcopy(cell))
    made.end()
    cells = [markdown_cell(made.banner()), *made.cells]
    place = next((i for i, cell in enumerate(cells) if cell["cell_type"] == "code"), len(cells))
    cells.insert(place, code_cell(_install(refs.repository), hidden=True))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _install(repository: str) -> str:
    return (
        "# The book's package, where it is missing: in Colab, in Kaggle, or on your machine.\n"
        "import importlib.util\n\n"
        'if importlib.util.find_spec("bnbook") is None:\n'
        f'    %pip install -q "bnbook @ git+{repository}"'
    )


@dataclass
class _Page:
    """The cells of a page, as they are made one after the other."""

    page: str
    refs: References
    folder: Path
    pasted: Mapping[str, Any]
    cells: list[dict[str, Any]] = field(default_factory=list)
    solution: list[str] | None = None
    asked: bool = False

    def banner(self) -> str:
        address = f"{self.refs.site}/book/{self.page}.html"
        return (
            f"*This notebook is [a page of a book]({address}). Where it refers to other pages, it "
            "leads there. Run all of it, or a cell after the other.*"
        )

    def add(self, cell: dict[str, Any]) -> None:
        if cell["cell_type"] != "code":
            blocks = list(_blocks(_text(cell)))
            parts = [self._part(*block) for block in blocks]
            self._say("\n\n".join(part.strip("\n") for part in parts if part.strip()))
            if any(argument == "Predict" for _, argument, _, _ in blocks):
                self.ask()
        elif self.solution is not None:
            self.solution.append(f"```python\n{_text(cell)}\n```")
        else:
            self._run(cell)

    def ask(self) -> None:
        """A cell for the reader's guesses, after the first box that asks for them."""
        questions = self.refs.questions.get(self.page, {})
        if questions and not self.asked:
            self.asked = True
            lines = [
                f'    "{name}": ...,  # {question} {answers}'
                for name, (question, answers) in questions.items()
            ]
            guesses = "\n".join(lines)
            call = f'predictions.guess("{self.page}", {{\n{guesses}\n}})'
            self.cells.append(code_cell(f"from bnbook import predictions\n\n{call}"))

    def end(self) -> None:
        """A cell that says what was solved and foreseen."""
        if self.refs.questions.get(self.page):
            self._say("## Your progress")
            self.cells.append(code_cell(f'predictions.review("{self.page}")'))

    def _say(self, text: str) -> None:
        if text.strip():
            self.cells.append(markdown_cell(text.strip()))

    def _run(self, cell: dict[str, Any]) -> None:
        metadata = cell["metadata"]
        tags = set(metadata.get("tags", ()))
        whole = bool(tags & {"remove-cell", "remove_cell"})
        outputs = [] if whole else list(_shown(cell.get("outputs", [])))
        self.cells.append(
            code_cell(
                _text(cell),
                outputs,
                hidden=bool(tags & set(HIDDEN)),
                count=cell.get("execution_count"),
            )
        )
        if "imports" in tags:
            self.cells[-1]["metadata"]["tags"] = ["imports"]
        figure = metadata.get("mystnb", {}).get("figure")
        if figure:
            label = figure["name"]
            caption = self.prose(" ".join(figure["caption"].split("\n")).strip())
            self._say(f'<a id="{label}"></a>\n\n**{self.refs.numbers[label]}.** {caption}')

    def _part(self, name: str, argument: str, options: Mapping[str, str], body: str) -> str:
        """One block of a Markdown cell; solutions are put aside until they end."""
        if name == "solution-start":
            self.solution = [argument]
            return ""
        if name == "solution-end":
            closed, self.solution = self._closed(*(self.solution or [""])), None
            return closed
        text = self._plain(name, argument, options, body)
        if self.solution is not None:
            self.solution.append(text)
            return ""
        return text

    def _plain(self, name: str, argument: str, options: Mapping[str, str], body: str) -> str:
        if not name:
            return self.prose(body)
        if name == "exercise-start":
            label = options["label"]
            effort = self.refs.efforts[label]
            return f'<a id="{label}"></a>\n\n### {self.refs.numbers[label]}\n\n*{effort}*'
        if name == "literalinclude":
            code = _object(
                (self.folder / argument).read_text(encoding="utf-8"), options["pyobject"]
            )
            return f"```python\n{code}\n```"
        if name in DROPPED or name == "exercise-end":
            return ""
        inner = "\n\n".join(self._plain(*block) for block in _blocks(body))
        title = f"**{self.prose(argument)}**\n\n" if argument and name == "admonition" else ""
        if name != "admonition":
            return inner
        return "\n".join(f"> {line}".rstrip() for line in f"{title}{inner}".split("\n"))

    def _closed(self, exercise_id: str, *parts: str) -> str:
        number = self.refs.numbers[exercise_id]
        body = "\n\n".join(part for part in parts if part.strip())
        return f"<details>\n<summary><b>Solution to {number}</b></summary>\n\n{body}\n\n</details>"

    # --- text -----------------------------------------------------------------------------------

    def prose(self, text: str) -> str:
        """MyST's own as plain Markdown, outside of code."""
        text = ROLE.sub(lambda found: self._role(found[1], found[2]), text)
        pieces = CODE.split(text)
        pieces[::2] = [self._outside_of_code(piece) for piece in pieces[::2]]
        return "".join(pieces)

    def _outside_of_code(self, text: str) -> str:
        text = TARGET.sub(r'<a id="\1"></a>\n\n', text)
        text = NAMED_EQUATION.sub(
            lambda found: f"\\tag{{{self.refs.equations[found[1]]}}}\n$$", text
        )
        text = DEFINITION.sub(r"- \1: ", text)
        return expanded(text, self.refs.macros)

    def _role(self, role: str, content: str) -> str:
        refs = self.refs
        if role == "glue:text":
            name, _, form = content.partition(":")
            value = self.pasted[name]
            return typeset(format(value, form) if form else str(value))
        if role.startswith("cite"):
            return self._cited([key.strip() for key in content.split(",")], role == "cite:t")
        if role == "math":
            return f"${content}$"
        titled = re.fullmatch(r"(.*?)\s*<([^>]+)>", content, re.DOTALL)
        text, label = titled.groups() if titled else ("", content)
        if role == "eq":
            return refs.link(f"({refs.equations[label]})", label)
        if role == "numref":
            number = refs.numbers[label]
            return refs.link(text.replace("%s", number.split()[-1]) if text else number, label)
        if role in ("ref", "doc"):
            return refs.link(text or refs.titles[label], label)
        raise KeyError(f"{self.page}: a notebook does not know the role {role}")

    def _cited(self, keys: list[str], in_a_sentence: bool) -> str:
        def link(key: str, text: str) -> str:
            return f"[{text}]({self.refs.site}/book/bibliography.html#cite-{key})"

        works = [(key, *self.refs.works[key]) for key in keys]
        if in_a_sentence:
            return ", ".join(f"{names} ({link(key, year)})" for key, names, year in works)
        inner = "; ".join(link(key, f"{names}, {year}".rstrip(", ")) for key, names, year in works)
        return f"({inner})"


def expanded(text: str, macros: Mapping[str, Any]) -> str:
    r"""Mathematics without macros of its own: a notebook has none.

    >>> expanded(r"$\\norm{x + \\norm y} \\in \\R$", {"R": r"\\mathbb{R}", "norm": ["|#1|", 1]})
    '$|x + |y|| \\\\in \\\\mathbb{R}$'
    """
    for name, body in macros.items():
        found = re.compile(rf"\\{name}(?![A-Za-z])")
        if isinstance(body, str):
            text = found.sub(body.replace("\\", r"\\"), text)
            continue
        while match := found.search(text):
            argument, end = _argument(text, match.end())
            text = text[: match.start()] + body[0].replace("#1", argument) + text[end:]
    return text


def _argument(text: str, place: int) -> tuple[str, int]:
    """What a macro is given at `place`, a group in braces or one token, and where that ends."""
    while text[place] == " ":
        place += 1
    if text[place] != "{":
        token = re.compile(r"\\[A-Za-z]+|\\?.").match(text, place)
        assert token is not None
        return token[0], token.end()
    depth = 0
    for end in range(place, len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if depth == 0:
            return text[place + 1 : end], end + 1
    raise ValueError(f"a brace is not closed: {text[place : place + 40]}")


def _blocks(text: str) -> Iterator[tuple[str, str, dict[str, str], str]]:
    """Name, argument, options and body of each directive; of text between them the name is ""."""
    lines, plain = text.split("\n"), list[str]()
    place = 0
    while place < len(lines):
        opening = OPENING.match(lines[place])
        if not opening:
            plain.append(lines[place])
            place += 1
            continue
        if any(line.strip() for line in plain):
            yield "", "", {}, "\n".join(plain)
        plain = []
        fence, name, argument = opening.groups()
        end = place + 1
        while end < len(lines) and lines[end].strip() != fence:
            end += 1
        body, options = lines[place + 1 : end], {}
        while body and (option := OPTION.match(body[0])):
            options[option[1]] = option[2]
            body = body[1:]
        yield name, argument.strip(), options, "\n".join(body).strip("\n")
        place = end + 1
    if any(line.strip() for line in plain):
        yield "", "", {}, "\n".join(plain)


def value(shown: str) -> Any:
    """What a cell handed over, from how it was shown: a number, or the text as it is.

    >>> value("0.25"), value("'one'"), value("<object>")
    (0.25, 'one', '<object>')
    """
    try:
        return ast.literal_eval(shown)
    except (SyntaxError, ValueError):
        return shown


def _shown(outputs: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Outputs without views that need a kernel that is gone, and without figures for print."""
    for output in outputs:
        data = output.get("data", {})
        data.pop(WIDGET, None)
        if "text/html" in data:
            data["text/html"] = PRINTED.sub("", "".join(data["text/html"]))
        yield output


def _object(code: str, name: str) -> str:
    """The class or function called `name`, as it stands in `code`."""
    for node in ast.parse(code).body:
        if getattr(node, "name", None) == name:
            return str(ast.get_source_segment(code, node))
    raise KeyError(f"there is no {name} in that file")


def _text(cell: Mapping[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def markdown_cell(text: str) -> dict[str, Any]:
    """A cell of text."""
    return {"cell_type": "markdown", "metadata": {}, "source": text}


def code_cell(
    code: str,
    outputs: list[dict[str, Any]] | None = None,
    hidden: bool = False,
    count: int | None = None,
) -> dict[str, Any]:
    """A cell; a `hidden` one is collapsed, in JupyterLab and Kaggle as in Colab."""
    metadata: dict[str, Any] = {}
    if hidden:
        metadata = {"jupyter": {"source_hidden": True}, "cellView": "form", "_kg_hide-input": True}
    return {
        "cell_type": "code",
        "execution_count": count,
        "metadata": metadata,
        "outputs": outputs or [],
        "source": code,
    }
