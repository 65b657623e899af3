"""A defect of any kind stops the build, the second time too."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEADER = """---
jupytext:
  text_representation:
    extension: .md
    format_name: myst
kernelspec:
  display_name: Python 3
  language: python
  name: python3
---

# A page

"""
DEFECTS = {
    "a cell that raises": "```{code-cell} ipython3\n1 / 0\n```",
    "a broken cross-reference": "See {ref}`nowhere`.",
    "a number of no figure": "See {numref}`fig-nowhere`.",
    "a link to no page": "See {doc}`nowhere`.",
    "a Markdown link to no file": "See [nowhere](nowhere.md).",
    "a missing citation": "As in {cite}`nobody1900nothing`.",
    "a number that no cell pasted": "It is {glue:text}`nothing`.",
    "an unknown directive": "```{no-such-directive}\n```",
}


def book(folder: Path, text: str) -> list[str]:
    """A book of one page under the real configuration, and the command that builds it."""
    shutil.copy(ROOT / "_config.yml", folder)
    for part in ("_static", "_ext"):
        shutil.copytree(ROOT / "book" / part, folder / "book" / part)
    shutil.copy(ROOT / "book" / "references.bib", folder / "book")
    (folder / "_toc.yml").write_text("format: jb-book\nroot: book/index\n", encoding="utf-8")
    (folder / "book" / "index.md").write_text(f"{HEADER}{text}\n", encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    options = makefile.partition("jupyter-book build . ")[2].partition("\n")[0].split()
    return [str(Path(sys.executable).with_name("jupyter-book")), "build", str(folder), *options]


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_stops_the_build_twice(defect: str, tmp_path: Path) -> None:
    build = book(tmp_path, DEFECTS[defect])
    assert [subprocess.run(build, capture_output=True).returncode != 0 for _ in range(2)] == [
        True
    ] * 2


EXERCISE = """```{exercise-start}
:label: ex-math-1
```
What is one and one?
```{exercise-end}
```

```{solution-start} ex-math-1
:class: dropdown
```
It is the smallest prime.

```{code-cell} ipython3
print("two" + " is even")
```
```{solution-end}
```

After the solution.
"""


@pytest.mark.parametrize("hidden", [True, False])
def test_solutions_can_be_left_out_of_the_book(hidden: bool, tmp_path: Path) -> None:
    build = book(tmp_path, EXERCISE)
    config = tmp_path / "_config.yml"
    was = "hide_solutions: false"
    assert was in config.read_text(encoding="utf-8")
    config.write_text(
        config.read_text(encoding="utf-8").replace(was, f"hide_solutions: {str(hidden).lower()}"),
        encoding="utf-8",
    )
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "_build" / "html" / "book" / "index.html").read_text(encoding="utf-8")
    assert "What is one and one?" in page
    assert "After the solution." in page
    for part in ("smallest prime", "two is even"):
        assert (part in page) is not hidden


def test_a_sound_page_builds_twice(tmp_path: Path) -> None:
    build = book(tmp_path, "Sound, as in {cite}`ioffe2015batch`.\n\n```{bibliography}\n```")
    for _ in range(2):
        done = subprocess.run(build, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
