"""What is done to every page after Sphinx has written it.

A page is light (its pictures are files, its icons a small font), follows the rules of accessibility
where the theme does not, and says who wrote it, when, and how long it takes to read.
"""

from collections.abc import Iterator
from pathlib import Path

from bs4 import BeautifulSoup
from sphinx.application import Sphinx

from . import access, facts, icons, pasted, pictures, search, terms


def _pages(app: Sphinx) -> Iterator[tuple[str, Path]]:
    """Name and file of every page, those that Sphinx makes itself last."""
    for name in [*sorted(app.env.found_docs), "search"]:
        file = Path(app.outdir, f"{name}.html")
        if file.is_file():
            yield name, file


def _glossary(folder: Path) -> dict[str, tuple[str, str]]:
    """The words that the book explains, and where."""
    file = folder / f"{terms.GLOSSARY}.html"
    if not file.is_file():
        return {}
    return terms.read(BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser"))


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Finish the pages of a build that succeeded."""
    if exception is not None or app.builder.name != "html":
        return
    folder = Path(app.outdir)
    sections: list[search.Section] = []
    used: set[str] = set()
    words = _glossary(folder)
    for name, file in _pages(app):
        text = pictures.as_files(file.read_text(encoding="utf-8"), folder, name.count("/"))
        page = BeautifulSoup(text, "html.parser")
        for script in page("script", src=True):
            if icons.is_script(script["src"]) or search.is_script(script["src"]):
                script.decompose()
        pictures.lazy(page)
        pictures.once(page)
        pictures.share_looks(page)
        pictures.name_data(page, folder, name.count("/"))
        access.mend(page)
        pasted.print_well(page)
        if name == terms.GLOSSARY:
            terms.read(page)
        elif name in app.env.found_docs:
            terms.explain(page, words)
        if name in app.env.found_docs:
            facts.say(page, app, name)
            sections += search.sections(page, name)
        else:
            search.link(page)
        used |= icons.used(page)
        icons.link(page, name.count("/"))
        file.write_text(page.decode(formatter="minimal"), encoding="utf-8")
    icons.write(folder, used)
    search.write(folder, sections)


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.connect("build-finished", finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
