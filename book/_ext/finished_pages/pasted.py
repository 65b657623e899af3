"""Numbers that were pasted into the text, as a book prints them."""

from bs4 import BeautifulSoup, NavigableString

from bnbook.pasting import typeset


def print_well(page: BeautifulSoup) -> None:
    """Give every pasted number its minus and its power of ten."""
    for place in page.select("article .pasted-text"):
        for text in place.find_all(string=True):
            text.replace_with(NavigableString(typeset(text)))
