"""`python -m bnbook.editions pdf epub archive`: make editions, and say where they are."""

from __future__ import annotations

import sys
from pathlib import Path

from bnbook import environment
from bnbook.editions import archive, epub, pdf
from bnbook.text import unknown

NAME = "why-batch-normalization-works"
MAKERS = {
    "pdf": (pdf.write, "pdf"),
    "epub": (epub.write, "epub"),
    "archive": (archive.write, "zip"),
}


def main(kinds: list[str]) -> int:
    """Make the editions of these kinds under _build/editions."""
    for kind in kinds:
        if kind not in MAKERS:
            print(unknown("edition", kind, MAKERS), file=sys.stderr)
            return 2
    folder = (environment.checkout() or Path()) / "_build" / "editions"
    for kind in kinds:
        write, suffix = MAKERS[kind]
        try:
            made = write(folder / f"{NAME}.{suffix}")
        except FileNotFoundError as error:
            print(error, file=sys.stderr)
            return 1
        print(f"{made} ({made.stat().st_size / 1e6:.1f} MB)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or list(MAKERS)))
