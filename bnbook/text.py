"""The wording of errors about names, the same for every registry."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, names: Iterable[str]) -> str | None:
    """Return what `name` most likely meant among `names`, letter case ignored, or None."""
    by_folded = {known.casefold(): known for known in names}
    close = get_close_matches(name.casefold(), by_folded, n=1)
    return by_folded[close[0]] if close else None


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """Say that `name` is none of the `known` names of its `kind`.

    >>> unknown("data set", "mnits", ["mnist", "cifar10"])
    "unknown data set 'mnits'; did you mean 'mnist'? Known: mnist, cifar10"
    """
    known = tuple(known)
    guess = nearest(name, known)
    hint = "." if guess is None else f"; did you mean '{guess}'?"
    return f"unknown {kind} '{name}'{hint} Known: {', '.join(known) or 'none'}"
