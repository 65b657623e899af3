"""The built pages in the order of the book, without what only a screen can use."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bnbook import environment
from bnbook.editions.chromium import chromium, served

if TYPE_CHECKING:
    from playwright.sync_api import Page as Tab

# Every page that the sidebar names, each once; the first is the cover.
_ORDER = """() => [...new Set([...document.querySelectorAll('nav.bd-links a, .navbar-brand')]
    .map(a => new URL(a.href).pathname).filter(path => path.endsWith('.html')))]"""

# Take out of the text what cannot be pressed, moved or needed on paper.
_STILL = """async () => {
    const text = document.querySelector('article').cloneNode(true);
    const gone = '.headerlink, .copybtn, script, style, noscript, button, form, datalist, '
        + '.bn-data, .bn-controls, .bn-playground, .bn-filters, .bn-downloads, .toggle-button, '
        + 'template, .bn-dark, source, .solution, .bn-progress, .sd-tab-set > input';
    text.querySelectorAll('.bn-playground[data-small]').forEach(each => {
        each.closest('section').remove();
    });
    text.querySelectorAll(gone).forEach(each => each.remove());
    text.querySelectorAll('[hidden], input, select, textarea').forEach(each => each.remove());
    for (const picture of text.querySelectorAll('picture')) {
        const image = picture.querySelector('img');
        if (image) picture.replaceWith(image); else picture.remove();
    }
    text.querySelectorAll('img').forEach(each => {
        if (each.dataset.vector) each.setAttribute('src', each.dataset.vector);
        each.removeAttribute('data-vector');
        each.removeAttribute('loading');
        each.removeAttribute('decoding');
        each.removeAttribute('style');
        const wide = parseInt(each.getAttribute('width'));
        if (wide) each.setAttribute('style', `max-width: min(100%, ${wide}px)`);
    });
    text.querySelectorAll('[tabindex]').forEach(each => each.removeAttribute('tabindex'));
    text.querySelectorAll('details').forEach(each => {
        const inside = document.createElement('div');
        inside.append(...each.childNodes);
        inside.querySelectorAll('summary').forEach(one => {
            const line = document.createElement('p');
            line.append(...one.childNodes);
            one.replaceWith(line);
        });
        each.replaceWith(inside);
    });
    if (MATHML) for (const formula of text.querySelectorAll('.katex')) {
        const math = formula.querySelector('math');
        math.querySelectorAll('annotation').forEach(each => each.remove());
        strict(math);
        formula.replaceWith(math);
    }
    return new XMLSerializer().serializeToString(text);

    // What browsers forgive and the schema of MathML does not: signs inside signs, bare spaces,
    // empty lists of lengths, and an operator's invisible application as one argument too many.
    function strict(math) {
        const two = ['msub', 'msup', 'mover', 'munder'], three = ['msubsup', 'munderover'];
        math.querySelectorAll('mo:has(*)').forEach(each => each.replaceWith(...each.childNodes));
        for (const each of math.querySelectorAll('*')) {
            for (const name of ['columnspacing', 'rowspacing', 'columnalign']) {
                if (each.getAttribute(name) === '') each.removeAttribute(name);
            }
            if (['mi', 'mn', 'mo', 'mtext', 'ms'].includes(each.localName)) continue;
            for (const bare of [...each.childNodes].filter(node => node.nodeType === 3)) {
                const word = bare.data.trim();
                const kind = word ? 'mtext' : 'mspace';
                const part = document.createElementNS(math.namespaceURI, kind);
                if (word) part.textContent = word; else part.setAttribute('width', '0.167em');
                bare.replaceWith(part);
            }
            const room = two.includes(each.localName) ? 2 : three.includes(each.localName) ? 3 : 99;
            for (const sign of [...each.children]) {
                const extra = each.children.length > room;
                if (extra && sign.textContent === '\u2061') sign.remove();
                else if (extra && sign.localName === 'mspace') sign.remove();
            }
        }
    }
}"""


@dataclass(frozen=True)
class Page:
    """One page: its name, as in "small-batches", its title, and its text as XHTML."""

    name: str
    title: str
    text: str


def html() -> Path:
    """The folder of the built pages; `FileNotFoundError` where there are none."""
    folder = (environment.checkout() or Path()) / "_build" / "html"
    if not (folder / "book" / "index.html").is_file():
        raise FileNotFoundError(f"no pages in {folder}: run `make book` first")
    return folder


@contextmanager
def browser(folder: Path) -> Iterator[tuple[Tab, str]]:
    """A tab of Chromium, and the address at which it finds the files of `folder`."""
    with served(folder) as site, chromium() as started:
        yield started.new_page(), site


def read(tab: Tab, site: str, *, mathml: bool) -> list[Page]:
    """All pages; formulas as MathML, or else as KaTeX has set them."""
    tab.goto(f"{site}/book/index.html")
    return [_read(tab, f"{site}{path}", mathml) for path in tab.evaluate(_ORDER)]


def _read(tab: Tab, address: str, mathml: bool) -> Page:
    tab.goto(address)
    tab.wait_for_function("!window.katex || document.documentElement.dataset.math === 'set'")
    text = tab.evaluate(_STILL.replace("MATHML", str(mathml).lower()))
    name = address.rpartition("/")[2].removesuffix(".html")
    title = tab.locator("article h1").first.inner_text().rstrip("#\N{PILCROW SIGN}").strip()
    return Page(name, title, text)


def links(text: str, names: set[str], target: str) -> str:
    """`text` with links to pages of the book turned to `target`, in which {page} and {part} stand.

    Links to files that are in no edition lose their address.
    """

    def turned(found: re.Match[str]) -> str:
        name, part = found[1], found[2] or ""
        return f'href="{target.format(page=name, part=part)}"' if name in names else ""

    text = re.sub(r'href="([\w-]+)\.html(?:#([^"]*))?"', turned, text)
    return re.sub(r'href="(?!https?:|#|mailto:|[\w-]+\.xhtml)[^"]*"', "", text)
