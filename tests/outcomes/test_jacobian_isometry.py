"""Statistics of the chapter on Jacobians, on records made by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from bnbook.factors import labelled, names_of
from bnbook.outcomes.jacobian_isometry import amplified, nearer_after_training, shrunk

ARMS = tuple({"activation": a, "norm": n} for a in ("relu", "sigmoid") for n in ("none", "batch"))


def made(dims: tuple[str, ...], **variables: object) -> xr.Dataset:
    found = {name: (("arm", "seed", *dims), np.array(v, float)) for name, v in variables.items()}
    names = list(names_of(ARMS))
    return labelled(xr.Dataset(found, {"arm": names, "seed": [0, 1]}), ARMS)


def test_activations_shrink_by_the_first_spread_over_the_last_without_bn() -> None:
    of_arm = [[8, 5, 2], [9, 9, 9], [6, 5, 4], [1, 1, 7]]
    values = np.array([[row, [2 * each for each in row]] for row in of_arm])
    found = shrunk(made(("layer",), spread=values))
    assert set(found.dims) == {"activation", "seed"}
    for seed in (0, 1):
        assert float(found.sel(activation="relu", seed=seed)) == pytest.approx(math.log(4))
        assert float(found.sel(activation="sigmoid", seed=seed)) == pytest.approx(math.log(1.5))


def test_a_change_is_amplified_by_its_growth_and_by_more_than_with_bn() -> None:
    of_arm = [[1, 7, 3], [2, 7, 12], [1, 7, 0.5], [4, 7, 1]]
    values = np.array([[row, row] for row in of_arm])
    found = amplified(made(("layer",), change=values)).sel(seed=1)
    expected = {
        "relu, without BN": math.log(3),
        "relu, less with BN": math.log(3) - math.log(6),
        "sigmoid, without BN": -math.log(2),
        "sigmoid, less with BN": math.log(2),
    }
    assert {str(c): float(found.sel(change=c)) for c in found.change.values} == pytest.approx(
        expected
    )


def test_nearer_after_training_is_of_the_last_look_of_the_hidden_layer_alone() -> None:
    distance = np.full((4, 2, 3, 1, 2, 1), 5.0)
    last = [1.0, 0.5, 0.2, 0.4]
    distance[:, :, -1, 0, 1, 0] = np.array(last)[:, None]
    record = made(("step", "kind", "layer", "measure"), isometry=distance).assign_coords(
        step=[0, 1, 8], kind=["per-example"], layer=[0, 1], measure=["distance"]
    )
    found = nearer_after_training(record).isel(seed=0)
    assert found.network.values.tolist() == ["relu, after training", "sigmoid, after training"]
    assert found.values == pytest.approx([math.log(2), -math.log(2)])
