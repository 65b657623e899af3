"""The same plan on another data set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from bnbook import data
from bnbook.study.base import NATURAL, USUAL, ExperimentError, Plan


def on_data(plan: Plan, name: str | None) -> Plan:
    """The same plan with the data set `name` wherever it has the usual one.

    A plan that uses another, or none, stays as it is, but for `NATURAL` images that others of
    their shape replace. Raises `ExperimentError` where examples or classes are not of the usual
    shape and number, because networks are made for them.
    """
    used = set(_strings(plan))
    if name is None or name in used or not {USUAL, NATURAL} & used:
        return plan
    own = USUAL if USUAL in used else NATURAL
    here, there = data.SOURCES[own], data.load(name)
    if (there.input_shape, len(there.classes)) == (tuple(here.shape), len(here.classes)):
        return with_data(plan, name)
    if own == NATURAL:
        return plan
    raise ExperimentError(
        f"data set '{name}' has examples {there.input_shape} of {len(there.classes)} classes; "
        f"what takes the place of {own} must have {here.shape} of {len(here.classes)}"
    )


def with_data(plan: Plan, name: str) -> Plan:
    """The same plan with `name` in the place of the usual data set, whether it fits or not."""
    used = set(_strings(plan))
    found: Plan = _replaced(plan, USUAL if USUAL in used else NATURAL, name)
    return found


def title(name: str, plan: Plan, scale: str) -> str:
    """What a record's file begins with: experiment, scale, and the data set if not the usual."""
    parts = [name, scale]
    if plan.data and plan.data != USUAL:
        parts.append(re.sub(r"[^\w.-]+", "-", plan.data))
    return "--".join(parts)


def _replaced(thing: Any, own: str, name: str) -> Any:
    if is_dataclass(thing) and not isinstance(thing, type):
        before = {entry.name: getattr(thing, entry.name) for entry in fields(thing) if entry.init}
        after = {field: _replaced(value, own, name) for field, value in before.items()}
        changed = {field: value for field, value in after.items() if value != before[field]}
        return replace(thing, **changed) if changed else thing
    if isinstance(thing, tuple):
        return tuple(_replaced(item, own, name) for item in thing)
    return name if isinstance(thing, str) and thing == own else thing


def _strings(thing: Any) -> Iterator[str]:
    if is_dataclass(thing) and not isinstance(thing, type):
        for entry in fields(thing):
            yield from _strings(getattr(thing, entry.name))
    elif isinstance(thing, tuple):
        for item in thing:
            yield from _strings(item)
    elif isinstance(thing, str):
        yield thing
