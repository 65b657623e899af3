"""What the search looks in: every section of the book, as plain text, in one script.

Sphinx's own search finds pages, loads its index with every page, and fetches a whole page for each
result that it shows. Here a query loads this one file, from a disk too, and finds sections.
"""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from bs4 import BeautifulSoup, NavigableString, Tag

SCRIPTS = ("searchtools.js", "language_data.js", "searchindex.js")
SKIPPED = ("script", "style", "nav", "button", "noscript", "svg")
SKIPPED_CLASSES = {"headerlink", "cell_input", "bn-facts", "eqno", "bn-controls", "toggle-button"}

GREEK = {
    **dict(
        zip(
            ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"),
            "αβγδεζηθ",
            strict=True,
        )
    ),
    **dict(
        zip(
            ("kappa", "lambda", "mu", "nu", "xi", "pi", "rho", "sigma", "tau"),
            "κλμνξπρστ",
            strict=True,
        )
    ),
    **dict(zip(("varepsilon", "phi", "varphi", "chi", "psi", "omega"), "εφφχψω", strict=True)),
    **dict(
        zip(("Gamma", "Delta", "Theta", "Lambda", "Sigma", "Phi", "Omega"), "ΓΔΘΛΣΦΩ", strict=True)
    ),
}
SIGNS = dict(
    zip(
        ("le", "ge", "times", "pm", "cdot", "approx", "infty", "in", "mid", "to", "mapsto"),
        "≤≥×±·≈∞∈|→↦",
        strict=True,
    )
)


@dataclass(frozen=True)
class Section:
    """One section: where it is, its title and its chapter's, what it says, and names of symbols."""

    page: str
    anchor: str
    title: str
    chapter: str
    text: str
    symbols: str


def is_script(address: str) -> bool:
    """Whether a script is one of Sphinx's search."""
    return address.partition("?")[0].endswith(SCRIPTS)


def sections(page: BeautifulSoup, name: str) -> list[Section]:
    """The sections of a page, each without those inside it."""
    found = []
    chapter = ""
    for part in page.select("article section[id]"):
        heading = part.find(re.compile("^h[1-6]$"), recursive=False)
        if not isinstance(heading, Tag):
            continue
        symbols: list[str] = []
        title = _clean(_text(heading, symbols))
        chapter = chapter or title
        body = " ".join(
            _text(child, symbols)
            for child in part.children
            if child is not heading and not _is_section(child)
        )
        named = " ".join(sorted(set(symbols)))
        found.append(Section(name, str(part["id"]), title, chapter, _clean(body), named))
    return found


def link(page: BeautifulSoup) -> None:
    """Let the search page load what it searches, and with what."""
    for address in ("_static/search/minisearch.js", "sections.js", "_static/search/search.js"):
        page.head.append(page.new_tag("script", src=address, defer=""))


def write(folder: Path, found: list[Section]) -> None:
    """Write the sections as a script, which a page opened from a disk can load too."""
    rows = json.dumps([asdict(each) for each in found], ensure_ascii=False, separators=(",", ":"))
    (folder / "sections.js").write_text(f"window.SECTIONS = {rows};\n", encoding="utf-8")
    (folder / "searchindex.js").unlink(missing_ok=True)


def plain(node: Tag) -> str:
    """What a reader sees of a node, formulas in plain signs."""
    return _clean(_text(node, []))


def _is_section(node: object) -> bool:
    return isinstance(node, Tag) and node.name == "section" and bool(node.get("id"))


def _text(node: object, symbols: list[str]) -> str:
    """What a reader sees of a node; a short formula in plain signs, a long one as an ellipsis."""
    if isinstance(node, NavigableString):
        return str(node) if type(node) is NavigableString else ""
    if not isinstance(node, Tag) or node.name in SKIPPED:
        return ""
    classes = set(node.get("class") or ())
    if classes & SKIPPED_CLASSES:
        return ""
    if "math" in classes:
        return _formula(node.get_text(), symbols)
    gap = "" if node.name in ("span", "em", "strong", "code", "a", "sub", "sup", "i", "b") else " "
    return gap + "".join(_text(child, symbols) for child in node.children) + gap


def _formula(tex: str, symbols: list[str]) -> str:
    names = re.findall(r"\\([A-Za-z]+)", tex)
    symbols += [name for name in names if name in GREEK]
    plain = re.sub(r"\\([A-Za-z]+)", lambda m: GREEK.get(m[1], SIGNS.get(m[1], "")), tex)
    plain = re.sub(r"^\\[(\[]|\\[)\]]$", "", plain.strip())
    plain = re.sub(r"[\\{}$&]|\s+", "", plain)
    return plain if len(plain) <= 16 else "…"


def _clean(text: str) -> str:
    return re.sub(r"\s+([.,;:!?)])", r"\1", re.sub(r"\s+", " ", text)).strip().replace("¶", "")
