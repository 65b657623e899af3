"""The book as EPUB 3: a file a page, formulas as MathML, pictures beside them."""

from __future__ import annotations

import re
import zipfile
from html import escape
from io import BytesIO
from pathlib import Path
from uuid import NAMESPACE_URL, uuid5

from PIL import Image

import bnbook
from bnbook.editions import pages
from bnbook.editions.archive import EPOCH

ADDRESS = "https://github.com/bnbook/bnbook"
KINDS = {"webp": "image/webp", "png": "image/png", "svg": "image/svg+xml", "css": "text/css"}
XHTML = "application/xhtml+xml"


def write(target: Path) -> Path:
    """Pack the built pages into `target`."""
    folder = pages.html()
    with pages.browser(folder) as (tab, site):
        found = pages.read(tab, site, mathml=True)
    names = {page.name for page in found}
    sheet = (folder / "_static" / "edition.css").read_text(encoding="utf-8")
    code = (folder / "_static" / "pygments.css").read_text(encoding="utf-8")
    files: dict[str, bytes] = {"style.css": f"{code}\n{sheet}".encode()}
    for page in found:
        text, pictures = _pictures(page.text)
        files |= {_shown(p): _readable(folder / "book" / p) for p in pictures}
        text = _valid(
            pages.links(text, names, "{page}.xhtml#{part}").replace('.xhtml#"', '.xhtml"')
        )
        files[f"{page.name}.xhtml"] = _page(page.title, text).encode()
    files["nav.xhtml"] = _page("Contents", _contents(found)).encode()
    files["package.opf"] = _package(found, files).encode()
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as book:
        _add(book, "mimetype", b"application/epub+zip", zipfile.ZIP_STORED)
        _add(book, "META-INF/container.xml", _CONTAINER.encode())
        for name, content in files.items():
            _add(book, f"book/{name}", content)
    return target


_CONTAINER = """<?xml version="1.0"?>
<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>
<rootfile full-path="book/package.opf" media-type="application/oebps-package+xml"/>
</rootfiles></container>
"""


def _pictures(text: str) -> tuple[str, list[str]]:
    """The text with its pictures in the EPUB's folder, and where they were."""
    found = re.findall(r'<img[^>]*?\bsrc="([^"]+)"', text)
    for source in found:
        text = text.replace(f'src="{source}"', f'src="{_shown(source)}"')
    return text, found


def _shown(source: str) -> str:
    """Where a picture stands in the EPUB; WebP is no picture that every reader must know."""
    name = Path(source)
    return f"images/{(name.with_suffix('.png') if name.suffix == '.webp' else name).name}"


def _readable(path: Path) -> bytes:
    """A picture as every reader knows it."""
    if path.suffix != ".webp":
        return path.read_bytes()
    buffer = BytesIO()
    Image.open(path).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _valid(text: str) -> str:
    """Without attributes that a page may have and an EPUB may not."""
    names = r"data-[\w-]+|aria-description|align|cite|autocomplete|list|open|download"
    text = re.sub(rf' (?:{names})="[^"]*"', "", text)
    for side in ("width", "height"):  # whole pixels, but in drawings
        text = re.sub(rf'(<(?!rect)\w+\b[^>]*?) {side}="(?:auto|\d+%|\d*\.\d+)"', r"\1", text)
    text = re.sub(r' role="doc-[\w-]+"', "", text)
    return re.sub(r' role="(?:note|group|listitem|list|complementary)"', "", text)


def _page(title: str, text: str) -> str:
    extra = ' xmlns:epub="http://www.idpf.org/2007/ops"'
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<!DOCTYPE html>\n'
        f'<html xmlns="http://www.w3.org/1999/xhtml"{extra} lang="en" xml:lang="en"><head>'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="style.css"/></head>'
        f"<body>{text}</body></html>\n"
    )


def _contents(found: list[pages.Page]) -> str:
    rows = "".join(f'<li><a href="{p.name}.xhtml">{escape(p.title)}</a></li>' for p in found)
    return f'<nav epub:type="toc" role="doc-toc"><h1>Contents</h1><ol>{rows}</ol></nav>'


def _package(found: list[pages.Page], files: dict[str, bytes]) -> str:
    rows = []
    for name, content in files.items():
        if not name.endswith(".xhtml"):
            kind = KINDS[name.rpartition(".")[2]]
            rows.append(f'<item id="{_id(name)}" href="{name}" media-type="{kind}"/>')
            continue
        has = {"mathml": b"<math" in content, "svg": b"<svg" in content, "nav": name == "nav.xhtml"}
        kept = " ".join(each for each, is_there in has.items() if is_there)
        properties = f' properties="{kept}"' if kept else ""
        rows.append(f'<item id="{_id(name)}" href="{name}" media-type="{XHTML}"{properties}/>')
    spine = "".join(f'<itemref idref="{_id(page.name + ".xhtml")}"/>' for page in found)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">'
        '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/">'
        f'<dc:identifier id="id">urn:uuid:{uuid5(NAMESPACE_URL, ADDRESS)}</dc:identifier>'
        f"<dc:title>{escape(found[0].title)}</dc:title><dc:language>en</dc:language>"
        "<dc:creator>The bnbook authors</dc:creator>"
        f"<dc:source>{ADDRESS}, version {bnbook.__version__}</dc:source>"
        "<dc:rights>Text and figures: CC BY 4.0; code: BSD 3-Clause licence</dc:rights>"
        f'<meta property="dcterms:modified">{_modified()}</meta>'
        f"</metadata><manifest>{''.join(rows)}</manifest><spine>{spine}</spine></package>\n"
    )


def _modified() -> str:
    return "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z".format(*EPOCH)


def _id(name: str) -> str:
    return "f-" + re.sub(r"[^\w]", "-", name)


def _add(book: zipfile.ZipFile, name: str, content: bytes, how: int = zipfile.ZIP_DEFLATED) -> None:
    book.writestr(zipfile.ZipInfo(name, EPOCH), content, how)
