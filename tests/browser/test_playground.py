"""The playground as a reader uses it: from a disk, without a network, by keyboard, on a phone."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jupytext
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    expect,
)

from bnbook import playground
from bnbook.figures.style import DARK, LIGHT, looks

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "book" / "_static" / "playground"
PAGE = """<!doctype html>
<html lang="en" data-theme="light">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>A page</title>
</head>
<body><main class="bd-article"><h1>A page</h1><div class="bn-playground"{attributes}></div></main>
<script src="_static/playground/start.js"></script></body></html>
"""
SMALL = ' data-small data-page="page.html" data-stories="try-start try-rate"'
FAR = '<p id="try-rate" style="margin: 9000px 0"><a href="#try-deep">Twenty layers</a></p></main>'
BOOK = (ROOT / "book" / "_static" / "book.css").read_text(encoding="utf-8")
THEME = """
html[data-theme="dark"] { background: #121212; color: #e6e8eb; }
a { color: var(--pst-color-link); }
"""
CONTROLS = 15
Open = Callable[..., Page]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page and the small one on a disk, with the digits beside them."""
    folder = tmp_path_factory.mktemp("playground")
    static = folder / "_static" / "playground"
    static.mkdir(parents=True)
    for part in STATIC.iterdir():
        (static / part.name).write_bytes(part.read_bytes())
    (static / "digits.js").write_text(playground.script(), encoding="utf-8")
    (folder / "page.html").write_text(PAGE.format(attributes=""), encoding="utf-8")
    (folder / "small.html").write_text(PAGE.format(attributes=SMALL), encoding="utf-8")
    (folder / "tall.html").write_text(
        PAGE.format(attributes="").replace("</main>", FAR), encoding="utf-8"
    )
    return folder


@pytest.fixture
def visit_disk(browser: Browser, folder: Path) -> Iterator[Open]:
    """Open a page from the disk; at the end it must have complained of and asked for nothing."""
    contexts: list[BrowserContext] = []
    wrong: list[str] = []
    inside = f"{folder.as_uri()}/", "blob:", "data:"

    def listen(said: ConsoleMessage) -> None:
        if said.type == "error":
            wrong.append(said.text)

    def guard(request: Request) -> None:
        if not request.url.startswith(inside):
            wrong.append(request.url)

    def open_page(
        name: str = "page", fragment: str = "", width: int = 1000, **options: Any
    ) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", listen)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", guard)
        page.goto(f"{folder.as_uri()}/{name}.html{fragment}")
        expect(counter(page)).to_contain_text("step 0 of", timeout=20_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert wrong == []


def counter(page: Page) -> Locator:
    return page.locator(".bn-pg-counter")


def run_to_the_end(page: Page) -> str:
    """Train at full pace, and return what is said of it."""
    if page.get_by_label("Pace").count():
        page.get_by_label("Pace").select_option("fast")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(page.get_by_role("button", name="Train again")).to_be_visible(timeout=60_000)
    return page.get_by_role("status").inner_text()


def accuracies(said: str) -> list[int]:
    """What a summary says of both networks, in percent."""
    return [int(each) for each in re.findall(r"(\d+) % of the test right", said)]


def test_two_networks_learn_from_a_disk(visit_disk: Open) -> None:
    page = visit_disk()
    before = page.get_by_role("img").evaluate_all("all => all.map(c => c.toDataURL())")
    plain, normalised = accuracies(run_to_the_end(page))
    after = page.get_by_role("img").evaluate_all("all => all.map(c => c.toDataURL())")
    assert len(before) == 9
    assert all(old != new for old, new in zip(before, after, strict=True))
    assert normalised > 90 > plain


def test_a_run_is_a_run(visit_disk: Open) -> None:
    page = visit_disk(fragment="#steps=30")
    first = run_to_the_end(page)
    page.get_by_role("button", name="Start over").click()
    expect(counter(page)).to_contain_text("step 0 of 30")
    assert run_to_the_end(page) == first
    assert run_to_the_end(visit_disk(fragment="#steps=30&seed=1")) != first


def test_step_takes_one_step(visit_disk: Open) -> None:
    page = visit_disk()
    page.get_by_role("button", name="Step").click()
    expect(counter(page)).to_contain_text("step 1 of 300")
    expect(page.get_by_role("status")).to_contain_text("Step 1 of 300.")


def test_training_stops_and_goes_on(visit_disk: Open) -> None:
    page = visit_disk()
    page.get_by_role("button", name="Train", exact=True).click()
    expect(counter(page)).not_to_contain_text("step 0 of")
    page.get_by_role("button", name="Pause").click()
    page.wait_for_timeout(300)
    held = counter(page).inner_text()
    page.wait_for_timeout(300)
    assert counter(page).inner_text() == held
    page.get_by_role("button", name="Train", exact=True).click()
    expect(counter(page)).not_to_contain_text(held)


def test_the_digits_are_those_of_the_package(visit_disk: Open) -> None:
    page = visit_disk(fragment="#data=digits&steps=10")
    pixels = page.evaluate(
        "bnImages('').then(({ pixels, side, testing }) => [Array.from(pixels), side, testing])"
    )
    images = playground.digits()
    assert pixels == [images.flatten().tolist(), images.shape[1], 500]
    assert "% of the test right" in run_to_the_end(page)


def test_a_link_keeps_the_settings(visit_disk: Open) -> None:
    page = visit_disk()
    page.get_by_label("Activation").select_option("tanh")
    page.get_by_label("Hidden layers").press("End")
    link = page.get_by_role("link", name="Link to these settings").get_attribute("href")
    assert link == "#activation=tanh&depth=20"
    again = visit_disk(fragment=link)
    expect(again.get_by_label("Activation")).to_have_value("tanh")
    expect(again.get_by_label("Hidden layers")).to_have_attribute("aria-valuetext", "20")


def test_a_link_to_a_story_opens_it_and_leads_to_the_playground(visit_disk: Open) -> None:
    page = visit_disk("tall", "#try-rate")
    expect(page.get_by_label("Story")).to_have_value("try-rate")
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_in_viewport()
    page.get_by_role("link", name="Twenty layers").click()
    expect(page.get_by_label("Story")).to_have_value("try-deep")
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_in_viewport()


def test_a_link_with_what_is_no_setting_says_so(visit_disk: Open) -> None:
    page = visit_disk(fragment="#rate=7&depth=5&colour=red")
    expect(page.get_by_role("status")).to_contain_text("rate=7, colour=red")
    expect(page.get_by_label("Hidden layers")).to_have_attribute("aria-valuetext", "5")


def test_a_last_run_stays_as_a_ghost_and_settings_start_anew(visit_disk: Open) -> None:
    page = visit_disk(fragment="#steps=30")
    run_to_the_end(page)
    page.get_by_label("Learning rate").press("ArrowRight")
    expect(counter(page)).to_contain_text("step 0 of 30")
    state = "document.querySelector('.bn-playground').playground"
    assert page.evaluate(f"{state}.ghost.history[0].length") == 31


def test_eight_seeds_make_a_band(visit_disk: Open) -> None:
    page = visit_disk(fragment="#data=moons&width=8&steps=30")
    page.get_by_role("button", name="Band of 8 seeds").click()
    status = page.get_by_role("status")
    expect(status).to_contain_text("means with 95 % intervals", timeout=60_000)
    bands = re.findall(r"(\d+) % of the test right \[(\d+), (\d+)\]", status.inner_text())
    assert len(bands) == 2
    assert all(int(low) <= int(mean) <= int(high) for mean, low, high in bands)
    page.get_by_role("button", name="Forget the 8 seeds").click()
    expect(page.get_by_role("button", name="Band of 8 seeds")).to_be_visible()


def test_statistics_change_what_is_seen_and_not_what_is_trained(visit_disk: Open) -> None:
    page = visit_disk(fragment="#try-eval")
    before = run_to_the_end(page)
    running = accuracies(before)
    page.get_by_label("Tested with").select_option("batch")
    said = page.get_by_role("status")
    expect(said).not_to_have_text(before)
    own = accuracies(said.inner_text())
    expect(counter(page)).to_contain_text("step 10 of 10")
    assert own[0] == running[0]
    assert own[1] > running[1] + 20


STORIES = {
    "try-start": (0, 1),
    "try-rate": (0, 1),
    "try-scale": (0, 1),
    "try-deep": (0, 1),
    "try-two": (1, 0),
    "try-oldest": (0, 1),
}
"""Preset -> the network that is behind after a quarter of the run, and the one that is ahead."""


@pytest.mark.parametrize("story", STORIES)
def test_a_story_is_true_of_most_seeds(story: str, visit_disk: Open) -> None:
    page = visit_disk(fragment=f"#{story}")
    ends = page.evaluate(
        """async () => {
          const { settings, images } = document.querySelector(".bn-playground").playground;
          const engine = bnEngine(), trainer = bnTrainer(engine, bnData(engine));
          const steps = settings.data === "digits" ? 75 : settings.steps;
          const seeds = settings.data === "digits" ? [0] : [0, 1, 2, 3];
          return seeds.map((seed) => trainer.rehearse({ ...settings, steps }, seed, images)
            .at(-1).arms.map(({ accuracy }) => accuracy));
        }"""
    )
    behind, ahead = STORIES[story]
    wins = [end[ahead] > end[behind] for end in ends]
    assert sum(wins) >= 0.75 * len(wins), ends


FOCUSED = "document.activeElement.closest('label, button, a, summary')?.innerText ?? ''"


def test_keyboard_alone(visit_disk: Open) -> None:
    page = visit_disk(fragment="#steps=30")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "document.activeElement.closest('label, button, a, summary')?.innerText ?? ''"
            )
        )
    text = " | ".join(reached)
    for each in (
        "Story",
        "Train",
        "Step",
        "Start over",
        "Pace",
        "Settings",
        "Seed",
        "Layer",
        "Unit",
    ):
        assert each in text
    assert "Band of 8 seeds" in text
    assert "Link to these settings" in text
    page.get_by_role("button", name="Start over").focus()
    page.keyboard.press("s")
    expect(counter(page)).to_contain_text("step 1 of 30")
    page.keyboard.press("t")
    expect(page.get_by_role("button", name="Train again")).to_be_visible(timeout=30_000)
    page.keyboard.press("r")
    expect(counter(page)).to_contain_text("step 0 of 30")
    page.get_by_label("Data").focus()
    page.keyboard.press("s")  # in a menu a letter chooses: no step is taken
    expect(page.get_by_label("Data")).not_to_have_value("digits")
    expect(counter(page)).to_contain_text("step 0 of 30")


def test_everything_has_a_name_and_drawings_have_words(visit_disk: Open) -> None:
    page = visit_disk(fragment="#steps=30")
    run_to_the_end(page)
    fields = page.locator(".bn-playground :is(select, input)")
    unnamed = fields.evaluate_all("all => all.filter(e => !e.labels.length).map(e => e.outerHTML)")
    assert unnamed == []
    assert fields.count() == CONTROLS + 4  # story, pace, layer, unit
    words = page.get_by_role("img").evaluate_all(
        "all => all.map(e => e.getAttribute('aria-label'))"
    )
    assert all(re.search(r"\d", each) for each in words), words


@pytest.mark.parametrize("name", ["page", "small"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_rules_of_accessibility_are_kept(name: str, theme: str, visit_disk: Open) -> None:
    page = visit_disk(name)
    page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
    page.add_style_tag(content=BOOK + THEME)
    page.get_by_role("button", name="Step").click()
    found = Axe().run(page, ".bn-playground", {"preload": False}).response
    assert len(found["passes"]) > 10
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found["violations"]] == []


@pytest.mark.parametrize("width", [320, 390])
def test_on_a_phone_nothing_is_cut(width: int, visit_disk: Open) -> None:
    page = visit_disk(width=width)
    page.get_by_text("Settings", exact=True).click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cut = page.locator(".bn-playground").evaluate(
        """e => [...e.querySelectorAll('*')]
            .filter(x => x.checkVisibility() && x.getBoundingClientRect().right > innerWidth)
            .map(x => x.outerHTML.slice(0, 90))"""
    )
    assert cut == []


def test_reduced_motion_draws_ten_times_a_run(visit_disk: Open) -> None:
    count = """() => { const p = document.querySelector(".bn-playground").playground, draw = p.draw;
      p.drawn = 0; p.draw = function () { this.drawn++; return draw.call(this); }; }"""
    page = visit_disk(reduced_motion="reduce")
    expect(page.get_by_label("Pace")).to_have_value("fast")
    page.evaluate(count)
    run_to_the_end(page)
    assert page.evaluate("document.querySelector('.bn-playground').playground.drawn") <= 12


def test_a_batch_of_one_is_explained(visit_disk: Open) -> None:
    page = visit_disk(fragment="#batch=1&steps=10")
    expect(page.locator(".bn-pg-note")).to_be_visible()
    assert "nothing below it learns" in page.locator(".bn-pg-note").inner_text()
    run_to_the_end(page)


def test_the_small_one_leads_to_the_large_one(visit_disk: Open) -> None:
    page = visit_disk("small")
    assert page.locator("canvas").count() == 3
    page.get_by_label("Story").select_option("try-rate")
    expect(counter(page)).to_contain_text("step 0 of 300")
    page.get_by_role("link", name="All controls and views").click()
    page.wait_for_url("**/page.html#try-rate")
    expect(page.get_by_label("Learning rate")).to_have_attribute("aria-valuetext", "2")


def test_the_page_has_a_place_for_every_story(visit_disk: Open) -> None:
    text = (ROOT / "book" / "playground.md").read_text(encoding="utf-8")
    page = visit_disk()
    titles = page.evaluate("BN_PRESETS.map(({ id, title }) => `(${id})=\\n**${title}.**`)")
    assert [each for each in titles if each not in text] == []
    assert text.count("(try-") == len(titles)
    assert jupytext.reads(text, fmt="md:myst").cells


def test_colours_are_those_of_the_figures() -> None:
    style = (STATIC / "playground.css").read_text(encoding="utf-8")
    light, dark = (style.partition(f'[data-theme="{name}"]')[2] for name in ("light", "dark"))
    for part, theme in {light.partition("}")[0]: LIGHT, dark.partition("}")[0]: DARK}.items():
        found = dict(re.findall(r"--bn-arm-([\w-]+): (#\w+);", part))
        assert set(found) >= {"none", "batch", "layer", "group", "rms", "noisy-batch"}
        assert found == {name: looks([name], theme)[0].line for name in found}


def test_the_scripts_are_light() -> None:
    """What a page pays: the first script at once, the rest when a playground comes near."""
    sizes = {
        part.name: part.stat().st_size for part in STATIC.iterdir() if part.name != "digits.js"
    }
    assert sizes["start.js"] < 3_000
    assert sum(sizes.values()) < 100_000
    assert len(playground.script()) < 120_000
