"""The one list of chapters, the table of contents, and the pages."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bnbook import claims, exercises
from bnbook.chapters import PAGES

ROOT = Path(__file__).parent.parent
TOC = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
NUMBERED = [
    Path(each["file"]).name
    for part in TOC["parts"]
    if part.get("numbered")
    for each in part["chapters"]
]


def test_the_table_of_contents_has_the_chapters_in_the_order_of_the_list() -> None:
    assert [name for name in PAGES if name in NUMBERED] == NUMBERED


@pytest.mark.parametrize("name", NUMBERED)
def test_a_page_has_the_title_of_the_list(name: str) -> None:
    lines = (ROOT / "book" / f"{name}.md").read_text(encoding="utf-8").splitlines()
    assert next(line for line in lines if line.startswith("# ")) == f"# {PAGES[name][0]}"


def test_claims_and_exercises_belong_to_chapters_of_the_list() -> None:
    assert set(claims.chapter_names()) <= set(PAGES)
    for name in set(NUMBERED):
        assert exercises.catalogue(name)
