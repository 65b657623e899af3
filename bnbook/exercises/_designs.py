"""What the exercises that ask for a plan have in common: arms may differ in what they compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

from bnbook.train import Arm


def differing(arms: Sequence[Arm], *compared: str) -> str | None:
    """A sentence on the first setting in which arms differ, but for networks and the `compared`.

    Their factors say what they compare, and are not looked at.
    """
    apart = {"factors", "net", *compared}
    for each in fields(Arm):
        settings = [getattr(arm, each.name) for arm in arms]
        if each.name not in apart and any(setting != settings[0] for setting in settings):
            what = each.name.replace("_", " ")
            return f"the arms differ in their {what} too: an effect could come from either"
    return None
