"""The book as PDF: one document, printed by Chromium, with an outline and numbered pages."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import bnbook
from bnbook.editions import pages

if TYPE_CHECKING:
    from playwright.sync_api import PdfMargins

MARGIN: PdfMargins = {"top": "18mm", "bottom": "20mm", "left": "20mm", "right": "20mm"}
_FOOT = (
    '<div style="width:100%;font-size:8pt;text-align:center;color:#555">'
    '<span class="pageNumber"></span></div>'
)

_FIT = """() => {
    for (const formula of document.querySelectorAll('.katex-display')) {
        const parts = [...formula.querySelectorAll('.base')].map(part => part.offsetWidth);
        const number = formula.closest('.math').querySelector('.eqno')?.offsetWidth ?? 0;
        const widest = Math.max(0, ...parts), room = formula.offsetWidth - number;
        if (widest > room) formula.style.fontSize = `${room / widest}em`;
    }
}"""


def write(target: Path) -> Path:
    """Print the built pages to `target`."""
    folder = pages.html()
    with pages.browser(folder) as (tab, site):
        found = pages.read(tab, site, mathml=False)
        whole = folder / "book" / "_whole.html"
        whole.write_text(_document(found), encoding="utf-8")
        try:
            tab.set_viewport_size({"width": 643, "height": 900})  # the column of a sheet of A4
            tab.goto(f"{site}/book/{whole.name}", wait_until="networkidle")
            tab.evaluate("document.fonts.ready.then(() => 0)")
            tab.evaluate(_FIT)
            target.parent.mkdir(parents=True, exist_ok=True)
            tab.pdf(
                path=target,
                format="A4",
                margin=MARGIN,
                print_background=True,
                display_header_footer=True,
                header_template="<span></span>",
                footer_template=_FOOT,
                outline=True,
                tagged=True,
            )
        finally:
            whole.unlink()
    return target


def _document(found: list[pages.Page]) -> str:
    """All pages in one, each on a new sheet, its anchors under its own name."""
    names = {page.name for page in found}
    cover, *rest = found
    contents = "".join(f'<li><a href="#{p.name}">{escape(p.title)}</a></li>' for p in rest)
    parts = "".join(_part(page, names) for page in found)
    sheets = "".join(
        f'<link rel="stylesheet" href="../_static/{sheet}">'
        for sheet in ("pygments.css", "katex/katex.min.css", "edition.css")
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(cover.title)}</title>{sheets}</head><body>"
        f'<header class="title"><p class="name">{escape(cover.title)}</p>'
        f"<p>Every claim measured</p><p>The bnbook authors</p><p>Version {bnbook.__version__}</p>"
        f'</header><nav><p class="contents">Contents</p><ol>{contents}</ol></nav>'
        f"{parts}</body></html>"
    )


def _part(page: pages.Page, names: set[str]) -> str:
    text = re.sub(r'\bid="([^"]+)"', rf'id="{page.name}--\1"', page.text)
    text = re.sub(r'href="#([^"]*)"', rf'href="#{page.name}--\1"', text)
    text = pages.links(text, names, "#{page}--{part}").replace('--"', '"')
    return f'<section class="page" id="{page.name}">{text}</section>'
