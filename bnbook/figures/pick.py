"""From a record to what a figure draws: selection, diverged runs, means with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr

from bnbook.figures.words import diverged, member
from bnbook.stats import Interval, interval
from bnbook.text import unknown

Select = Mapping[str, Any]
"""What to keep of each dimension: a label, a list of labels or a slice."""

EVERYTHING: Select = MappingProxyType({})
"""The selection that leaves nothing out."""


@dataclass(frozen=True)
class Picked:
    """Values with runs that diverged set to NaN, and which runs those are (by, seed)."""

    values: xr.DataArray
    lost: xr.DataArray


@dataclass(frozen=True)
class Course:
    """One arm along one dimension: the mean over its seeds with its interval at each place.

    `kind` is what decides its look, see `kinds`.
    """

    name: Any
    kind: Any
    label: str
    x: np.ndarray
    intervals: tuple[Interval, ...]
    lost: int
    total: int

    @property
    def mean(self) -> np.ndarray:
        """Estimates at each place."""
        return np.array([each.estimate for each in self.intervals])

    @property
    def band(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper limits; NaN where one seed leaves none."""
        return (
            np.array([each.low for each in self.intervals]),
            np.array([each.high for each in self.intervals]),
        )

    @property
    def n(self) -> int:
        """Seeds behind the mean, at most."""
        return max((each.n for each in self.intervals), default=0)

    @property
    def loss(self) -> str:
        """How many runs are missing, in words."""
        return diverged(self.lost, self.total)


def pick(
    record: xr.Dataset, variable: str, select: Select, dims: Sequence[str], free: Sequence[str] = ()
) -> Picked:
    """The values of `variable` at `select`, over exactly `dims`, and perhaps those in `free`.

    A dimension of length one that is not asked for is dropped. `ValueError`, with what there is
    instead, for a variable, dimension or label that does not exist, or a dimension left over.
    """
    if variable not in record.data_vars:
        raise ValueError(unknown("variable", variable, map(str, record.data_vars)))
    values = _sel(record[variable], select)
    extra = [d for d in values.dims if d not in (*dims, *free)]
    values = values.squeeze([d for d in extra if values.sizes[d] == 1], drop=True)
    for dim in values.dims:
        if dim not in (*dims, *free):
            known = ", ".join(map(str, values[dim].values))
            raise ValueError(
                f"'{variable}' has a dimension '{dim}' ({known}) that this figure does not draw; "
                f"choose one of them with select={{'{dim}': …}}"
            )
    for dim in dims:
        if dim not in values.dims:
            raise ValueError(unknown(f"dimension of '{variable}'", dim, map(str, values.dims)))
    lost = _lost(record, values, select)
    return Picked(values.where(~lost), lost)


def split(picked: Picked, dim: str | None) -> list[tuple[Any, Picked]]:
    """One part for each coordinate of `dim`, or the whole when there is none to split by."""
    if dim is None:
        return [(None, picked)]
    return [
        (at, Picked(picked.values.sel({dim: at}), _at(picked.lost, dim, at)))
        for at in picked.values[dim].values.tolist()
    ]


def kinds(values: xr.DataArray, dim: str | None) -> dict[Any, Any]:
    """What decides the look of each member of `dim`: the factor that sets the members apart.

    Where arms differ in their normaliser it is that; where one other factor sets them apart, that
    one; where several do, or none is known, the member itself.
    """
    if dim is None:
        return {}
    members = values[dim].values.tolist()
    levels = {
        str(name): c.values.tolist()
        for name, c in values.coords.items()
        if c.dims == (dim,) and name != dim
    }
    apart = {name: each for name, each in levels.items() if len(set(map(str, each))) > 1}
    if "norm" not in apart and len(apart) != 1:
        return dict(zip(members, members, strict=True))
    found = apart.get("norm") or next(iter(apart.values()))
    return dict(zip(members, found, strict=True))


def _at(lost: xr.DataArray, dim: str, at: Any) -> xr.DataArray:
    """Which runs of one coordinate are lost; a run is lost alike where `dim` is not its own."""
    return lost.sel({dim: at}) if dim in lost.dims else lost


def _sel(values: xr.DataArray, select: Select) -> xr.DataArray:
    """`values` at `select`, each label checked."""
    for dim, choice in select.items():
        if dim not in values.dims:
            kind = f"dimension of '{values.name}'"
            raise ValueError(unknown(kind, str(dim), map(str, values.dims)))
        if not isinstance(choice, slice):
            for label in np.atleast_1d(np.asarray(choice)):
                if label not in values[dim].values:
                    raise ValueError(unknown(dim, str(label), map(str, values[dim].values)))
        values = values.sel({dim: choice})
    return values


def _lost(record: xr.Dataset, values: xr.DataArray, select: Select) -> xr.DataArray:
    """True for the runs that diverged, over what `values` keeps of a record's arms and seeds.

    Without the record's word for it, a run is lost if it has no value where another has one.
    """
    if "diverged_at" in record:
        when = record["diverged_at"]
        when = _sel(when, {str(dim): select[str(dim)] for dim in when.dims if dim in select})
        when = when.squeeze([d for d in when.dims if when.sizes[d] == 1 and d not in values.dims])
        if set(when.dims) <= set(values.dims):
            return when.notnull()
    runs = [d for d in values.dims if d in ("arm", "seed")]
    missing = values.isnull()
    gap = missing & ~missing.all(runs) if missing.ndim > len(runs) else missing
    return gap.any([d for d in values.dims if d not in runs])


def seeds(picked: Picked, shown: str) -> str:
    """What is shown of how many seeds, for a remark on a figure."""
    count, one = picked.values.sizes.get("seed", 1), seed(picked)
    return f"{shown} over {count} {one}s" if count > 1 else f"one {one}"


def seed(picked: Picked) -> str:
    """What a seed is: the coordinate's long_name, which may say "repeat"."""
    values = picked.values
    return str(values["seed"].attrs.get("long_name", "seed")) if "seed" in values.coords else "seed"


def summary(values: xr.DataArray) -> Interval:
    """Mean and interval of values over seeds; without seeds, the value alone."""
    return interval(np.atleast_1d(values.values.astype(float)))


def courses(picked: Picked, over: str, by: str | None) -> list[Course]:
    """One course for each member of `by`, or a single one, with places of no value left out."""
    x = np.asarray(picked.values[over].values)
    if x.dtype.kind not in "iuf":
        raise ValueError(f"'{over}' is not a number ({', '.join(map(str, x))}); draw dots instead")
    looks = kinds(picked.values, by)
    return [_course(name, looks.get(name), each, over, by, x) for name, each in split(picked, by)]


def _course(
    name: Any, kind: Any, picked: Picked, over: str, by: str | None, x: np.ndarray
) -> Course:
    """The course of one member; places with no value are left out."""
    drawn = [(at, summary(picked.values.sel({over: at}))) for at in x]
    kept = [(at, each) for at, each in drawn if each.n]
    return Course(
        name,
        kind,
        member(by, name) if by else str(picked.values.name),
        np.array([at for at, _ in kept], dtype=float),
        tuple(each for _, each in kept),
        int(picked.lost.sum()),
        picked.lost.size,
    )
