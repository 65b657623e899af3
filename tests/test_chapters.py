"""What holds for the source of every chapter."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import jupytext

ROOT = Path(__file__).parents[1]
GATE = re.compile(r"\{(exercise|solution)-(start|end)\}")
LABEL = re.compile(r"^ *name: (fig-\S+)|^\$\$ \((\S+)\)|^:label: (\S+)|^\((\S+)\)=$", re.M)
DEFINITION = re.compile(r"^\s*(?:async def|def|class)\s", re.M)


def source(chapter: str) -> str:
    return (ROOT / f"{chapter}.md").read_text()


def code_cells(chapter: str) -> Iterator[tuple[str, bool]]:
    """The code cells, each with whether it stands between an exercise and its solution's end."""
    inside = False
    for cell in jupytext.reads(source(chapter), fmt="md:myst").cells:
        if cell.cell_type == "code":
            yield cell.source, inside
        elif gates := GATE.findall(cell.source):
            inside = gates[-1] != ("solution", "end")


def test_a_cell_has_at_most_twelve_lines(chapter: str) -> None:
    lengths = [
        sum(bool(line.strip()) for line in code.splitlines()) for code, _ in code_cells(chapter)
    ]
    assert lengths
    assert max(lengths) <= 12


def test_a_chapter_defines_nothing_outside_its_exercises(chapter: str) -> None:
    defining = [
        code for code, exercise in code_cells(chapter) if not exercise and DEFINITION.search(code)
    ]
    assert defining == []


def test_a_chapter_says_what_it_gives_and_what_it_takes(chapter: str) -> None:
    missing = [
        word
        for word in ("Goals", "Prerequisites", "Running time")
        if f"**{word}" not in source(chapter)
    ]
    assert missing == []


def test_a_chapter_has_five_exercises_or_more(chapter: str) -> None:
    assert len(re.findall(r"\{exercise(?:-start)?\}", source(chapter))) >= 5


def test_every_exercise_has_a_solution_that_is_closed(chapter: str) -> None:
    text = source(chapter)
    exercises = re.findall(r"\{exercise(?:-start)?\}[^\n]*\n:label: (\S+)", text)
    solutions = re.findall(r"\{solution(?:-start)?\} (\S+)\n((?::[^\n]*\n)*)", text)
    assert sorted(exercises) == sorted(label for label, _ in solutions)
    assert [label for label, options in solutions if ":class: dropdown" not in options] == []


def test_a_chapter_shows_a_verdict_for_every_claim_of_its_ledger(chapter: str) -> None:
    from bnbook import claims

    judged = "\n".join(code for code, _ in code_cells(chapter))
    known = claims.ledger(Path(chapter).name)
    assert [claim for claim in known if f'"{claim}"' not in judged] == []


def test_no_two_pages_give_the_same_label() -> None:
    """A figure, an equation, an exercise or a section that two pages name is found in one only."""
    named = [
        "".join(label)
        for page in sorted((ROOT / "book").glob("*.md"))
        for label in LABEL.findall(page.read_text())
    ]
    assert sorted(label for label, times in Counter(named).items() if times > 1) == []
