"""Writing to standard output: what it cannot show, how narrow it is, and whoever stops reading.

What an encoding lacks is spelled in ASCII, so that a minus sign stays a minus sign; a table that
does not fit becomes a block of lines for each row, so that no word is cut.
"""

from __future__ import annotations

import codecs
import io
import json
import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

_PAIRS = """
− -  – -  — --  … ...  · *  • *  × x  ÷ /  ⁄ /  ± +/-  √ sqrt  ∞ inf  ≤ <=  ≥ >=  ≠ !=  ≈ ~
≪ <<  † +
→ ->  ← <-  ⇒ =>  ‘ '  ’ '  ′ '  “ "  ” "  « "  » "  ‖ ||  ⟨ <  ⟩ >  ⌈ ceil(  ⌉ )  ○ o  ✓ +  ✗ x
∎ qed  ∂ d  ∇ grad  ∫ integral  ∑ sum  ∏ product  ∈ in  ∅ empty  λ lambda  Λ Lambda
"""
SPELLING = dict(zip(_PAIRS.split()[::2], _PAIRS.split()[1::2], strict=True))
"""What a reader takes for the sign, in ASCII; letters are taken from their names."""

NOBODY_READS = 128 + 13
"""Exit code after a closed pipe, as a shell gives it to any program that SIGPIPE ends."""

PROSE, GAP = 24, 2
"""Least width of a column that is wrapped, and the space between two columns."""


def spelled(text: str) -> str:
    """`text` in ASCII: signs by `SPELLING`, Greek by name, accents dropped, else as an escape.

    >>> spelled("−0.5 ± 2·σ², naïve ≥ ½")
    '-0.5 +/- 2*sigma^2, naive >= 1/2'
    """
    return "".join(map(_spelled, text))


def _spelled(sign: str) -> str:
    if sign.isascii():
        return sign
    if sign in SPELLING:
        return SPELLING[sign]
    if unicodedata.combining(sign):
        return ""
    parts = unicodedata.normalize("NFKD", sign)
    if parts != sign:
        kind = unicodedata.decomposition(sign).partition(" ")[0]
        mark = {"<super>": "^", "<sub>": "_"}.get(kind, "")
        return mark + spelled(parts)
    name = unicodedata.name(sign, "").split()
    if name[:1] == ["GREEK"] and "LETTER" in name:
        letter = name[name.index("LETTER") + 1].lower()
        return letter.capitalize() if "CAPITAL" in name else letter
    return sign.encode("ascii", "backslashreplace").decode("ascii")


def _replace(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return spelled(error.object[error.start : error.end]), error.end


codecs.register_error("bnbook-spelled", _replace)


def fit_streams() -> None:
    """Let standard output and standard error spell what their encoding lacks."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="bnbook-spelled")


def show(text: str) -> None:
    """Print a text; where nobody reads it any more the program ends, silently."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes at its end
        raise SystemExit(NOBODY_READS) from None


def show_json(rows: list[dict[str, Any]]) -> None:
    """Print one JSON array, with escapes for what the encoding lacks."""
    text = json.dumps(rows, indent=2, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(rows, indent=2, allow_nan=False)
    show(text)


@dataclass(frozen=True)
class Group:
    """Rows of a table under a title, which may be empty."""

    title: str
    rows: Sequence[Sequence[str]]


def show_table(columns: Sequence[str], groups: Iterable[Group], prose: Sequence[str] = ()) -> None:
    """Print rows as a table if all words fit beside each other, and else as blocks of lines.

    The columns named in `prose` are wrapped, the others are shown on one line. The title of a
    group stands in the first of `prose`.
    """
    groups, console = list(groups), Console()
    rows = [columns, *(row for group in groups for row in group.rows)]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    widths = [PROSE if n in prose else width for n, width in zip(columns, widths, strict=True)]
    if sum(widths) + GAP * (len(columns) - 1) > console.width:
        return show("\n".join(_blocks(columns, groups, console.width)))
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for name, width in zip(columns, widths, strict=True):
        table.add_column(name, min_width=width, no_wrap=name not in prose)
    for group in groups:
        table.add_section()
        if group.title:
            title = [group.title if name in prose[:1] else "" for name in columns]
            table.add_row(*(Text(cell, style="bold") for cell in title))
        for row in group.rows:
            table.add_row(*map(Text, row))
    with console.capture() as captured:
        console.print(table)
    return show(captured.get().removesuffix("\n"))


def _blocks(columns: Sequence[str], groups: Iterable[Group], width: int) -> Iterable[str]:
    """The first cell of each row that says something, and under it the others by their names."""
    for group in groups:
        if group.title:
            yield from ("", *_wrapped(group.title, width))
        for row in group.rows:
            first, *others = [(name, cell) for name, cell in zip(columns, row, strict=True) if cell]
            yield from _wrapped(first[1], width)
            for name, cell in others:
                yield from _wrapped(f"{name}: {cell}", width, indent="  ")


def _wrapped(text: str, width: int, indent: str = "") -> list[str]:
    """Lines of a text; words longer than a line stay whole."""
    return wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=2 * indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
