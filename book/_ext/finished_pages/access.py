"""What the theme and the bibliography leave to be mended for those who cannot see or point."""

from bs4 import BeautifulSoup


def mend(page: BeautifulSoup) -> None:
    """Mend one page in place."""
    if page.title and page.title.string:  # the cover's title is the book's, and stood there twice
        first, _, second = page.title.string.partition(" — ")
        page.title.string = first if first == second else page.title.string
    for sidebar in page.select("#pst-primary-sidebar"):
        sidebar["role"] = "complementary"
        sidebar["aria-label"] = "The book: search and chapters"
    for button in page.select("button.search-button-field"):  # its words are its name
        del button["aria-label"]
        del button["title"]
    for icon in page.select("button i, a i"):
        icon["aria-hidden"] = "true"
    for icon in page.select("button.theme-switch-button i"):
        del icon["title"]
    for cell in page.select("article th"):  # a heading that says nothing is none
        if not cell.get_text(strip=True):
            cell.name = "td"
    known: set[str] = set()
    for part in page.select("article [id]"):  # exercises and solutions all have the same
        if part["id"] in known:
            del part["id"]
        else:
            known.add(str(part["id"]))
    for works in page.select(".citation-list"):  # entries of a list, not of a deprecated kind
        for work in works.select(".citation"):
            work["role"] = "listitem"
