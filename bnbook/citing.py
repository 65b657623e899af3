"""How to cite this book, at the version that is installed."""

from __future__ import annotations

import bnbook

TITLE = "Why Batch Normalization Works: every claim measured"
AUTHOR = "The bnbook authors"
ADDRESS = "https://github.com/bnbook/bnbook"
YEAR = 2026


def bibtex() -> str:
    """An entry for a bibliography.

    >>> print(bibtex())
    @software{bnbook,
      author = {{The bnbook authors}},
      title = {Why Batch Normalization Works: every claim measured},
      version = {...},
      year = {2026},
      url = {https://github.com/bnbook/bnbook},
    }
    """
    fields = {
        "author": f"{{{AUTHOR}}}",
        "title": TITLE,
        "version": bnbook.__version__,
        "year": YEAR,
        "url": ADDRESS,
    }
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items()]
    return "\n".join(["@software{bnbook,", *lines, "}"])
