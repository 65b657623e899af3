"""What a claim is, and how it is read off a record."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import get_args

import xarray as xr

from bnbook.chapters import Declared
from bnbook.stats import Kind, Quantifier
from bnbook.stats.effects import BOUND
from bnbook.stats.verdicts import Centre
from bnbook.text import unknown


class ClaimError(ValueError):
    """A claim is declared or measured in a way that cannot be judged; the message says how."""


@dataclass(frozen=True)
class Claim(Declared):
    """One sentence, its source, and the statistic that decides it.

    `statistic` takes the record of `experiment` to one number per seed, dimension "seed" (and
    the one in `stratified_by`, if any), positive in the claimed direction; `unit` is what one
    unit of it is: "accuracy", "σ", "log ratio of steps". `source` is a BibTeX key, or several with
    commas. A network that diverged has an outcome wherever one can be named, such as the accuracy
    of chance; a number that is NaN counts against whatever the other seeds say.

    A claim has either `matters`, the smallest effect that would matter, in the statistic's unit,
    or, if it is an exact identity, `tolerance`: the statistic is then a residual, and must be at
    most so large in every seed. `kind` says what is claimed of the effect: that it is "greater"
    than zero, that two things are "equivalent" (the statistic is their difference), or that one
    is "at-least" as good as the other. `bnbook.stats.decide` has the rule for each. `centre` is
    "median" for values on a grid, such as the highest of six learning rates; times to a target
    (`bnbook.stats.steps_to`) are judged so without being asked.

    A claim with strata says by its `quantifier` of which it speaks, see
    `bnbook.stats.Quantifier`. `controls` are strata that are shown beside the others and never
    enter the verdict. `changed` tells what of the measurement is new since the last release.
    """

    says: str
    source: str
    experiment: str
    statistic: Callable[[xr.Dataset], xr.DataArray]
    unit: str
    matters: float | None
    tolerance: float | None = None
    stratified_by: str | None = None
    quantifier: Quantifier | None = None
    controls: tuple[str, ...] = ()
    note: str = ""
    kind: Kind = "greater"
    centre: Centre = "mean"
    changed: str = ""

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
        if not (math.isfinite(self.bound) and self.bound >= 0):
            raise ClaimError(
                f"claim {self.id}: `matters` or `tolerance` is {self.bound}; it is 0 or more"
            )
        self._check_strata()

    def _check_strata(self) -> None:
        """Strata and quantifier go together, and some quantifiers speak of effects only."""
        kinds = get_args(Quantifier)
        if (self.stratified_by is None) != (self.quantifier is None):
            raise ClaimError(
                f"claim {self.id}: a claim with strata says by its `quantifier` of which it speaks "
                f"({', '.join(kinds)}), and one without strata has none"
            )
        if self.quantifier is not None and self.quantifier not in kinds:
            raise ClaimError(f"claim {self.id}: {unknown('quantifier', self.quantifier, kinds)}")
        if self.matters is None and self.quantifier in ("average", "by"):
            raise ClaimError(f"claim {self.id}: an identity holds for 'all' or for 'any' strata")
        if self.controls and self.stratified_by is None:
            raise ClaimError(f"claim {self.id}: `controls` are strata, and it has none")

    @property
    def bound(self) -> float:
        """The smallest effect that matters, or the tolerance of an identity."""
        return float((self.tolerance if self.matters is None else self.matters) or 0.0)

    @property
    def sources(self) -> tuple[str, ...]:
        """The BibTeX keys of `source`."""
        return tuple(key.strip() for key in self.source.split(",") if key.strip())

    def measure(self, record: xr.Dataset) -> xr.DataArray:
        """The statistic of `record` as float64, with dimensions (seed,) or (seed, stratum).

        Times have one more, "bound", see `bnbook.stats.steps_to`.

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
        if set(values.dims) - {BOUND} != expected:
            raise ClaimError(
                f"claim {self.id}: its statistic has dimensions {_listed(values.dims)}; "
                f"expected {_listed(sorted(expected))}. {contents(record)}"
            )
        if self.stratified_by is not None:
            known = [str(label) for label in values[self.stratified_by].values]
            for control in set(self.controls) - set(known):
                raise ClaimError(f"claim {self.id}: {unknown('control stratum', control, known)}")
        ends = [BOUND] if BOUND in values.dims else []
        return values.astype(float).transpose("seed", ..., *ends)


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
