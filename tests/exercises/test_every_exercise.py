"""What holds for every exercise of the book, whatever it asks."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bnbook import check, claims, exercises
from bnbook.exercises import Function, Numeric
from tests.exercises.solutions import Solution, gives_away, solutions

BOOK = Path(__file__).parents[2] / "book"
CATALOGUE = exercises.catalogue()
CHAPTERS = tuple(
    path.stem.replace("_", "-") for path in Path(exercises.__file__).parent.glob("[a-z]*.py")
)
NUMERIC = [name for name, each in CATALOGUE.items() if isinstance(each.answer, Numeric)]
KNOWN = [
    name
    for name, each in CATALOGUE.items()
    if isinstance(each.answer, Numeric) and not callable(each.answer.value)
]
QUICK = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def page(name: str) -> str:
    return (BOOK / f"{name}.md").read_text(encoding="utf-8")


def book_solutions() -> dict[str, Solution]:
    """All solutions of the book's pages; an exercise that two pages solve is an error."""
    found: dict[str, Solution] = {}
    for path in sorted(BOOK.rglob("*.md")):
        for exercise_id, solution in solutions(path.read_text(encoding="utf-8")).items():
            assert exercise_id not in found, f"{path}: {exercise_id} is solved elsewhere too"
            found[exercise_id] = solution
    return found


SOLUTIONS = book_solutions()


@pytest.fixture(autouse=True)
def _no_attempts_yet() -> None:
    exercises.forget()


# --- where it stands --------------------------------------------------------------------------


def test_every_exercise_of_the_book_has_a_solution_and_every_solution_an_exercise() -> None:
    assert sorted(SOLUTIONS) == sorted(CATALOGUE)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_page_asks_the_exercises_of_its_chapter_in_their_order(name: str) -> None:
    declared, text = list(exercises.catalogue(name)), page(name)
    assert re.findall(r"\{exercise(?:-start)?\}\n:label: (\S+)", text) == declared
    stubs = re.findall(
        r"^answer = [^\n]*\.\.\.[^\n]*\nbnbook\.check\(\"([^\"]+)\", answer\)", text, re.M
    )
    assert stubs == declared


@pytest.mark.parametrize("name", CHAPTERS)
def test_ids_count_the_exercises_of_a_chapter_as_its_page_does(name: str) -> None:
    declared = list(exercises.catalogue(name))
    topic = declared[0].split("-")[1]
    assert declared == [f"ex-{topic}-{number}" for number in range(1, len(declared) + 1)]


@pytest.mark.parametrize("name", CHAPTERS)
def test_projects_are_called_so_and_close_the_list(name: str) -> None:
    projects = [each.difficulty == "project" for each in exercises.catalogue(name).values()]
    assert projects == sorted(projects)
    titles = re.findall(r"\{exercise-start\}\n:label: \S+\n```\n\*\*(.+?)\*\*", page(name))
    assert [bool(re.search(r"\bproject\b", title, re.I)) for title in titles] == projects


def test_no_exercise_is_called_like_a_claim() -> None:
    assert not CATALOGUE.keys() & claims.ledger().keys()
    assert not [claim for claim in claims.ledger() if claim.startswith("ex-")]


@pytest.mark.parametrize("exercise_id", SOLUTIONS)
def test_a_solution_has_words_and_is_closed_in_a_notebook(exercise_id: str) -> None:
    assert len(SOLUTIONS[exercise_id].words.split()) >= 6, "explain it in a sentence"
    assert SOLUTIONS[exercise_id].closed, "hide source and outputs of all its cells"


# --- what passes ------------------------------------------------------------------------------


@pytest.mark.parametrize("exercise_id", SOLUTIONS)
def test_the_solution_in_the_book_passes_and_no_hint_gives_it_away(
    exercise_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(BOOK)
    said = SOLUTIONS[exercise_id].run()
    assert said.passed, str(said)
    for hint in CATALOGUE[exercise_id].hints:
        assert not gives_away(hint, said.answer), f"{exercise_id}: {hint!r} holds the answer"
    if callable(said.answer):
        assert check(exercise_id, untidy(said.answer)).passed
        for fill in (math.nan, math.inf, 0.0):
            assert not check(exercise_id, spoilt(said.answer, fill)).passed


def untidy(right: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, but it overwrites its arguments when it has what it needs of them."""

    def answer(*arguments: Any) -> Any:
        returned = copy.deepcopy(right(*arguments))
        for each in arguments:
            overwrite(each)
        return returned

    return answer


def overwrite(value: Any) -> None:
    if isinstance(value, torch.Tensor | np.ndarray):
        value[...] = 0
    elif isinstance(value, list):
        value[:] = [0.0] * len(value)


def spoilt(right: Callable[..., Any], fill: float) -> Callable[..., Any]:
    """The right shape with one value everywhere."""

    def answer(*arguments: Any) -> Any:
        returned = right(*arguments)
        parts = returned if isinstance(returned, tuple) else (returned,)
        filled = tuple(np.full(np.shape(part), fill) for part in parts)
        return filled if isinstance(returned, tuple) else filled[0]

    return answer


@pytest.mark.parametrize("exercise_id", KNOWN)
def test_a_number_is_right_within_its_tolerance_and_nowhere_else(exercise_id: str) -> None:
    answer = CATALOGUE[exercise_id].answer
    assert isinstance(answer, Numeric)
    for share, passes in ((0.0, True), (0.98, True), (-0.98, True), (1.02, False), (-1.02, False)):
        given_answer = (answer.right() * (1 + share * answer.rel)).tolist()
        if answer.rel > 0 or share == 0:
            assert check(exercise_id, given_answer).passed is passes, given_answer


@pytest.mark.parametrize(
    ("exercise_id", "printed"),
    [
        ("ex-shift-1", 4.48),
        ("ex-shift-1", 4.5),
        ("ex-shift-2", 37),
        ("ex-math-1", 1.60),
        ("ex-help-3", 4603),
        ("ex-help-10", (0.798, 0.686)),
        ("ex-noise-3", 1.60),
        ("ex-noise-7", 0.84),
        ("ex-jac-3", 2.75),
        ("ex-batch-2", 0.42),
    ],
)
def test_the_numbers_that_solutions_print_pass(exercise_id: str, printed: Any) -> None:
    assert check(exercise_id, printed).passed


@pytest.mark.parametrize(
    "kind", [float, np.float32, np.float64, torch.tensor, np.array], ids=lambda kind: kind.__name__
)
@pytest.mark.parametrize("exercise_id", ["ex-math-1", "ex-jac-1"])
def test_a_number_may_come_in_any_type(exercise_id: str, kind: Callable[[float], Any]) -> None:
    answer = CATALOGUE[exercise_id].answer
    assert isinstance(answer, Numeric)
    assert check(exercise_id, kind(float(answer.right()))).passed


# --- what does not ----------------------------------------------------------------------------


@pytest.mark.parametrize("exercise_id", CATALOGUE)
def test_a_typical_wrong_answer_is_an_attempt_that_fails(exercise_id: str) -> None:
    said = check(exercise_id, CATALOGUE[exercise_id].wrong)
    assert said.attempted
    assert not said.passed
    assert said.hint


@pytest.mark.parametrize("exercise_id", KNOWN)
def test_a_typical_mistake_is_told_what_it_is(exercise_id: str) -> None:
    answer = CATALOGUE[exercise_id].answer
    assert isinstance(answer, Numeric)
    for says, value in answer.mistakes.items():
        assert check(exercise_id, value).message == says


def test_means_alone_are_no_distance_between_distributions() -> None:
    said = check("ex-shift-6", lambda a, b: abs(a.mean() - b.mean()))
    assert said.attempted
    assert not said.passed


class Mute:
    """An answer whose every use raises."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")

    __str__ = __float__ = __len__ = __iter__ = __call__ = __array__ = __repr__
    __eq__ = __lt__ = __mul__ = __hash__ = __repr__  # type: ignore[assignment]


ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)
ODD = (
    object(),
    Mute(),
    int,
    ENDLESS,
    10**400,
    range,
    {"?"},
    torch.nn,
    np.zeros(100_000) * math.nan,
)
NO_NUMBERS = st.one_of(
    st.sampled_from([math.nan, math.inf, -math.inf]).flatmap(
        lambda bad: st.sampled_from(
            [bad, np.float32(bad), np.array(bad), torch.tensor(bad), [bad], (bad, bad)]
        )
    ),
    st.text(),
    st.binary(),
    st.booleans(),
    st.complex_numbers(),
    st.dictionaries(st.integers(), st.integers()),
    st.lists(st.text(), min_size=1),
    st.integers(4, 6).map(lambda n: np.ones((n, 1, 2, 1, 3))),
)


@pytest.mark.parametrize("exercise_id", CATALOGUE)
@given(answer=NO_NUMBERS)
@QUICK
def test_what_cannot_be_compared_never_passes_never_raises_and_costs_no_hint(
    exercise_id: str, answer: Any
) -> None:
    said = check(exercise_id, answer)
    assert (said.passed, said.attempted, said.hint) == (False, False, "")
    assert len(str(said)) < 800
    assert said._repr_mimebundle_()


@pytest.mark.parametrize("exercise_id", CATALOGUE)
def test_odd_answers_are_no_attempts_either(exercise_id: str) -> None:
    for answer in ODD:
        said = check(exercise_id, answer)
        assert (said.passed, said.attempted, said.hint) == (False, False, "")
        assert len(str(said)) < 800
        assert said._repr_mimebundle_()


FUNCTIONS = [name for name, each in CATALOGUE.items() if callable(each.wrong)]


@pytest.mark.parametrize("exercise_id", FUNCTIONS)
@given(returned=NO_NUMBERS | st.none())
@QUICK
def test_a_function_that_returns_what_cannot_be_compared_is_no_attempt(
    exercise_id: str, returned: Any
) -> None:
    said = check(exercise_id, lambda *arguments: returned)
    assert (said.passed, said.attempted, said.hint) == (False, False, "")


# --- functions that write into their arguments ------------------------------------------------


@pytest.mark.parametrize("exercise_id", FUNCTIONS)
def test_a_wrong_function_is_not_saved_by_emptying_its_arguments(exercise_id: str) -> None:
    wrong = CATALOGUE[exercise_id].wrong

    def cunning(*arguments: Any) -> Any:
        for each in arguments:
            overwrite(each)
        return wrong(*arguments)

    with np.errstate(all="ignore"):
        assert not check(exercise_id, cunning).passed


def test_batch_normalization_in_place_is_right() -> None:
    def forward(z: Any, gamma: Any, beta: Any, eps: float) -> Any:
        z -= z.mean(0)
        z /= torch.sqrt((z * z).mean(0) + eps)
        z *= gamma
        z += beta
        return z

    assert check("ex-math-2", forward).passed


def test_every_function_is_called_with_what_its_oracle_got() -> None:
    """Cases are made anew for each check: what one answer does cannot spoil the next."""
    for exercise_id in FUNCTIONS:
        answer = CATALOGUE[exercise_id].answer
        if isinstance(answer, Function):
            for one, two in zip(answer.cases(), answer.cases(), strict=True):
                for mine, yours in zip(one.arguments, two.arguments, strict=True):
                    if isinstance(mine, torch.Tensor | np.ndarray):
                        assert mine is not yours
                        np.testing.assert_array_equal(np.asarray(mine), np.asarray(yours))


@pytest.mark.parametrize("returned", [{0: 0.0, 1: 0.0}, {0.0, 1.0}, {"mean": 0.0, "variance": 1.0}])
def test_what_is_in_no_order_is_not_taken_for_two_numbers(returned: Any) -> None:
    said = check("ex-batch-6", lambda *arguments: returned)
    assert (said.passed, said.attempted) == (False, False)
    assert type(returned).__name__ in str(said)
