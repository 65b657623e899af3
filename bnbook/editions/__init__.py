"""The book to carry away: PDF and EPUB, and an archive that needs no network.

    make pdf epub archive        (after make book)

All are made from the built pages, as a browser shows them, so they hold the same numbers.
"""
