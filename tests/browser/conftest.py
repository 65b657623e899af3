"""The built book in a real browser that reaches nothing but the book."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route

from bnbook.editions import chromium

ROOT = Path(__file__).parents[2]
HTML = ROOT / "_build" / "html"
SIZES = {"wide": (1280, 900), "phone": (360, 740)}
Theme = Literal["light", "dark"]


@dataclass
class View:
    """A page as it was opened, with all that it complained of and tried to load from outside."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def settle(self) -> None:
        """Wait until the mathematics is set and every picture is loaded, also those far below."""
        self.page.wait_for_load_state("load")
        self.page.wait_for_function(
            "!window.katex || document.documentElement.dataset.math === 'set'"
        )
        self.page.evaluate("document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
        self.page.evaluate(
            "Promise.all([...document.images].filter(i => i.checkVisibility())"
            ".map(i => i.decode().catch(() => 0))).then(() => 0)"
        )


@pytest.fixture(scope="session")
def site() -> Iterator[str]:
    """Address of the built book, served from this machine."""
    with chromium.served(HTML) as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, one for all tests of a worker."""
    with chromium.chromium() as started:
        yield started


@pytest.fixture(scope="session")
def visit(browser: Browser, site: str) -> Iterator[Callable[..., View]]:
    """Open a page of the book; its views stay open, for tests to share, until another page's."""
    views: dict[tuple[str, str, Theme], View] = {}

    def open_page(name: str, size: str = "wide", theme: Theme = "light") -> View:
        if any(page != name for page, *_ in views):
            close()
        if (name, size, theme) not in views:
            views[name, size, theme] = opened(name, size, theme)
        return views[name, size, theme]

    def close() -> None:
        while views:
            views.popitem()[1].page.context.close()

    def opened(name: str, size: str, theme: Theme) -> View:
        width, height = SIZES[size]
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=theme, reduced_motion="reduce"
        )
        view = View(context.new_page())

        def guard(route: Route) -> None:
            if route.request.url.startswith(site):
                route.continue_()
            else:
                view.outside.append(route.request.url)
                route.abort()

        def listen(said: ConsoleMessage) -> None:
            if said.type == "error":
                view.complaints.append(said.text)

        context.route("**/*", guard)
        view.page.on("console", listen)
        view.page.on("pageerror", lambda error: view.complaints.append(str(error)))
        answer = view.page.goto(f"{site}/{name}.html")
        assert answer is not None
        assert answer.ok, f"{name}.html is not there: run make book"
        view.settle()
        return view

    yield open_page
    close()
