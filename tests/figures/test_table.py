"""The numbers behind a figure, a row each."""

from __future__ import annotations

import xarray as xr

from bnbook.figures import table


def test_a_dimension_may_have_the_name_of_a_column() -> None:
    made = xr.DataArray([0.5, 0.25], {"value": [1, 2]}, ("value",), name="density")
    assert table.csv([made]) == "value_at,variable,value\n1,density,0.5\n2,density,0.25\n"
