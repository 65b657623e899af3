"""The kinds of answers, and how each is compared with what is right.

Only what is near the right answer passes. What cannot be compared with it at all (another type or
shape, NaN, an infinity, a function that raises) is `Unusable`: it never passes, and it is told
what was expected instead of being given a hint.

A reader's function is called here and nowhere else: it gets copies of its arguments, so that it
may write into them, and what is right was computed before its first call.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping, Set
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import chain, combinations
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bnbook.exercises._words import described, raised
from bnbook.train import Plan

Array = NDArray[np.float64]
Value = int | float | tuple[int | float, ...]
TOLERANCE = 0.01
"""How far a number may be from the right one, relatively: three digits, rounded, always pass."""


class Unusable(ValueError):
    """An answer that cannot be compared with the right one; says why."""


class Answer(ABC):
    """What an exercise asks for; `expects` says it to the reader."""

    expects: str

    @abstractmethod
    def fault(self, answer: Any) -> str | None:
        """What is off with `answer`, None if nothing is; `Unusable` if it cannot be compared."""

    def data(self) -> dict[str, Any] | None:
        """What is needed to check it without Python, ready for JSON; None where it takes Python."""
        return None


@dataclass(frozen=True)
class Remark:
    """What is said of a wrong answer whose number `part`, of several, is in [low, high]."""

    says: str
    low: int | float | Callable[[], float] = -math.inf
    high: int | float | Callable[[], float] = math.inf
    part: int = 0

    @classmethod
    def near(cls, says: str, value: int | float, rel: float, part: int = 0) -> Remark:
        """Said where that number is within `rel` of `value`."""
        ends = sorted((value * (1 - rel), value * (1 + rel)))
        return cls(says, ends[0], ends[1], part)

    def ends(self) -> tuple[float, float]:
        """`low` and `high`, computed where they are functions."""
        return float(_computed(self.low, finite=False)), float(_computed(self.high, finite=False))

    def fits(self, found: Array) -> bool:
        """Whether it is said of these numbers."""
        low, high = self.ends()
        return bool(low <= found.ravel()[self.part] <= high)


@dataclass(frozen=True)
class Numeric(Answer):
    """A number, or several in an order, known as data: a page can check it without Python.

    `value`, and what typical `mistakes` lead to, are numbers, tuples of numbers, or functions
    without arguments that compute them from a record. An answer is right within `rel` of the
    value, or within `abs`, in its `unit`. Of an answer that is neither right nor a known mistake
    the first of the `remarks` is said that fits, and `otherwise` if none does. `names` are what
    the numbers are called where there are several.
    """

    value: Value | Callable[[], Value]
    otherwise: str
    mistakes: Mapping[str, Value | Callable[[], Value]] = field(default_factory=dict)
    rel: float = TOLERANCE
    abs: float = 0.0
    unit: str = "1"
    expects: str = "a number"
    remarks: tuple[Remark, ...] = ()
    names: tuple[str, ...] = ()

    def right(self) -> Array:
        """The right answer, of shape () or (n,)."""
        return _computed(self.value)

    def fault(self, answer: Any) -> str | None:
        """See `Answer`."""
        found, right = numbers(answer), self.right()
        if found.shape != right.shape:
            raise Unusable(f"{described(answer)} has the shape {found.shape}, not {right.shape}.")
        if self.near(found, right):
            return None
        for says, value in self.mistakes.items():
            if self.near(found, _computed(value)):
                return says
        return next((each.says for each in self.remarks if each.fits(found)), self.otherwise)

    def data(self) -> dict[str, Any]:
        """See `Answer`; an end that is infinite is None."""
        right = self.right().ravel().tolist()
        return {
            "kind": "numbers",
            "names": list(self.names),
            "unit": "" if self.unit == "1" else self.unit,
            "right": right,
            "rel": self.rel,
            "abs": self.abs,
            "mistakes": [
                [says, _computed(value).ravel().tolist()] for says, value in self.mistakes.items()
            ],
            "remarks": [
                [
                    each.says,
                    each.part,
                    *(end if math.isfinite(end) else None for end in each.ends()),
                ]
                for each in self.remarks
            ],
            "otherwise": self.otherwise,
        }

    def near(self, found: Any, right: Any) -> bool:
        """Whether `found` is `right` within this answer's tolerance."""
        return near(np.asarray(found), np.asarray(right), self.rel, self.abs)


@dataclass(frozen=True)
class Choice(Answer):
    """Some of several options, in any order; `otherwise` looks at the wrong set that was chosen."""

    options: tuple[str, ...]
    right: frozenset[str]
    otherwise: Callable[[frozenset[str]], str]
    expects: str

    def fault(self, answer: Any) -> str | None:
        """See `Answer`."""
        chosen = frozenset(each.strip() for each in _texts(answer))
        if unknown := chosen - set(self.options):
            raise Unusable(f"{_listed(unknown)} is none of {_listed(self.options)}.")
        return None if chosen == self.right else self.otherwise(chosen)

    def data(self) -> dict[str, Any]:
        """See `Answer`: what is said of every set that can be chosen, None of the right one."""
        sizes = range(len(self.options) + 1)
        sets = chain.from_iterable(combinations(self.options, size) for size in sizes)
        return {
            "kind": "choice",
            "options": list(self.options),
            "said": [[list(chosen), self.fault(list(chosen))] for chosen in sets],
        }


@dataclass(frozen=True)
class Matching(Answer):
    """A dictionary that gives each thing its option; a wrong one is told how many are right."""

    right: Mapping[str, str]
    expects: str

    def fault(self, answer: Any) -> str | None:
        """See `Answer`."""
        if not isinstance(answer, Mapping):
            raise Unusable(f"{described(answer)} is no dictionary.")
        if set(_texts(list(answer))) != set(self.right):
            raise Unusable(f"Give one answer for each of {_listed(self.right)}.")
        options = set(self.right.values())
        if not set(_texts(list(answer.values()))) <= options:
            raise Unusable(f"Name one of {_listed(options)} each time.")
        hits = sum(answer[name] == option for name, option in self.right.items())
        return None if hits == len(self.right) else f"{hits} of {len(self.right)} are right"

    def data(self) -> dict[str, Any]:
        """See `Answer`; options are in alphabetical order."""
        options = sorted(set(self.right.values()))
        return {"kind": "matching", "options": options, "right": dict(self.right)}


@dataclass(frozen=True)
class Case:
    """One call of a reader's function: its arguments, and what should come back.

    `expected` is a number, an array or a tensor, or a tuple of them for a function that returns
    several. `mistakes` maps a sentence to what leads to it; there, None in a tuple is anything.
    """

    arguments: tuple[Any, ...]
    expected: Any
    otherwise: str
    mistakes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Function(Answer):
    """A function whose values are compared with an oracle's, case by case."""

    expects: str
    cases: Callable[[], Iterable[Case]]
    rel: float = 1e-6
    abs: float = 1e-8

    def fault(self, answer: Any) -> str | None:
        """See `Answer`."""
        call = Called.of(answer)
        return next(filter(None, [self._off(call, case) for case in tuple(self.cases())]), None)

    def _off(self, call: Called, case: Case) -> str | None:
        expected = _outputs(case.expected)
        found = call.outputs(len(expected), *case.arguments)
        for got, right in zip(found, expected, strict=True):
            if got.shape != right.shape:
                raise Unusable(f"Your function returned the shape {got.shape}, not {right.shape}.")
        if self._near(found, case.expected):
            return None
        return next(
            (says for says, value in case.mistakes.items() if self._near(found, value)),
            case.otherwise,
        )

    def _near(self, found: tuple[Array, ...], right: Any) -> bool:
        parts = right if isinstance(right, tuple) else (right,)
        return all(
            part is None or near(got, numbers(part), self.rel, self.abs)
            for got, part in zip(found, parts, strict=True)
        )


@dataclass(frozen=True)
class Behaviour(Answer):
    """A function of which `judge` checks what it does, where there is more than one right way."""

    expects: str
    judge: Callable[[Called], str | None]

    def fault(self, answer: Any) -> str | None:
        """See `Answer`."""
        return self.judge(Called.of(answer))


@dataclass(frozen=True)
class Design(Answer):
    """The plan of an experiment, judged for what it can tell."""

    judge: Callable[[Plan], str | None]
    expects: str = "a bnbook.train.Plan"

    def fault(self, answer: Any) -> str | None:
        """See `Answer`."""
        if not isinstance(answer, Plan):
            raise Unusable(f"{described(answer)} is no plan.")
        return self.judge(answer)


@dataclass(frozen=True)
class Called:
    """A reader's function: it gets copies, and gives back finite float64 arrays or is `Unusable`.

    A generator of random numbers is not copied: drawing from it is what it is for.
    """

    function: Callable[..., Any]

    @classmethod
    def of(cls, answer: Any) -> Called:
        """The function `answer`; anything else is `Unusable`."""
        if not callable(answer):
            raise Unusable(f"{described(answer)} is no function.")
        return cls(answer)

    def __call__(self, *arguments: Any) -> Array:
        """The one array, or number, that it returns."""
        return self.outputs(1, *arguments)[0]

    def outputs(self, count: int, *arguments: Any) -> tuple[Array, ...]:
        """The `count` arrays, or numbers, that it returns."""
        try:
            returned = self.function(*map(_copied, arguments))
            if count == 1:
                return (numbers(returned, "What your function returned"),)
            if isinstance(returned, Mapping | Set):  # their keys, and in which order, are no answer
                raise Unusable(
                    f"Your function returned a {type(returned).__name__}, not {count} things in "
                    "their order."
                )
            parts = tuple(returned)
        except Unusable:
            raise
        except Exception as error:
            raise Unusable(raised(self.function, error)) from error
        if len(parts) != count:
            raise Unusable(f"Your function returned {len(parts)} things, not {count}.")
        return tuple(numbers(part, "What your function returned") for part in parts)


def numbers(found: Any, what: str = "") -> Array:
    """`found` as a new float64 array, `Unusable` unless all of it is real and finite.

    Numbers, arrays, tensors, and lists and tuples of them are numbers; text, booleans and complex
    values are not.
    """
    array = _as_array(found)
    if array.dtype.kind not in "iuf":
        raise Unusable(f"{what or described(found)} is not made of numbers.")
    if not np.isfinite(array).all():
        raise Unusable(f"{what or described(found)} holds NaN or an infinity.")
    return array.astype(np.float64)


def near(found: Array, right: Array, rel: float, abs: float) -> bool:
    """Whether two arrays have one shape and all values of `found` lie within the tolerance.

    >>> near(np.array(1.60), np.array(1.5958), rel=0.01, abs=0.0)
    True
    >>> near(np.array(np.nan), np.array(1.5958), rel=0.01, abs=0.0)
    False
    """
    within = found.shape == right.shape and np.abs(found - right) <= abs + rel * np.abs(right)
    return bool(np.all(within))


def _as_array(found: Any) -> NDArray[Any]:
    if isinstance(found, Tensor):
        plain = found.detach().cpu()
        return (plain.double() if plain.is_floating_point() else plain).numpy()
    if isinstance(found, list | tuple):
        return np.array([_as_array(part) for part in found])
    if not isinstance(found, bool) and isinstance(found, Real):
        return np.asarray(float(found))
    return np.asarray(found)


def _outputs(values: Any) -> tuple[Array, ...]:
    return tuple(map(numbers, values if isinstance(values, tuple) else (values,)))


def _computed(value: Value | Callable[[], Value], finite: bool = True) -> Array:
    known = value() if callable(value) else value
    return numbers(known) if finite else np.asarray(known, float)


def _copied(argument: Any) -> Any:
    return argument if isinstance(argument, np.random.Generator) else deepcopy(argument)


def _texts(answer: Any) -> Collection[str]:
    if not isinstance(answer, list | tuple | set | frozenset):
        raise Unusable(f"{described(answer)} is no list.")
    if not all(isinstance(each, str) for each in answer):
        raise Unusable(f"{described(answer)} is not made of text.")
    return answer


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
