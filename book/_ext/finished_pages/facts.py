"""What a page says of itself: author, date, version, and how long it takes to read."""

import re
import shutil
import subprocess
from datetime import date
from functools import cache
from pathlib import Path

import yaml
from bs4 import BeautifulSoup, Tag
from sphinx.application import Sphinx

WORDS_A_MINUTE = 200
"""What an adult reads of a text that explains something; a formula counts as two words."""

LEFT_OUT = ".solution, .cell_input, .cell_output, figcaption, script, style, .headerlink, table"


def say(page: BeautifulSoup, app: Sphinx, name: str) -> None:
    """Write the line under the title, and the same for machines."""
    title = page.select_one("article h1")
    if title is None:
        return
    source = Path(app.env.doc2path(name))
    citation = _citation(str(app.srcdir))
    day = _changed(source) or citation.get("date-released", date.today())
    authors = ", ".join(each["name"] for each in citation.get("authors", [])) or app.config.author
    parts = [authors, f"{day:%-d %B %Y}", f"version {citation.get('version', app.config.release)}"]
    minutes = reading_minutes(page)
    if minutes:
        parts.append(f"{minutes} minute{'s' * (minutes > 1)} to read")
    line = page.new_tag("p", attrs={"class": "bn-facts"})
    line.string = " · ".join(parts)
    title.insert_after(line)
    for key, value in (("author", authors), ("date", day.isoformat())):
        for old in page.head("meta", attrs={"name": key}):
            old.decompose()
        page.head.append(page.new_tag("meta", attrs={"name": key, "content": value}))


def reading_minutes(page: BeautifulSoup) -> int:
    """Minutes that the prose of a page takes: no code, no outputs, no solutions."""
    article = page.select_one("article")
    if not isinstance(article, Tag):
        return 0
    skipped = {id(each) for each in article.select(LEFT_OUT)}
    words = formulas = 0
    for text in article.find_all(string=True):
        parents = list(text.parents)
        if any(id(parent) in skipped for parent in parents):
            continue
        if any("math" in (parent.get("class") or []) for parent in parents):
            formulas += 1
        else:
            words += len(re.findall(r"\w+", text))
    return round((words + 2 * formulas) / WORDS_A_MINUTE)


@cache
def _citation(folder: str) -> dict:
    """What CITATION.cff says, or nothing where there is none."""
    file = Path(folder, "CITATION.cff")
    return yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _changed(source: Path) -> date | None:
    """The day of the last change to a page's source, or None outside a repository."""
    if shutil.which("git") is None:
        return None
    asked = subprocess.run(
        ["git", "log", "-1", "--format=%cs", "--", source.name],
        cwd=source.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return date.fromisoformat(asked.stdout.strip()) if asked.stdout.strip() else None
