"""Pictures and data that stand in a page as `data:` addresses become files that load when needed.

A notebook carries its outputs in one file, so figures and explorers hold theirs as text. In
the pages a picture is a file, named by its content, that a browser fetches when it comes near.
"""

import base64
import hashlib
import re
from pathlib import Path

from bs4 import BeautifulSoup, Tag

EMBEDDED = re.compile(r"data:image/(webp|png|svg)(?:\+xml)?;base64,([A-Za-z0-9+/=]{200,})")

MANY = 50
"""From so many elements that look alike on, a page says it once."""


def as_files(html: str, folder: Path, depth: int) -> str:
    """`html` with a relative address for each embedded picture, which is written under `folder`."""

    def moved(found: re.Match[str]) -> str:
        content = base64.b64decode(found[2])
        target = folder / "_images" / f"{hashlib.sha256(content).hexdigest()[:16]}.{found[1]}"
        target.parent.mkdir(exist_ok=True)
        if not target.exists():
            target.write_bytes(content)
        return f"{'../' * depth}_images/{target.name}"

    return EMBEDDED.sub(moved, html)


def lazy(page: BeautifulSoup) -> None:
    """Let every picture of the text wait until it comes near."""
    for image in page.select("article img"):
        image["loading"] = "lazy"


def once(page: BeautifulSoup) -> None:
    """Leave one copy of each style sheet and of what moves explorers; no widgets."""
    for state in page.select('script[type="application/vnd.jupyter.widget-state+json"]'):
        state.decompose()
    seen: set[str] = set()
    for sheet in page.select("article style"):
        text = sheet.get_text()
        if text in seen:
            sheet.decompose()
        seen.add(text)
    for script in page.select(".bn-explorer > script:not([type])"):
        function, _, call = script.get_text().rpartition("})")  # call is ("bn-explorer-…");
        if function in seen:
            script.string = f"bnExplore{call}"
        seen.add(function)


def share_looks(page: BeautifulSoup) -> None:
    """Say once, in a style sheet, what many elements of the text say of their looks each.

    A notebook has no style sheet, so cells of tables carry their looks with them; in a page that
    was a third of the scoreboard. What stands at an element weighs more than a sheet: so must this.
    """
    wearing: dict[str, list[Tag]] = {}
    for element in page.select("article [style]"):
        wearing.setdefault(str(element["style"]), []).append(element)
    rules = []
    for style, elements in wearing.items():
        if len(elements) < MANY:
            continue
        name = f"bn-looks-{len(rules)}"
        rules.append(f".{name}{{{style.rstrip(';').replace(';', '!important;')}!important}}")
        for element in elements:
            del element["style"]
            element["class"] = [*element.get("class", []), name]
    if rules:
        sheet = page.new_tag("style")
        sheet.string = "\n".join(rules)
        page.head.append(sheet)


def name_data(page: BeautifulSoup, folder: Path, depth: int) -> None:
    """Let what a page offers for download be a file: a figure's numbers have the figure's name."""
    for anchor in page.select("a[download][href^='data:']"):
        figure = anchor.find_parent("figure", id=True)
        content = base64.b64decode(str(anchor["href"]).partition(",")[2])
        offered = Path(str(anchor["download"]))
        if figure:
            offered = offered.with_stem(str(figure["id"]))
        elif "bn-data" in anchor.get("class", []):
            offered = offered.with_stem(hashlib.sha256(content).hexdigest()[:16])
        target = folder / "_data" / offered.name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(content)
        anchor["href"] = f"{'../' * depth}_data/{target.name}"
        anchor["download"] = target.name
