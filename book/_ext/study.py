"""Exercises that a page checks by itself, questions before the measurement, and what one has done.

Everything comes from the package (`bnbook.exercises`, `bnbook.predictions`) when pages are built;
`_static/study` does the rest in the reader's browser, without a kernel or a request.
"""

import json
import re
from html import escape
from pathlib import PurePosixPath

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform
from sphinx_exercise.nodes import is_exercise_node
from sphinx_exercise.transforms import MergeGatedExercises

from bnbook import exercises, predictions
from bnbook.chapters import ChapterError
from bnbook.exercises import Exercise
from bnbook.predictions import Prediction

STUB = re.compile(r"\s*answer = .*\nbnbook\.check\(\"(ex-[a-z]+-\d+)\", answer\)\s*")
SCRIPTS = ("check.js", "journal.js", "study.js")


class Study(SphinxTransform):
    """Put into a chapter what its exercises and its predictions need."""

    default_priority = MergeGatedExercises.default_priority + 2

    def apply(self) -> None:
        """Add to exercises, to the box "Predict", and to the end of the page."""
        chapter = PurePosixPath(self.env.docname).name
        known, asked = of_chapter(exercises, chapter), of_chapter(predictions, chapter)
        for node in list(self.document.findall(is_exercise_node)):
            if exercise := known.get(node.get("label", "")):
                _equip(node, exercise)
        for cell in list(self.document.findall(_is_stub_of_what_the_page_checks)):
            cell.parent.remove(cell)
        for box in self.document.findall(nodes.admonition):
            if asked and box.next_node(nodes.title).astext() == "Predict":
                box += _raw(_questions(asked))
                break
        if known:
            self.document.next_node(nodes.section).append(_summary(known, asked))


def of_chapter(package, chapter: str) -> dict:
    """What a package has for a chapter; nothing for a page that is none."""
    try:
        return package.catalogue(chapter)
    except ChapterError:
        return {}


def _equip(node: nodes.Element, exercise: Exercise) -> None:
    """Effort under the title, and the place where the answer is given."""
    content = node.children[-1]
    content.insert(0, nodes.paragraph("", exercise.effort, classes=["bn-effort"]))
    data = exercises.veiled(exercises.portable(exercise), exercise.id)
    content += _raw(
        f'<div class="bn-study" data-exercise="{exercise.id}" data-veiled="{data}"></div>'
    )


def _is_stub_of_what_the_page_checks(node: nodes.Node) -> bool:
    """A notebook's cell for an answer that the page has an input for."""
    if not (isinstance(node, nodes.container) and node.get("nb_element") == "cell_code"):
        return False
    source = node.next_node(nodes.literal_block)
    found = STUB.fullmatch(source.astext()) if source is not None else None
    return found is not None and exercises.get(found[1]).answer.data() is not None


def _questions(asked: dict[str, Prediction]) -> str:
    data = escape(json.dumps([each.data() for each in asked.values()], ensure_ascii=False))
    return f'<div class="bn-predict" data-questions="{data}"></div>'


def _summary(known: dict[str, Exercise], asked: dict[str, Prediction]) -> nodes.section:
    """The section at a chapter's end: what there was to do, and what was done of it."""
    section = nodes.section("", nodes.title("", "Your progress"), ids=["your-progress"])
    section["classes"].append("bn-progress")
    kinds = [each.difficulty for each in known.values()]
    counts = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    minutes = sum(each.minutes for each in known.values())
    predict = f" and {len(asked)} predictions" if asked else ""
    text = f"This chapter has {len(known)} exercises ({counts}; about {minutes} minutes){predict}."
    section += nodes.paragraph("", text)
    listed = [
        {"id": each.id, "difficulty": each.difficulty, "minutes": each.minutes}
        for each in known.values()
    ]
    data = escape(json.dumps(listed))
    section += _raw(f'<div class="bn-done" data-exercises="{data}"></div>')
    return section


def _raw(html: str) -> nodes.raw:
    return nodes.raw("", html, format="html")


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx."""
    app.add_transform(Study)
    app.add_css_file("study/study.css")
    for script in SCRIPTS:
        app.add_js_file(f"study/{script}", loading_method="defer")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
