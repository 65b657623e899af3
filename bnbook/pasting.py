"""Numbers for the prose of a page: handed to the book's builder, or shown where there is none."""

import re
from typing import Any

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def glue(name: str, value: Any, display: bool = False) -> None:
    """Make `value` available to a page as `name`, for its role `glue:text`; as in myst-nb.

    In a notebook where myst-nb is not installed nothing can be pasted into the text, so it is
    printed: whoever meets the name there finds the value here.
    """
    try:
        from myst_nb import glue as paste  # type: ignore[import-untyped]
    except ImportError:
        print(f"{name}: {value}")
    else:
        paste(name, value, display=display)


def typeset(text: str) -> str:
    """A number that Python wrote as a book prints it: with a minus, and with a power of ten.

    >>> typeset("-0.25"), typeset("4e-07"), typeset("1e+06"), typeset("mnist-5k")
    ('−0.25', '4×10⁻⁷', '10⁶', 'mnist-5k')
    """

    def power(found: re.Match[str]) -> str:
        written = f"10{str(int(found[2])).translate(SUPERSCRIPTS)}"
        return written if found[1] == "1" else f"{found[1]}×{written}"

    text = re.sub(r"(?<![\w.])(-?\d[\d.]*)e([+-]\d+)\b", power, text)
    return re.sub(r"(?<![\w.])-(?=\d)", "−", text)
