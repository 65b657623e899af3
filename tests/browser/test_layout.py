"""Nothing is cut, on a screen or on paper; a page is light; search finds sections; the keyboard."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from fontTools.ttLib import TTFont
from playwright.sync_api import Browser, Page

from tests.browser.conftest import HTML

if TYPE_CHECKING:
    from tests.browser.conftest import View

Visit = Callable[..., "View"]
COLUMN = 680
"""Pixels of the column on A4 with the margins of book.css."""

LIGHT = 1_500_000
"""Bytes that a page may load before it is scrolled."""

QUERY = 1_000_000
"""Bytes that a search may load."""

# Everything that is wider than its box, or stands out of the column: what, how wide, how much fits,
# whether it scrolls and the keyboard reaches it, and its first words.
CUT = """() => {
    const column = document.querySelector('article').getBoundingClientRect();
    const found = [];
    for (const e of document.querySelectorAll('article *')) {
        // What is for the ear alone is a pixel wide, on purpose.
        if (e.closest('.katex-mathml') || !e.checkVisibility() || e.clientWidth <= 1) continue;
        const clips = getComputedStyle(e).overflowX;
        const words = `${e.tagName}.${e.className}: ${e.textContent.trim().slice(0, 50)}`;
        if (clips !== 'visible' && e.scrollWidth > e.clientWidth + 1) {
            const reached = clips !== 'hidden' && e.tabIndex === 0;
            found.push([words, e.scrollWidth, e.clientWidth, reached]);
        }
        if (clips === 'visible' && e.getBoundingClientRect().right > column.right + 1) {
            let box = e;
            while (box && getComputedStyle(box).overflowX === 'visible') box = box.parentElement;
            if (!box || !box.closest('article')) {
                found.push([words, e.getBoundingClientRect().right, column.right, false]);
            }
        }
    }
    return found;
}"""


def cut(page: Page) -> list[list[Any]]:
    """What does not fit."""
    return page.evaluate(CUT)


def test_nothing_is_wider_than_the_column(page: str, visit: Visit) -> None:
    assert cut(visit(page).page) == []


def test_on_a_phone_what_is_wider_can_be_scrolled_to(page: str, visit: Visit) -> None:
    tab = visit(page, "phone").page
    assert [each for each in cut(tab) if not each[-1]] == []
    wide, window = tab.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= window


def test_on_paper_nothing_is_cut_and_solutions_are_closed(page: str, visit: Visit) -> None:
    tab = visit(page).page
    before = tab.viewport_size
    assert before is not None
    tab.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    tab.emulate_media(media="print")
    tab.set_viewport_size({"width": COLUMN, "height": 1000})
    lost, open_ = cut(tab), tab.locator("article .solution section:visible").count()
    tab.emulate_media(media="screen")
    tab.evaluate("window.dispatchEvent(new Event('afterprint'))")
    tab.set_viewport_size(before)
    assert lost == []
    assert open_ == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_page_follows_the_rules_of_accessibility(page: str, theme: str, visit: Visit) -> None:
    rules = {"rules": {"label-content-name-mismatch": {"enabled": True}}}
    broken = Axe().run(visit(page, theme=theme).page, options=rules).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:120]) for each in broken] == []


def loaded(page: Page) -> int:
    """Bytes that a page has loaded so far, without the headers."""
    return int(
        page.evaluate(
            """() => [...performance.getEntriesByType('resource'),
                ...performance.getEntriesByType('navigation')]
                .reduce((sum, each) => sum + each.encodedBodySize, 0)"""
        )
    )


def test_page_is_light_until_it_is_scrolled(page: str, browser: Browser, site: str) -> None:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, device_scale_factor=2, is_mobile=True
    )
    tab = context.new_page()
    tab.goto(f"{site}/{page}.html")
    tab.wait_for_load_state("networkidle")
    bytes_ = loaded(tab)
    context.close()
    assert bytes_ <= LIGHT


@pytest.mark.parametrize(
    ("query", "where", "words"),
    [
        ("batch renormalization", "book/small-batches", "renormalization"),
        ("gamma", "book/", "gamma"),
        ("effective learning rate", "book/", "effective"),
    ],
)
def test_search_finds_sections(
    query: str, where: str, words: str, browser: Browser, site: str
) -> None:
    context = browser.new_context()
    tab = context.new_page()
    tab.goto(f"{site}/search.html?q={query.replace(' ', '+')}")
    first = tab.locator("#search-results li").first
    address = first.locator("a").get_attribute("href") or ""
    assert address.startswith(where)
    assert "#" in address
    assert words in first.inner_text().casefold()
    assert "\\" not in tab.locator("#search-results").inner_text(), "raw TeX"
    scripts = tab.evaluate(
        """() => performance.getEntriesByType('resource')
            .filter(each => /sections|search/.test(each.name))
            .reduce((sum, each) => sum + each.encodedBodySize, 0)"""
    )
    assert 0 < scripts <= QUERY
    tab.locator("#search-results li a").first.click()
    tab.wait_for_load_state("load")
    assert tab.evaluate(
        "document.getElementById(decodeURIComponent(location.hash.slice(1))) !== null"
    )
    context.close()


def test_the_keyboard_is_seen_wherever_it_is(page: str, browser: Browser, site: str) -> None:
    """Tab through the head of a page: every stop has an outline."""
    # A tab of its own: a hint that opens on the way is nothing that other tests should find.
    context = browser.new_context(reduced_motion="reduce")
    tab = context.new_page()
    tab.goto(f"{site}/{page}.html")
    tab.wait_for_load_state("load")
    tab.evaluate("document.querySelector('#pst-skip-link a').focus(); window.scrollTo(0, 0)")
    unseen, names = [], set()
    for _ in range(60):
        tab.keyboard.press("Tab")
        stop, outline = tab.evaluate(
            """() => { const e = document.activeElement, s = getComputedStyle(e);
                return [e.outerHTML.slice(0, 100),
                    s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2]; }"""
        )
        if stop.startswith("<body"):  # past the last stop, and before the first
            break
        names.add(stop)
        if not outline:
            unseen.append(stop)
    context.close()
    assert unseen == []
    assert any("primary-toggle" in each for each in names)


# Characters that are icons, drawn by an element or by a rule before or after it: weight and number.
ICONS = """() => [...document.querySelectorAll('body *')].flatMap((e) =>
    ['::before', '::after', null].flatMap((part) => {
        const style = getComputedStyle(e, part);
        const own = [...e.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join('');
        const text = part ? style.content : own;
        return [...text].map((c) => c.codePointAt(0)).filter((c) => c >= 0xe000 && c <= 0xf8ff)
            .map((code) => [style.fontFamily, Number(style.fontWeight), code]);
    }))"""
FONTS = {
    ("Free", 900): "fa-solid-900",
    ("Free", 400): "fa-regular-400",
    ("Brands", 400): "fa-brands-400",
}


def test_every_icon_is_in_the_fonts_that_came_with_the_page(page: str, visit: Visit) -> None:
    drawn = {tuple(icon) for icon in visit(page).page.evaluate(ICONS) if "Awesome" in icon[0]}
    assert drawn
    for family, weight, code in drawn:
        kind = "Brands" if "Brands" in family else "Free"
        font = TTFont(HTML / "_static" / "icons" / f"{FONTS[kind, weight]}.woff")
        assert code in font.getBestCmap(), f"{code:x} of {family}, {weight}"
