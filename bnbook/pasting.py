"""Numbers for the prose of a page: handed to the book's builder, or shown where there is none."""

from typing import Any


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
