"""Words of the glossary explain themselves where a page first uses them."""

import re

from bs4 import BeautifulSoup, NavigableString, Tag

from .search import plain

GLOSSARY = "book/notation"
PLAIN = {"batch", "claim", "effect", "interval", "member", "record", "scale", "share"}
"""Words that a text uses in their everyday sense too: they are in the glossary, and not linked."""

CLOSED = {"a", "code", "h1", "h2", "h3", "h4", "em", "button", "summary", "th", "td", "script"}
CLOSED_CLASSES = {"math", "cell_output", "cell_input", "admonition-title", "bn-facts", "bn-verdict"}


def read(page: BeautifulSoup) -> dict[str, tuple[str, str]]:
    """Words of the glossary, each with its anchor, which is set, and what it means."""
    found: dict[str, tuple[str, str]] = {}
    for title in page.select("article #words dl > dt"):
        meaning = title.find_next_sibling("dd")
        word = title.get_text().strip()
        if not isinstance(meaning, Tag):
            continue
        title["id"] = "term-" + re.sub(r"[^a-z0-9]+", "-", word.casefold()).strip("-")
        says = plain(meaning)
        for each in re.split(r",| and ", word):
            if each.strip().casefold() not in PLAIN:
                found[each.strip()] = (str(title["id"]), says)
    return found


def explain(page: BeautifulSoup, words: dict[str, tuple[str, str]]) -> None:
    """Link the first use of each word in the text of a page to what it means."""
    left = dict(words)
    for paragraph in page.select("article p, article li"):
        for text in list(paragraph.find_all(string=True)):
            if left and type(text) is NavigableString and _open(text):
                _link(page, text, left)


def _open(text: NavigableString) -> bool:
    for parent in text.parents:
        if parent.name in CLOSED or CLOSED_CLASSES & set(parent.get("class") or ()):
            return False
        if parent.name == "article":
            return True
    return False


def _link(page: BeautifulSoup, text: NavigableString, left: dict[str, tuple[str, str]]) -> None:
    """Link the longest word that a text holds, and go on with what stands behind it."""
    for word in sorted(left, key=len, reverse=True):
        found = re.search(rf"(?<![\w-]){re.escape(word)}s?(?![\w-])", text, re.I)
        if not found:
            continue
        anchor, says = left.pop(word)
        term = page.new_tag("a", attrs={"class": "bn-term", "href": f"notation.html#{anchor}"})
        term["data-says"] = term["aria-description"] = says
        term.string = found[0]
        before, after = text[: found.start()], text[found.end() :]
        rest = NavigableString(after)
        text.replace_with(NavigableString(before), term, rest)
        _link(page, rest, left)
        return
