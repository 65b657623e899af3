"""The numbers behind a figure as a table, one value a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

Part = xr.DataArray | xr.Dataset | pd.DataFrame | Mapping[str, Any]
"""What has a place in a table: labelled values, or columns of one length by name."""


def csv(parts: Iterable[Part]) -> str:
    """The parts under each other, six digits a number, as comma-separated values.

    Labelled values have a column for each of their dimensions and factors, then "variable",
    "value" and, where it is known, "unit"; what has no value has no row.

    >>> loss = xr.DataArray([0.5, 0.25], {"step": [1, 2]}, name="loss", attrs={"units": "nat"})
    >>> print(csv([loss]), end="")
    step,variable,value,unit
    1,loss,0.5,nat
    2,loss,0.25,nat
    """
    frames = [_frame(part) for part in parts]
    if not frames:
        return ""
    return pd.concat(frames, ignore_index=True).to_csv(
        index=False, float_format="%.6g", lineterminator="\n"
    )


def under(names: Mapping[str, Any], table: str) -> str:
    """A table with a column in front for each of `names`, which holds its value in every row.

    >>> print(under({"m": 4}, "step,value\\n1,0.5\\n"), end="")
    m,step,value
    4,1,0.5
    """
    if not table:
        return ""
    head, *rows = table.splitlines()
    front = pd.DataFrame([dict(names)]).to_csv(index=False, lineterminator="\n").splitlines()
    return "\n".join([f"{front[0]},{head}", *(f"{front[1]},{row}" for row in rows)]) + "\n"


def _frame(part: Part) -> pd.DataFrame:
    if isinstance(part, pd.DataFrame):
        return part
    if isinstance(part, xr.Dataset):
        return part.to_dataframe().reset_index()
    if isinstance(part, xr.DataArray):
        return _values(part)
    return pd.DataFrame({name: np.asarray(column) for name, column in part.items()})


def _values(values: xr.DataArray) -> pd.DataFrame:
    """Labelled values, a row each."""
    name = str(values.name or "value")
    own = {each: f"{each}_at" for each in ("variable", "value", "unit") if each in values.coords}
    values = values.rename(own)
    dims = [str(dim) for dim in values.dims]
    frame = values.rename("value").to_dataframe().dropna(subset=["value"])
    frame = frame.reset_index()[
        [*dims, *(each for each in frame.columns if each not in (*dims, "value")), "value"]
    ]
    frame.insert(len(frame.columns) - 1, "variable", name)
    if values.attrs.get("units"):
        frame["unit"] = values.attrs["units"]
    return frame
