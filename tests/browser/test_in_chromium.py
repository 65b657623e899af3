"""What a reader sees: every page in Chromium, without a network."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Locator, Page

if TYPE_CHECKING:
    from tests.browser.conftest import View

SHOTS = Path(__file__).parents[2] / "_build" / "screenshots"
Visit = Callable[..., "View"]

SHOWN = """e => [...e.querySelectorAll('img')].filter(i => i.checkVisibility())
    .map(i => [i.currentSrc, i.alt])"""


def shown(part: Locator) -> list[list[str]]:
    """Source and words of the pictures that can be seen in a part of a page."""
    return part.evaluate(SHOWN)


def toggle_to(page: Page, theme: str) -> None:
    """Click the theme switch, as a reader would, until the page has the theme, and go on."""
    for _ in range(3):
        if page.evaluate("document.documentElement.dataset.theme") == theme:
            page.mouse.move(0, 0)  # as long as the pointer rests there, the switch has its hint
            page.wait_for_function("!document.querySelector('.tooltip')")
            return
        page.locator("button.theme-switch-button:visible").first.click()
    pytest.fail(f"the theme switch never reached {theme}")


def test_page_needs_no_network_and_complains_of_nothing(page: str, visit: Visit) -> None:
    view = visit(page)
    assert view.outside == []
    assert view.complaints == []


def test_a_page_read_in_the_dark_is_printed_on_white(page: str, visit: Visit) -> None:
    tab = visit(page, theme="dark").page
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = tab.evaluate(ground)
    tab.evaluate(
        """() => {
            window.themes = [];
            const note = () => window.themes.push(document.documentElement.dataset.theme);
            new MutationObserver(note).observe(document.documentElement, {attributes: true,
                attributeFilter: ["data-theme"]});
        }"""
    )
    tab.pdf()
    themes = tab.evaluate("window.themes")
    assert themes, "it was printed in the dark"
    # once in a long while Chromium prepares a page twice
    assert themes == ["light", "dark"] * (len(themes) // 2)
    tab.emulate_media(media="print")
    tab.wait_for_function(f"{ground} === 'rgb(255, 255, 255)'")
    tab.emulate_media(media="screen")
    tab.wait_for_function(f"{ground} === '{dark}'")


def test_mathematics_is_set(page: str, visit: Visit) -> None:
    content = visit(page).page.locator("article")
    formulas = content.locator(".math").count()
    assert content.locator(".math .katex-html").count() == formulas
    assert content.locator(".katex-error").count() == 0
    assert content.locator(".katex [tabindex]").count() == 0, "a formula is no stop of the keyboard"


def test_pictures_are_there_one_to_a_drawing(page: str, visit: Visit) -> None:
    content = visit(page).page.locator("article")
    broken = content.evaluate(
        "e => [...e.querySelectorAll('img')].filter(i => i.checkVisibility())"
        ".filter(i => !(i.complete && i.naturalWidth > 0)).map(i => i.alt)"
    )
    assert broken == []
    for drawing in content.locator(".bn-figure:visible").all():
        assert len(shown(drawing)) == 1


def test_the_theme_switch_changes_every_picture(page: str, visit: Visit) -> None:
    view = visit(page)
    drawings = view.page.locator("article .bn-figure:visible").all()
    toggle_to(view.page, "light")
    light = [shown(each) for each in drawings]
    toggle_to(view.page, "dark")
    dark = [shown(each) for each in drawings]
    toggle_to(view.page, "light")
    assert [before[0][0] == after[0][0] for before, after in zip(light, dark, strict=True)] == [
        False
    ] * len(drawings)


def test_a_slider_moves_its_picture(page: str, visit: Visit) -> None:
    view = visit(page)
    for explorer in view.page.locator("article .bn-explorer").all():
        if not explorer.is_visible():
            continue
        for slider in explorer.locator("input[type=range]").all():
            before = shown(explorer)
            slider.focus()
            there = slider.evaluate("e => e.value == e.max")
            view.page.keyboard.press("Home" if there else "End")
            view.settle()
            after = shown(explorer)
            assert len(before) == len(after) == 1
            assert before[0][0] != after[0][0], "the picture stayed"
            assert before[0][1] != after[0][1], "the words stayed"


def test_solutions_are_closed_until_asked_for(page: str, visit: Visit) -> None:
    content = visit(page).page.locator("article")
    for solution in content.locator(".solution").all():
        inside = solution.locator("section").first
        assert not inside.is_visible()
        solution.locator("button.toggle-button").first.click()
        assert inside.is_visible()
        solution.locator("button.toggle-button").first.click()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", ["wide", "phone"])
def test_page_can_be_photographed(page: str, size: str, theme: str, visit: Visit) -> None:
    """The screenshots are for a person to look at."""
    view = visit(page, size, theme)
    assert view.page.evaluate("document.documentElement.dataset.theme") == theme
    SHOTS.mkdir(parents=True, exist_ok=True)
    target = SHOTS / f"{Path(page).name}-{size}-{theme}.png"
    view.page.screenshot(path=target, full_page=True)
    assert target.stat().st_size > 10_000
