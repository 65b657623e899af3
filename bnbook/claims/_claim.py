"""What a claim is, and how it is read off a record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import get_args

import xarray as xr

from bnbook.chapters import Member
from bnbook.stats import Kind, decide, decide_identity, interval
from bnbook.text import unknown


class ClaimError(ValueError):
    """A claim is declared or measured in a way that cannot be judged; the message says how."""


@dataclass(frozen=True)
class Claim(Member):
    """One sentence, its source, and the statistic that decides it.

    `statistic` takes the record of `experiment` to one number per seed, dimension "seed" (and
    the one in `stratified_by`, if any), positive in the claimed direction; `unit` is what one
    unit of it is: "accuracy", "σ", "log ratio". `source` is a BibTeX key, or several with commas.

    A claim has either `matters`, the smallest effect that would matter, in the statistic's unit,
    or, if it is an exact identity, `tolerance`: the statistic is then a residual, and must be at
    most so large in every seed. `kind` says what is claimed of the effect: that it is "greater"
    than zero, that two things are "equivalent" (the statistic is their difference), or that one
    is "at-least" as good as the other. `bnbook.stats.decide` has the rule for each.
    """

    says: str
    source: str
    experiment: str
    statistic: Callable[[xr.Dataset], xr.DataArray]
    unit: str
    matters: float | None
    tolerance: float | None = None
    stratified_by: str | None = None
    note: str = ""
    kind: Kind = "greater"

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.matters is None) == (self.tolerance is None):
            raise ClaimError(
                f"claim {self.id}: give `matters`, the smallest effect that would matter, or, for "
                "an exact identity, `tolerance`; not both, not neither"
            )
        if self.kind not in get_args(Kind):
            raise ClaimError(f"claim {self.id}: {unknown('kind', self.kind, get_args(Kind))}")
        if self.kind != "greater" and not self.matters:
            raise ClaimError(f"claim {self.id}: kind '{self.kind}' needs `matters` above 0")
        if self.matters is not None:
            decide(interval([]), self.matters, self.kind)  # its own check of the bound
        if self.tolerance is not None:
            decide_identity([], self.tolerance)

    @property
    def sources(self) -> tuple[str, ...]:
        """The BibTeX keys of `source`."""
        return tuple(key.strip() for key in self.source.split(",") if key.strip())

    def measure(self, record: xr.Dataset) -> xr.DataArray:
        """The statistic of `record` as float64, with dimensions (seed,) or (seed, stratum).

        Raises `ClaimError` if the record is another experiment's, or the statistic fails on it or
        has other dimensions; the message names what the record holds.
        """
        measured_by = record.attrs.get("experiment", self.experiment)
        if measured_by != self.experiment:
            raise ClaimError(
                f"claim {self.id} is measured by experiment '{self.experiment}'; "
                f"this record is of '{measured_by}'"
            )
        try:
            values = self.statistic(record)
        except (LookupError, ValueError, AttributeError, TypeError) as error:
            raise ClaimError(
                f"claim {self.id}: its statistic failed on the record of '{self.experiment}' "
                f"({type(error).__name__}: {error}). {contents(record)}"
            ) from error
        if not isinstance(values, xr.DataArray):
            raise ClaimError(
                f"claim {self.id}: its statistic is a {type(values).__name__}; "
                "expected an xarray.DataArray with one number per seed"
            )
        expected = {"seed"} | ({self.stratified_by} if self.stratified_by else set())
        if set(values.dims) != expected:
            raise ClaimError(
                f"claim {self.id}: its statistic has dimensions {_listed(values.dims)}; "
                f"expected {_listed(sorted(expected))}. {contents(record)}"
            )
        return values.astype(float).transpose("seed", ...)


def contents(record: xr.Dataset) -> str:
    """One line that says which variables, dimensions and labels a record has."""
    sizes = ", ".join(f"{dim} {size}" for dim, size in record.sizes.items())
    labels = "".join(
        f" Its {name}s: {_listed(coordinate.values)}."
        for name, coordinate in record.coords.items()
        if coordinate.ndim == 1 and coordinate.dtype.kind in "OUST"
    )
    return f"The record has {_listed(record.data_vars)} ({sizes or 'no dimensions'}).{labels}"


def _listed(names: Iterable[object]) -> str:
    return ", ".join(map(str, names)) or "none"
