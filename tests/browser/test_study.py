"""Answers that a page checks get the verdict that `bnbook.check` gives, from a file, without a net.

The pages here are made from the scripts of the book and the data of the package: no build is
needed, and they are opened as files, as a reader does who has downloaded the book.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from bnbook import exercises, journal, predictions
from bnbook.exercises import Choice, Matching, Numeric, portable, veiled

STATIC = Path(__file__).parents[2] / "book" / "_static" / "study"
CATALOGUE = exercises.catalogue()
NUMBERS = [
    name
    for name, each in CATALOGUE.items()
    if isinstance(each.answer, Numeric) and not callable(each.answer.value)
]
"""Those whose answer needs no record."""
KINDS = ("ex-shift-1", "ex-help-4", "ex-help-1", "ex-math-9", "ex-math-2")
"""An exercise with one number, with two, a choice, a matching, and one for Python."""


VERDICTS = (
    ("shift-3", "supported", 8.3),
    ("shift-5", "negligible", 0.2),
    ("shift-6", "inconclusive", 1),
)
VERDICT = (
    '<aside role="note" id="claim-{0}" class="bn-verdict bn-verdict-{1}" data-effect="{2}">'
    "{0}</aside>"
)


def page_of(names: tuple[str, ...]) -> str:
    """A page with these exercises, the predictions of the first chapter and two of its verdicts."""
    asked = [each.data() for each in predictions.catalogue("covariate-shift").values()]
    parts = "".join(
        f'<div id="{name}"><p class="admonition-title">Exercise 1.{n}</p><div class="bn-study" '
        f'data-exercise="{name}" data-veiled="{veiled(portable(CATALOGUE[name]), name)}"></div>'
        "</div>"
        for n, name in enumerate(names, 1)
    )
    listed = [
        {"id": n, "difficulty": CATALOGUE[n].difficulty, "minutes": CATALOGUE[n].minutes}
        for n in names
    ]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Study</title>'
        f"<style>{(STATIC / 'study.css').read_text(encoding='utf-8')}</style><main><h1>Study</h1>"
        f'<div class="bn-predict" data-questions="{escape(json.dumps(asked))}"></div>'
        + "".join(VERDICT.format(*each) for each in VERDICTS)
        + f'{parts}<div class="bn-done" data-exercises="{escape(json.dumps(listed))}"></div></main>'
        + "".join(
            f"<script>{(STATIC / name).read_text(encoding='utf-8')}</script>"
            for name in ("check.js", "journal.js", "study.js")
        )
    )


@pytest.fixture(scope="module")
def opened(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Page]]:
    """Opens that page anew, from a file, in a browser that has no network and knows nothing."""
    file = tmp_path_factory.mktemp("study") / "page.html"
    file.write_text(page_of(KINDS), encoding="utf-8")
    contexts = []

    def new() -> Page:
        context = browser.new_context(offline=True, viewport={"width": 390, "height": 800})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: pytest.fail(str(error)))
        page.goto(file.as_uri())
        return page

    yield new
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def tab(opened: Callable[[], Page]) -> Page:
    return opened()


def by_python(name: str, answer: Any) -> list[str]:
    fault = CATALOGUE[name].fault(answer)
    return ["passed", "right."] if fault is None else ["failed", fault]


def by_page(page: Page, name: str, given: list[Any]) -> list[list[str]]:
    """State and words for each of many answers."""
    found: list[list[str]] = page.evaluate(
        """([veiled, id, given]) => {
            const { answer } = bnCheck.unveil(veiled, id);
            return given.map((each) => bnCheck.check(answer, each))
                .map(({ state, message }) => [state, message]);
        }""",
        [veiled(portable(CATALOGUE[name]), name), name, given],
    )
    return found


# --- one verdict ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_get_the_verdict_and_the_words_of_python(name: str, tab: Page) -> None:
    """The right answer, the typical wrong one, known mistakes, and both sides of every edge."""
    answer = CATALOGUE[name].answer
    assert isinstance(answer, Numeric)
    right = answer.right().ravel()
    edges = [
        right + sign * (answer.abs + answer.rel * abs(right)) * share
        for sign in (-1, 1)
        for share in (0, 0.5, 1 - 1e-9, 1 + 1e-9, 1.02, 3, 50)
    ]
    edges += [np.nextafter(right, math.inf), np.nextafter(right, -math.inf), -right, 0 * right]
    for value in (CATALOGUE[name].wrong, *answer.mistakes.values()):
        edges += [np.asarray(value, float).ravel() * near for near in (1, 1.005, 0.995, 1.03)]
    for each in answer.remarks:
        for end in each.ends():
            if math.isfinite(end):
                edges += [np.where(np.arange(len(right)) == each.part, end, 7.0)]
    shaped = [tuple(each) if len(each) > 1 else float(each[0]) for each in edges]
    texts = [[repr(float(number)) for number in each] for each in edges]
    assert by_page(tab, name, texts) == [by_python(name, each) for each in shaped]
    assert {"passed", "failed"} == {state for state, _ in by_page(tab, name, texts)}


def test_every_choice_gets_the_verdict_and_the_words_of_python(tab: Page) -> None:
    for name, each in CATALOGUE.items():
        if isinstance(each.answer, Choice):
            sets = [
                list(chosen)
                for size in range(1, len(each.answer.options) + 1)
                for chosen in itertools.combinations(reversed(each.answer.options), size)
            ]
            assert by_page(tab, name, sets) == [by_python(name, chosen) for chosen in sets]


def test_every_matching_gets_the_verdict_and_the_words_of_python(tab: Page) -> None:
    for name, each in CATALOGUE.items():
        if isinstance(each.answer, Matching):
            things, options = list(each.answer.right), sorted(set(each.answer.right.values()))
            given = [
                dict(zip(things, chosen, strict=True))
                for chosen in itertools.product(options, repeat=len(things))
            ]
            assert by_page(tab, name, given) == [by_python(name, chosen) for chosen in given]


EXPRESSIONS = {
    "4.48": 4.48,
    " −0.4 ": -0.4,
    "1e-3": 1e-3,
    ".5": 0.5,
    "3/sqrt(3.5)": 3 / math.sqrt(3.5),
    "2000*exp(-2^2)": 2000 * math.exp(-4),
    "-2**2": -4,
    "2**-1": 0.5,
    "2^3^2": 512,
    "10 - 2 - 3": 5,
    "8/2/2": 2,
    "2·π×e": 2 * math.pi * math.e,
    "ln(2) + log(3)": math.log(6),
    "atan(0.25)": math.atan(0.25),
    "--1": 1,
}


def test_a_number_may_be_an_expression(tab: Page) -> None:
    found = tab.evaluate("texts => texts.map(bnCheck.number)", list(EXPRESSIONS))
    assert found == pytest.approx(list(EXPRESSIONS.values()), rel=1e-15)


@pytest.mark.parametrize(
    "text",
    [
        "abc",
        "1,5",
        "2,000",
        "1 2",
        "(1",
        "1)",
        "2e",
        "37 %",
        "1/0",
        "sqrt",
        "sqrt 4",
        "alert(1)",
        "constructor(1)",
        "__proto__",
        "[1]",
        "Infinity",
        "NaN",
        "1;2",
        "'1'",
    ],
)
def test_what_is_no_number_is_no_attempt(text: str, tab: Page) -> None:
    assert by_page(tab, "ex-shift-1", [[text]])[0][0] == "open"


def test_an_empty_answer_is_no_attempt(tab: Page) -> None:
    assert by_page(tab, "ex-shift-1", [[" "]])[0][0] == "open"
    assert by_page(tab, "ex-help-1", [[]])[0][0] == "open"
    assert by_page(tab, "ex-math-9", [{"A": "biased variance"}])[0][0] == "open"


# --- what a reader does -----------------------------------------------------------------------


def test_an_exercise_is_solved_with_the_keyboard_alone(opened: Callable[[], Page]) -> None:
    page = opened()
    place = page.locator("#ex-shift-1")
    exercise = CATALOGUE["ex-shift-1"]
    place.get_by_label("Your answer, Exercise 1.1").first.focus()
    page.keyboard.type(repr(exercise.wrong))
    page.keyboard.press("Enter")
    mistake = by_python("ex-shift-1", exercise.wrong)[1]
    expect(place.get_by_role("status")).to_contain_text(mistake[1:])
    expect(place.locator(".bn-hints li")).to_have_text([exercise.hints[0]])
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(place.locator(".bn-hints li")).to_have_text(list(exercise.hints))
    place.locator("input").fill("exp(1.5)")
    page.keyboard.press("Enter")
    expect(place.get_by_role("status")).to_contain_text("Right.")
    expect(page.locator(".bn-done")).to_contain_text("Solved 1 of 5.")


def test_hints_open_one_after_the_other_and_are_those_of_python(opened: Callable[[], Page]) -> None:
    place = opened().locator("#ex-math-9")
    for choice, option in zip(
        place.locator("select").all(), ("momentum reversed",) * 4, strict=True
    ):
        choice.select_option(option)
    for attempt in range(1, 5):
        place.get_by_role("button", name="Check").click()
        said = exercises.check("ex-math-9", dict.fromkeys("ABCD", "momentum reversed"))
        assert said.attempt == attempt
        shown = place.locator(".bn-hints li").all_inner_texts()
        assert said.hint.startswith(shown[-1])
        assert ("no more hints" in place.inner_text()) is ("no more hints" in said.hint)
    exercises.forget()


def test_what_was_done_is_there_after_a_reload_until_it_is_cleared(
    opened: Callable[[], Page],
) -> None:
    page = opened()
    page.locator("#ex-help-4 input").first.fill("3")
    page.locator("#ex-help-4 input").last.fill("-0.4")
    page.locator("#ex-help-4").get_by_role("button", name="Check").click()
    page.locator("#ex-math-2").get_by_label("solved in the notebook").check()
    page.reload()
    expect(page.locator("#ex-help-4 input").last).to_have_value("-0.4")
    expect(page.locator("#ex-help-4").get_by_role("status")).to_contain_text("Right.")
    expect(page.locator("#ex-math-2 input")).to_be_checked()
    expect(page.locator(".bn-done")).to_contain_text("Solved 2 of 5.")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Clear everything").click()
    expect(page.locator(".bn-done")).to_contain_text("Solved 0 of 5.")
    expect(page.locator("#ex-help-4 input").last).to_have_value("")
    page.reload()
    expect(page.locator(".bn-done")).to_contain_text("Solved 0 of 5.")


def test_a_guess_is_set_beside_the_measurement(opened: Callable[[], Page]) -> None:
    page = opened()
    asked = list(predictions.catalogue("covariate-shift").values())
    forms = page.locator(".bn-predict form")
    forms.nth(0).get_by_role("button", name="Commit").click()
    expect(forms.nth(0)).to_contain_text("Give a number first")
    forms.nth(0).locator("input").fill("5")
    forms.nth(0).get_by_role("button", name="Commit").click()
    forms.nth(1).get_by_label("yes, in both networks").check()
    forms.nth(1).get_by_role("button", name="Commit").click()
    forms.nth(2).get_by_label("yes, in both networks").check()
    forms.nth(2).get_by_role("button", name="Commit").click()
    beside = page.locator(".bn-beside")
    for place, verdict, effect, guess in (
        (0, "supported", 8.3, "5"),
        (1, "negligible", 0.2, "yes, in both networks"),
        (2, "inconclusive", 1.0, "yes, in both networks"),
    ):
        right: Any = asked[place].right(guess, verdict, effect)  # type: ignore[arg-type]
        words = {True: "✓ as you", False: "✗ not as you", None: "○ the measurement leaves it open"}
        expect(beside.nth(place)).to_contain_text(words[right])
        expect(beside.nth(place)).to_contain_text(asked[place].question)
    expect(beside.nth(0)).to_contain_text("You said: 5 times. Measured: 8.3 times.")
    expect(forms.nth(0).locator("input")).to_be_disabled()
    expect(page.locator(".bn-done")).to_contain_text("Predicted 1 of 2 as measured.")
    expect(page.locator(".bn-done")).to_contain_text("The measurement leaves 1 open.")


def test_progress_goes_from_a_page_to_a_notebook_and_back(
    opened: Callable[[], Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BNBOOK_JOURNAL", str(tmp_path / "journal.json"))
    page = opened()
    page.locator("#ex-shift-1 input").fill("4.48")
    page.locator("#ex-shift-1").get_by_role("button", name="Check").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    assert download.value.suggested_filename == "bnbook-journal.json"
    assert journal.bring(download.value.path())["exercises"]["ex-shift-1"]["passed"] is True
    journal.note("exercises", "ex-math-2", passed=True)
    other = opened()
    other.locator("input[type=file]").set_input_files(journal.export(tmp_path / "mine.json"))
    expect(other.locator(".bn-done")).to_contain_text("Solved 2 of 5.")
    expect(other.locator("#ex-shift-1 input")).to_have_value("4.48")
    (tmp_path / "odd.json").write_text('{"bnbook": 1, "exercises": []}', encoding="utf-8")
    other.locator("input[type=file]").set_input_files(tmp_path / "odd.json")
    expect(other.locator(".bn-done")).to_contain_text("This file is no journal")
    expect(other.locator(".bn-done")).to_contain_text("Solved 2 of 5.")


ONE = {
    "exercises": {"a": {"attempts": 3, "hints": 1}, "b": {"passed": True, "answer": ["1"]}},
    "predictions": {"p": {"guess": "yes"}},
}
TWO = {
    "exercises": {
        "a": {"passed": True, "attempts": 1, "answer": ["2"]},
        "b": {"attempts": 4},
        "c": {"hints": 2},
    },
    "predictions": {"p": {"guess": "no"}, "q": {"guess": "5"}},
}


@pytest.mark.parametrize(("mine", "other"), [(ONE, TWO), (TWO, ONE), (ONE, ONE)])
def test_two_journals_become_one_as_in_python(mine: Any, other: Any, tab: Page) -> None:
    found = tab.evaluate("([a, b]) => bnJournal.merge(a, b)", [mine, other])
    assert found == {"bnbook": journal.VERSION, **journal.merge(mine, other)}


def test_the_page_is_accessible(opened: Callable[[], Page]) -> None:
    page = opened()
    for name in KINDS:
        page.locator(f"#{name}").get_by_role("button", name="Hint 1").click()
    page.locator("#ex-shift-1 input").fill("1")
    page.locator("#ex-shift-1").get_by_role("button", name="Check").click()
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    for field in page.locator("input:not([type=file]), select").all():
        name = field.evaluate("e => e.ariaLabel || e.labels[0].textContent.trim()")
        assert name
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
