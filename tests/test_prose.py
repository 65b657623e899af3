"""Pages say how a measurement came out only by numbers that are pasted and words that are judged.

Read from the sources, without running a cell. A list of telling phrases cannot find every sentence
of result; it finds the kinds that have been written.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from bnbook import claims
from bnbook.claims._say import verdicts_of

BOOK = Path(__file__).parents[1] / "book"
PAGES = sorted(BOOK.rglob("*.md"))
CELL = re.compile(
    r"^```\{code-cell\}[^\n]*\n(?:---\n.*?^---\n|(?::[^\n]*\n)*)(.*?)^```$", re.M | re.S
)
PASTED = re.compile(r"\{glue:text\}`([^`]+)`")
TELLING = re.compile(
    r"does not stand|\bit holds(?:\.| for| here)|(?:comes out|ends|is far) ahead of"
    r"|comes out ahead|makes no difference|wins by|loses by|by a wide margin|at least not soon"
    r"|none of them supports|half of the claim .* stands|can hardly be told apart"
    r"|orders of magnitude in the end|there is no general|adds about \d|noise holds them"
    r"|line does not move|verdict differs by|picture is another one|its sign is\b",
    re.I,
)
PARTS = ("", "-words", "-estimate", "-low", "-high", "-n", "-verdict")
FIELDS = dict.fromkeys(("effect", "n", "at", "verdict", "holds", "fails", "open"), "")


@cache
def cells(page: Path) -> list[ast.Module]:
    return [ast.parse(code) for code in CELL.findall(page.read_text(encoding="utf-8"))]


def calls(page: Path, *names: str) -> list[ast.Call]:
    """Calls of a function by one of `names`, as it is written: "claims.say"."""
    nodes = [node for cell in cells(page) for node in ast.walk(cell)]
    found = [node for node in nodes if isinstance(node, ast.Call)]
    return [call for call in found if ast.unparse(call.func) in names]


def glued(page: Path) -> re.Pattern[str]:
    """What matches every name that some cell of a page glues; a computed part matches anything."""
    names = []
    for call in calls(page, "glue", "pasting.glue"):
        name = call.args[0]
        pieces = name.values if isinstance(name, ast.JoinedStr) else [name]
        names.append(
            "".join(
                re.escape(str(p.value)) if isinstance(p, ast.Constant) else ".+" for p in pieces
            )
        )
    for call in calls(page, "claims.glue"):
        which = call.args[0]
        if isinstance(which, ast.Constant) and which.value in claims.chapter_names():
            ids = "|".join(claims.ledger(str(which.value)))
        elif isinstance(which, ast.Constant):
            ids = re.escape(str(which.value))
        else:
            ids = "|".join(claims.ledger())
        names.append(f"(?:{ids})(?:{'|'.join(PARTS)})")
    return re.compile("|".join(f"(?:{each})" for each in names) or r"(?!)")


def prose(text: str) -> str:
    """A page without its cells, equations and quotations."""
    text = re.sub(r"^```\{code-cell\}.*?^```$", "", text, flags=re.M | re.S)
    text = re.sub(r"\$\$.*?\$\$", "", text, flags=re.S)
    return re.sub(r'"[^"\n]*"', "", text)


@pytest.mark.parametrize("source", PAGES, ids=lambda source: source.stem)
def test_no_page_states_a_result_by_itself(source: Path) -> None:
    said = re.split(r"(?<=[.?!:])\s", prose(source.read_text(encoding="utf-8")))
    assert [each for each in said if TELLING.search(each)] == []


def unglued(page: Path) -> list[str]:
    """Names that a page pastes and does not glue."""
    names = {
        re.sub(r":[^:]*$", "", name) for name in PASTED.findall(page.read_text(encoding="utf-8"))
    }
    known = glued(page)
    return sorted(name for name in names if not known.fullmatch(name))


@pytest.mark.parametrize("source", PAGES, ids=lambda source: source.stem)
def test_every_pasted_number_is_glued_by_a_cell_of_its_page(source: Path) -> None:
    assert unglued(source) == []


def test_a_name_that_no_cell_glues_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```{code-cell} ipython3\n:tags: [remove-cell]\n\n"
        'claims.glue("shift-1")\nfor size in (4, 8):\n    glue(f"loss-{size}", size)\n```\n'
        "{glue:text}`loss-4:.3f`, {glue:text}`lost-4:.3f`, {glue:text}`shift-1-low`, "
        "{glue:text}`shift-2-low`\n",
        encoding="utf-8",
    )
    assert unglued(page) == ["lost-4", "shift-2-low"]


@pytest.mark.parametrize("source", PAGES, ids=lambda source: source.stem)
def test_what_a_page_says_has_words_for_every_verdict(source: Path) -> None:
    for call in calls(source, "claims.say"):
        claim = claims.get(ast.literal_eval(call.args[0]))
        given = {each.arg: each.value for each in call.keywords}
        stratum = ast.literal_eval(given.pop("stratum", ast.Constant(None)))
        for option in ("scale", "elsewhere"):
            given.pop(option, None)
        words = {name: ast.literal_eval(text) for name, text in given.items()}
        verdicts = set(verdicts_of(claim, stratum))
        assert set(words) <= verdicts | {"otherwise"}, claim.id
        assert "otherwise" in words or verdicts <= set(words), claim.id
        for text in words.values():
            assert text.format(**FIELDS), claim.id


@pytest.mark.parametrize(
    "sentence",
    [
        "The network without BN comes out ahead of both.",
        "At the start BN makes no difference, for none of the activations.",
        "For the sigmoid the other order wins by a wide margin.",
        "The other half does not stand as it is said.",
        "Every residual block adds about 1; a plain network stays where it is.",
        "Our networks take small batches, whose noise holds them below.",
    ],
)
def test_the_phrases_tell(sentence: str) -> None:
    assert TELLING.search(prose(sentence))


@pytest.mark.parametrize("source", PAGES, ids=lambda source: source.stem)
def test_pages_spell_normalization_in_one_way(source: Path) -> None:
    text = re.sub(r"`[^`]*`", "", prose(source.read_text(encoding="utf-8")))
    assert re.findall(r"\w*normalis\w*", text, re.I) == []
