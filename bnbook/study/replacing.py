"""The same plan on another data set."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from bnbook import data
from bnbook.study.base import USUAL, ExperimentError, Plan


def on_data(plan: Plan, name: str | None) -> Plan:
    """The same plan with the data set `name` wherever it has the usual one.

    A plan that uses another, or none, stays as it is. Raises `ExperimentError` where examples or
    classes are not of the same shape and number, because networks are made for them.
    """
    if name is None or name == USUAL or USUAL not in set(_strings(plan)):
        return plan
    here, there = (data.load(each) for each in (USUAL, name))
    if (there.input_shape, len(there.classes)) != (here.input_shape, len(here.classes)):
        raise ExperimentError(
            f"data set '{name}' has examples {there.input_shape} of {len(there.classes)} classes; "
            f"what takes the place of {USUAL} must have {here.input_shape} of {len(here.classes)}"
        )
    found: Plan = _replaced(plan, name)
    return found


def title(name: str, plan: Plan, scale: str) -> str:
    """What a record's file begins with: experiment, scale, and the data set if not the usual."""
    parts = [name, scale]
    if plan.data and plan.data != USUAL:
        parts.append(re.sub(r"[^\w.-]+", "-", plan.data))
    return "--".join(parts)


def _replaced(thing: Any, name: str) -> Any:
    if is_dataclass(thing) and not isinstance(thing, type):
        before = {entry.name: getattr(thing, entry.name) for entry in fields(thing) if entry.init}
        after = {field: _replaced(value, name) for field, value in before.items()}
        changed = {field: value for field, value in after.items() if value != before[field]}
        return replace(thing, **changed) if changed else thing
    if isinstance(thing, tuple):
        return tuple(_replaced(item, name) for item in thing)
    return name if isinstance(thing, str) and thing == USUAL else thing


def _strings(thing: Any) -> Iterator[str]:
    if is_dataclass(thing) and not isinstance(thing, type):
        for entry in fields(thing):
            yield from _strings(getattr(thing, entry.name))
    elif isinstance(thing, tuple):
        for item in thing:
            yield from _strings(item)
    elif isinstance(thing, str):
        yield thing
