"""The scoreboard in a browser, opened from a file: search, filters, order, keyboard, phone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import xarray as xr
from playwright.sync_api import Browser, Page

from bnbook.claims import Table, _judgement
from tests.claims.made_up import CLAIM, STRATIFIED, by_activation, record

GAINS = {"made-1": 0.2, "made-3": -0.2, "made-4": 0.0, "made-5": 0.02, "made-6": 0.4}


def ledger() -> Table:
    """Claims of two chapters, one of them with strata and a long word in each."""
    made: xr.Dataset = record(scale="book", data="mnist-5k")
    first = [
        _judgement.weigh(
            replace(CLAIM, id=name, says=f"Claim {name} on Øystein's sigmoid.", source=source),
            record(gain),
            "book",
        )
        for (name, gain), source in zip(
            GAINS.items(),
            ["ng2017why", "replication", "ng2017why", "wu2018group", "ba2016layer"],
            strict=True,
        )
    ]
    strata = by_activation(**{"a-very-long-name-of-a-setting-that-breaks": 0.2, "tanh": 0.01})
    second = [_judgement.weigh(STRATIFIED, strata.assign_attrs(made.attrs), "smoke")]
    return Table(
        {"first": tuple(first), "second": tuple(second)}, {"first": "First", "second": "Second"}
    )


@pytest.fixture(params=[(1280, "light"), (390, "dark")], ids=["wide", "phone"])
def opened(request: pytest.FixtureRequest, browser: Browser, tmp_path: Path) -> Iterator[Page]:
    width, theme = request.param
    file = tmp_path / "scoreboard.html"
    file.write_text(
        '<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        + ledger()._repr_html_(),
        encoding="utf-8",
    )
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme=theme, offline=True
    )
    page = context.new_page()
    page.goto(file.as_uri())
    yield page
    context.close()


def shown(page: Page) -> list[str]:
    """The claims that are to be seen, from top to bottom."""
    rows = page.locator(".bn-scoreboard tbody tr[data-verdict]").all()
    return [
        str(row.get_attribute("id")).removeprefix("scoreboard-") for row in rows if row.is_visible()
    ]


def test_words_filters_and_order_work_together_and_can_be_taken_back(opened: Page) -> None:
    everything = [*GAINS, "made-2"]
    assert shown(opened) == everything
    opened.locator("[name=words]").fill("øystein SIGMOID")
    assert shown(opened) == list(GAINS)
    opened.locator("[name=source]").select_option("ng2017why")
    assert shown(opened) == ["made-1", "made-4"]
    opened.locator("[name=verdict]").select_option("negligible")
    assert shown(opened) == ["made-4"]
    assert opened.locator("output").inner_text() == "1 of 6 claims"
    opened.locator("button[type=reset]").click()
    opened.wait_for_function("document.querySelector('output').textContent.startsWith('6')")
    assert shown(opened) == everything
    opened.locator("[name=order]").select_option("largest")
    assert shown(opened) == ["made-6", "made-1", "made-5", "made-2", "made-4", "made-3"]
    opened.locator("[name=order]").select_option("smallest")
    assert shown(opened) == ["made-3", "made-4", "made-2", "made-5", "made-1", "made-6"]
    opened.locator("[name=scale]").select_option("smoke")
    assert shown(opened) == ["made-2"]


def test_it_is_worked_by_keys_alone(opened: Page) -> None:
    opened.locator("[name=words]").focus()
    for name in ("chapter", "verdict"):
        opened.keyboard.press("Tab")
        assert opened.evaluate("document.activeElement.name") == name
    opened.keyboard.press("ArrowDown")
    opened.keyboard.press("Enter")
    assert len(shown(opened)) < 6
    opened.locator("summary").first.focus()
    opened.keyboard.press("Enter")
    assert opened.locator("details").first.get_attribute("open") is not None


def test_nothing_is_wider_than_the_page(opened: Page) -> None:
    opened.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert opened.evaluate("document.documentElement.scrollWidth <= innerWidth")
