"""What a reader's phone loads and waits for, page by page: `python -m bench.pages [PAGE …]`.

Every page of the built book is opened anew in Chromium at 390 × 844 pixels, with a processor four
times slower than this one and a link of 10 Mbit/s with 40 ms of delay. A table says, per page: the
bytes loaded before anything is scrolled, the seconds until text, script and the formulas in sight
are ready, and until all formulas are (medians of three visits), the requests to anywhere else, and
the exercises that the page itself can check. Needs Chromium and a built book; whether anything is
cut, and what axe finds, are tests.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median

import yaml
from playwright.sync_api import Browser, Request, ViewportSize

from bnbook.editions.chromium import chromium, served

ROOT = Path(__file__).parents[1]
PHONE: ViewportSize = {"width": 390, "height": 844}
LINK = {
    "offline": False,
    "latency": 40,
    "downloadThroughput": 10e6 / 8,
    "uploadThroughput": 10e6 / 8,
}
SLOWER, VISITS = 4, 3
READY = (
    "document.readyState === 'complete' && (!window.katex || document.documentElement.dataset.math)"
)
ALL_SET = "!window.katex || document.documentElement.dataset.math === 'set'"
LOADED = """() => [...performance.getEntriesByType('resource'),
  ...performance.getEntriesByType('navigation')].reduce((n, each) => n + each.encodedBodySize, 0)"""
CHECKED = "document.querySelectorAll('.bn-study').length"


def visit(browser: Browser, site: str, page: str) -> tuple[int, list[float], int, int]:
    """Bytes, both times, requests elsewhere and exercises of one visit with an empty cache."""
    context = browser.new_context(viewport=PHONE, device_scale_factor=2, is_mobile=True)
    tab = context.new_page()
    asked: list[Request] = []
    tab.on("request", lambda request: asked.append(request))
    phone = context.new_cdp_session(tab)
    phone.send("Network.enable")
    phone.send("Network.emulateNetworkConditions", LINK)
    phone.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    tab.goto(f"{site}/{page}.html", wait_until="commit")
    seconds = []
    for state in (READY, ALL_SET):
        tab.wait_for_function(state)
        seconds.append(tab.evaluate("performance.now()") / 1000)
    tab.wait_for_load_state("networkidle")
    elsewhere = sum(each.url.startswith("http") and not each.url.startswith(site) for each in asked)
    found = tab.evaluate(LOADED), seconds, elsewhere, tab.evaluate(CHECKED)
    context.close()
    return found


def pages() -> list[str]:
    """The pages of the table of contents, in order."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [toc["root"], *(each["file"] for part in toc["parts"] for each in part["chapters"])]


def main() -> None:
    """Print the table."""
    folder = ROOT / "_build" / "html"
    if not (folder / "index.html").is_file():
        raise SystemExit(f"{folder} has no pages: run make book first")
    print(f"{'page':36}{'bytes':>10}{'ready s':>9}{'all s':>7}{'outside':>9}{'exercises':>11}")
    with served(folder) as site, chromium() as browser:
        for page in sys.argv[1:] or pages():
            seen = [visit(browser, site, page) for _ in range(VISITS)]
            size, outside, exercises = seen[0][0], max(each[2] for each in seen), seen[0][3]
            ready, whole = (
                median(times) for times in zip(*(each[1] for each in seen), strict=True)
            )
            print(f"{page:36}{size:10,}{ready:9.2f}{whole:7.2f}{outside:9}{exercises:11}")


if __name__ == "__main__":
    main()
