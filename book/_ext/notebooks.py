"""The pages as notebooks in plain Markdown, with outputs: what is downloaded, and what opens.

They lie in `notebooks/` beside the pages, and in the place of those that the theme offers for
download. The repository's branch `notebooks` has the same files, for services that read from there.
"""

import contextlib
import json
from pathlib import Path
from urllib.parse import quote

import nbformat
from jupyter_cache import get_cache
from pybtex.database import parse_file
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from study import of_chapter

from bnbook import exercises, notebooks, predictions
from bnbook.chapters import PAGES
from bnbook.notebooks import References

BRANCH = "notebooks"
FOLDER = "notebooks"


def _references(app: Sphinx) -> References:
    env, config = app.env, app.config
    addresses, titles, numbers, equations = {}, {}, {}, {}
    std = env.get_domain("std")
    for label, (page, anchor) in std.anonlabels.items():
        addresses[label] = f"{page}.html#{anchor}" if anchor else f"{page}.html"
        numbers.update(_number(env, config.numfig_format, label, page, anchor))
    for label, (_page, _anchor, title) in std.labels.items():
        titles[label] = title
    for page, title in env.titles.items():
        addresses[f"/{page}"], titles[f"/{page}"] = f"{page}.html", title.astext()
    for label, (page, number) in env.get_domain("math").equations.items():
        addresses[label] = f"{page}.html#equation-{label}"
        figured = env.toc_fignumbers.get(page, {}).get("displaymath", {})
        found = figured.get(f"equation-{label}") if config.math_numfig else None
        equations[label] = ".".join(map(str, found)) if found else str(number)
    works = {}
    for file in config.bibtex_bibfiles:
        for key, entry in parse_file(Path(app.srcdir) / file).entries.items():
            works[key] = (_names(entry), entry.fields.get("year", ""))
    repository, owner, name = _repository(app)
    site = f"https://{owner}.github.io/{name}"
    macros = config.mathjax3_config["tex"]["macros"]
    efforts = {name: each.effort for name, each in exercises.catalogue().items()}
    questions = {
        chapter: {name: (each.question, each.answers) for name, each in asked.items()}
        for chapter in PAGES
        if (asked := of_chapter(predictions, chapter))
    }
    return References(
        site, repository, numbers, equations, titles, addresses, works, macros, efforts, questions
    )


def _repository(app: Sphinx) -> tuple[str, str, str]:
    """Its address, who owns it, and its name."""
    address = app.config.html_theme_options["repository_url"].rstrip("/")
    owner, name = address.split("/")[-2:]
    return address, owner, name


def _number(env: BuildEnvironment, formats, label, page, anchor):
    for kind, by_anchor in env.toc_fignumbers.get(page, {}).items():
        if anchor in by_anchor:
            number = ".".join(map(str, by_anchor[anchor]))
            yield label, formats.get(kind, f"{kind.capitalize()} %s") % number
            return
    sections = env.toc_secnumbers.get(page, {})
    found = sections.get(f"#{anchor}") or (sections.get("") if label and anchor == label else None)
    if found:
        yield label, formats["section"] % ".".join(map(str, found))


def _names(entry) -> str:
    """`Ioffe and Szegedy`, `Santurkar et al.`; the title of a work without authors."""
    people = entry.persons.get("author", [])
    last = [" ".join([*each.prelast_names, *each.last_names]).strip("{}") for each in people]
    if not last:
        return entry.fields.get("title", "").strip("{}")
    return (
        last[0] if len(last) == 1 else " and ".join(last) if len(last) == 2 else f"{last[0]} et al."
    )


def _write(app: Sphinx, failed: Exception | None) -> None:
    if failed or app.builder.name != "html":
        return
    refs = _references(app)
    executed = Path(app.outdir).parent / "jupyter_execute"
    target = Path(app.outdir) / FOLDER
    target.mkdir(exist_ok=True)
    for page in sorted(app.env.found_docs):
        path = (executed / page).with_suffix(".ipynb")
        if not path.is_file() or "kernelspec" not in app.env.metadata[page]:
            continue
        source = Path(app.env.doc2path(page))
        made = notebooks.render(
            _executed(app, path), source.stem, refs, source.parent, _pasted(path)
        )
        text = json.dumps(made, indent=1, ensure_ascii=False)
        download = (Path(app.outdir) / "_sources" / page).with_suffix(".ipynb")
        for file in (target / path.name, download):
            file.write_text(text, encoding="utf-8")


def _executed(app: Sphinx, path: Path) -> dict:
    """The notebook with its outputs: those are in the cache, and not in the file at `path`."""
    notebook, config = nbformat.read(path, as_version=4), app.env.mystnb_config
    if config.execution_mode == "cache":
        with contextlib.suppress(KeyError):  # a page without code is not in it
            cache = get_cache(config.execution_cache_path)
            _, notebook = cache.merge_match_into_notebook(notebook)
    return notebook


def _pasted(path: Path) -> dict:
    """What the page's cells handed over for its text, as myst-nb leaves it beside the notebook."""
    kept = path.with_suffix(".glue.json")
    found = json.loads(kept.read_text("utf-8")) if kept.is_file() else {}
    return {name: notebooks.value(each["data"]["text/plain"]) for name, each in found.items()}


def _offer(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Colab and Kaggle beside Binder, which opens the page's notebook and not its source."""
    for group in context.get("header_buttons", []):
        if group.get("label") == "launch-buttons":
            _, owner, name = _repository(app)
            file = f"{Path(pagename).name}.ipynb"
            for button in group["buttons"]:
                place, tree, _ = button.get("url", "").partition("?urlpath=lab/tree/")
                if tree:
                    button["url"] = f"{place}{tree}{FOLDER}/{file}"
            raw = f"https://raw.githubusercontent.com/{owner}/{name}/{BRANCH}/{file}"
            group["buttons"] += [
                _button(
                    "Colab",
                    f"https://colab.research.google.com/github/{owner}/{name}/blob/{BRANCH}/{file}",
                ),
                _button("Kaggle", f"https://kaggle.com/kernels/welcome?src={quote(raw, safe='')}"),
            ]


def _button(name: str, url: str) -> dict[str, str]:
    icon = "fas fa-up-right-from-square"
    return {"type": "link", "text": name, "tooltip": f"Open in {name}", "icon": icon, "url": url}


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.connect("build-finished", _write)
    app.connect("html-page-context", _offer, priority=502)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
