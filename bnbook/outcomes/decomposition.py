"""How much of what is measured is decided by which factor: variances of a crossed experiment.

accuracy = unfold(record.accuracy, "activation", "optimizer", "norm")
shares(accuracy)    # the share of each factor and interaction, a pseudo-value for each seed
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bnbook.stats import StatsError

Cells = NDArray[np.float64]
"""Values (seed, factor 1, …, factor k) of every combination of levels."""

JOINT = " × "
"""Between the names of factors that interact."""

ROUNDING = 1e-12
"""Variance, relative to the mean square, below which values are alike but for their rounding."""


def components(values: xr.DataArray) -> xr.DataArray:
    """Variance that each factor and each interaction brings, (effect, seed), in squared units.

    Every dimension of `values` but "seed" is a factor with fixed levels. With the cells averaged
    over seeds, μ_{ij…}, the analysis of variance splits the variance over cells into main effects
    (α_i, the mean of row i minus the grand mean) and interactions (what main effects leave),
    Var μ = Σ_e mean(effect_e²). Measured cells carry the noise of their seed, which makes every
    square too large, most of all those of factors with many levels. So squares are replaced by
    products of two different seeds, whose noise is independent,

        v_e = mean over s ≠ t of mean(effect_e(s) · effect_e(t)),

    which is unbiased, and may come out below zero where an effect is nil. A seed's value is the
    jackknife's pseudo-value n·v − (n−1)·v₍₋ₛ₎: their mean is v, their spread its uncertainty.
    Source: hoeffding1948class, efron1981jackknife.
    """
    parts = _parts(values)
    found = {name: _pseudo(part, _cross_product) for name, part in parts.items()}
    units = str(values.attrs.get("units", "1"))
    return _by_seed(found, values, units if units == "1" else f"({units})²", "variance")


def shares(values: xr.DataArray) -> xr.DataArray:
    """Each effect's part of the whole variance over cells, (effect, seed) of pseudo-values.

    The parts of one record add up to 1. Where the cells differ by no more than noise there is
    nothing to share, and every part is NaN. See `components`.
    """
    parts = _parts(values)
    whole = sum(map(_cross_product, parts.values()))
    if whole <= ROUNDING * float((values**2).mean()):
        nothing = np.full(values.sizes["seed"], np.nan)
        return _by_seed(dict.fromkeys(parts, nothing), values, "1", "share")
    every = np.concatenate([part.reshape(len(part), -1) for part in parts.values()], axis=1)
    widths = np.cumsum([part[0].size for part in parts.values()])[:-1]

    def split(chosen: Cells) -> NDArray[np.float64]:
        found = np.array([_cross_product(part) for part in np.split(chosen, widths, axis=1)])
        return found / found.sum()

    values_by_effect = _pseudo(every, split).T
    return _by_seed(dict(zip(parts, values_by_effect, strict=True)), values, "1", "share")


def effects(cells: Cells, factors: Sequence[str]) -> list[tuple[str, Cells]]:
    """Main effects and interactions of each seed, (seed, levels of the factors in it, else 1)."""
    axes = range(1, len(factors) + 1)
    found: dict[tuple[int, ...], Cells] = {
        (): cells.mean(axis=tuple(axes), keepdims=True),
    }
    for order in range(1, len(factors) + 1):
        for chosen in combinations(axes, order):
            others = tuple(axis for axis in axes if axis not in chosen)
            left = cells.mean(axis=others, keepdims=True)
            for known in [each for each in found if set(each) < set(chosen)]:
                left = left - found[known]
            found[chosen] = left
    return [
        (JOINT.join(factors[axis - 1] for axis in chosen), effect)
        for chosen, effect in found.items()
        if chosen
    ]


def _parts(values: xr.DataArray) -> dict[str, Cells]:
    """The effects of values with dimension seed, every cell of which was measured."""
    factors = [str(dim) for dim in values.dims if dim != "seed"]
    if "seed" not in values.dims or not factors or values.sizes["seed"] < 3:
        raise StatsError(
            f"{values.name!r} has dimensions {dict(values.sizes)}; a decomposition needs three "
            "seeds or more and at least one factor"
        )
    cells = values.transpose("seed", *factors).values.astype(float)
    if not np.isfinite(cells).all():
        raise StatsError(
            f"{int((~np.isfinite(cells)).sum())} cells of {values.name!r} were not measured; say "
            "first what a diverged network counts for"
        )
    return dict(effects(cells, factors))


def _cross_product(effect: Cells) -> float:
    """Mean over pairs of different seeds of the mean product of their effects (seed, …)."""
    n = len(effect)
    flat = effect.reshape(n, -1)
    together, alone = (flat.sum(0) ** 2).mean(), (flat**2).mean(1).sum()
    return float((together - alone) / (n * (n - 1)))


def _pseudo(
    effect: Cells, statistic: Callable[[Cells], float | NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Jackknife pseudo-values (seed, …) of a statistic of effects (seed, …)."""
    n, whole = len(effect), np.asarray(statistic(effect))
    without = [statistic(np.delete(effect, s, axis=0)) for s in range(n)]
    return n * whole - (n - 1) * np.array(without)


def _by_seed(
    found: dict[str, NDArray[np.float64]], values: xr.DataArray, units: str, what: str
) -> xr.DataArray:
    return xr.DataArray(
        np.stack(list(found.values())),
        {"effect": list(found), "seed": values["seed"].values},
        ("effect", "seed"),
        attrs={"units": units, "long_name": f"{what} of {values.attrs.get('long_name', 'values')}"},
    )
