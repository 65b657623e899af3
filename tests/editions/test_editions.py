"""Editions: links stay inside, an archive can be checked, an EPUB is packed as its format asks."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from xml.etree import ElementTree

import pytest
from PIL import Image

from bnbook.editions import __main__ as command
from bnbook.editions import archive, epub, pages

TEXT = (
    '<article xmlns="http://www.w3.org/1999/xhtml"><h1 id="a">A &amp; B</h1>'
    '<p data-x="1">See <a href="other.html#part">there</a>, <a href="../_data/x.csv">data</a>.</p>'
    '<img src="../_images/p.webp" alt="a picture"/>'
    '<math xmlns="http://www.w3.org/1998/Math/MathML"><mi>x</mi></math></article>'
)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built book of two pages and a picture."""
    html = tmp_path / "_build" / "html"
    for name in ("book/index.html", "_static/edition.css", "_static/pygments.css"):
        (html / name).parent.mkdir(parents=True, exist_ok=True)
        (html / name).write_text(f"/* {name} */", encoding="utf-8")
    (html / "_images").mkdir()
    Image.new("RGB", (2, 2), "red").save(html / "_images" / "p.webp")
    monkeypatch.setattr(pages, "html", lambda: html)
    return html


def test_links_lead_to_pages_of_the_edition_or_outside() -> None:
    text = '<a href="a.html#b">1</a><a href="no.html">2</a><a href="https://x.org">3</a>'
    assert pages.links(text, {"a"}, "{page}.xhtml#{part}") == (
        '<a href="a.xhtml#b">1</a><a >2</a><a href="https://x.org">3</a>'
    )


def test_every_file_of_the_archive_has_its_checksum(site: Path, tmp_path: Path) -> None:
    made = archive.write(tmp_path / "book.zip")
    with zipfile.ZipFile(made) as found:
        names = {name.removeprefix("book/") for name in found.namelist()}
        lines = found.read(f"book/{archive.MANIFEST}").decode().splitlines()
        sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
        assert names == {*sums, archive.MANIFEST}
        assert "html/_images/p.webp" in names
        for name, digest in sums.items():
            assert hashlib.sha256(found.read(f"book/{name}")).hexdigest() == digest


def test_the_archive_has_each_notebook_once_as_the_download_of_its_page(
    site: Path, tmp_path: Path
) -> None:
    for name in ("_sources/book/bn-math.ipynb", "notebooks/bn-math.ipynb"):
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text("{}", encoding="utf-8")
    with zipfile.ZipFile(archive.write(tmp_path / "book.zip")) as found:
        notebooks = [name for name in found.namelist() if name.endswith(".ipynb")]
        assert notebooks == ["book/html/_sources/book/bn-math.ipynb"]
        assert "html/_sources/book has the chapters" in found.read("book/README.txt").decode()


def test_equal_pages_make_equal_archives(site: Path, tmp_path: Path) -> None:
    first = archive.write(tmp_path / "book.zip").read_bytes()
    assert archive.write(tmp_path / "book.zip").read_bytes() == first


def test_an_epub_is_packed_as_its_format_asks(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def browser(folder: Path) -> Iterator[tuple[None, str]]:
        yield None, ""

    monkeypatch.setattr(pages, "browser", browser)
    found = [pages.Page("index", "A & B", TEXT), pages.Page("other", "Other", TEXT)]
    monkeypatch.setattr(pages, "read", lambda tab, site, mathml: found)
    with zipfile.ZipFile(epub.write(tmp_path / "book.epub")) as book:
        first = book.infolist()[0]
        assert (first.filename, first.compress_type) == ("mimetype", zipfile.ZIP_STORED)
        assert book.read("mimetype") == b"application/epub+zip"
        page = book.read("book/index.xhtml").decode()
        ElementTree.fromstring(page)
        assert 'href="other.xhtml#part"' in page
        assert "x.csv" not in page
        assert "data-x" not in page
        picture = Image.open(BytesIO(book.read("book/images/p.png")))
        assert (picture.format, picture.size) == ("PNG", (2, 2))
        assert 'src="images/p.png"' in page
        package = ElementTree.fromstring(book.read("book/package.opf"))
        space = {"o": "http://www.idpf.org/2007/opf"}
        items = {str(each.get("href")) for each in package.findall(".//o:item", space)}
        assert {f"book/{name}" for name in items} | {"book/package.opf"} == {
            name for name in book.namelist() if name.startswith("book/")
        }
        ids = {each.get("id") for each in package.findall(".//o:item", space)}
        assert {each.get("idref") for each in package.findall(".//o:itemref", space)} <= ids


def test_without_pages_the_command_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bnbook.environment.checkout", lambda: tmp_path)
    assert command.main(["archive"]) == 1
    assert "make book" in capsys.readouterr().err
    assert command.main(["pff"]) == 2
    assert "did you mean 'pdf'" in capsys.readouterr().err
