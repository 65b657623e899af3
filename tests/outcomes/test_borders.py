"""Outcomes at the borders are those of arithmetic, on a made-up record."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from bnbook.outcomes import arms, borders

SPEEDS = {
    "base": {"none": 0.2, "batch": 0.8, "good start": 0.3, "mean only": 0.6},
    "Adam": {"none": 0.5, "batch": 0.7, "good start": 0.5, "mean only": 0.55},
    "residual": {"none": 0.6, "batch": 0.7, "good start": 0.75, "mean only": 0.7},
}


def made_up(speeds: dict[str, dict[str, float]]) -> xr.Dataset:
    """Eight seeds with offsets of their own; looks at −0.1, 0 and +0.1 of a speed."""
    arms = [(border, part) for border, parts in speeds.items() for part in parts]
    level = np.array([speeds[border][part] for border, part in arms])
    looks, seeds = np.array([-0.1, 0.0, 0.1]), 0.01 * np.arange(8)
    values = level[:, None, None] + seeds[None, :, None] + looks[None, None, :]
    ends = np.array([float(part == "none") for _, part in arms])
    return xr.Dataset(
        {
            "accuracy": (("arm", "seed", "look"), values),
            "at_an_end": (("arm", "seed"), np.repeat(ends[:, None], 8, 1)),
        },
        {
            "arm": [f"{border}, {part}" for border, part in arms],
            "border": ("arm", [border for border, _ in arms]),
            "part": ("arm", [part for _, part in arms]),
            "seed": range(8),
        },
    )


RECORD = made_up(SPEEDS)


def test_speed_is_the_average_over_the_looks() -> None:
    found = borders.speeds(RECORD).isel(seed=0)
    for border, parts in SPEEDS.items():
        for part, speed in parts.items():
            assert float(found.sel(border=border, part=part)) == pytest.approx(speed)


def test_differences_are_taken_within_a_seed_and_a_border() -> None:
    found = borders.ahead("batch", "good start")(RECORD)
    np.testing.assert_allclose(found.sel(border="base"), 0.5)
    np.testing.assert_allclose(found.sel(border="residual"), -0.05)
    np.testing.assert_allclose(borders.start_beside_skips(RECORD), 0.05)
    np.testing.assert_allclose(borders.gain_lost_to_adam(RECORD), 0.6 - 0.2)


def test_half_of_the_gain_is_the_middle_between_none_and_batch() -> None:
    found = borders.beyond_half("mean only")(RECORD).mean("seed")
    np.testing.assert_allclose(found.sel(border=["base", "Adam"]), [0.1, -0.05])


def test_a_share_is_the_ratio_of_the_gains_at_its_border() -> None:
    table = borders.kept_at(RECORD)
    assert table.part.values.tolist() == ["good start", "mean only"]
    share = table.estimate.sel(part="mean only")
    np.testing.assert_allclose(share.sel(border=["base", "Adam"]), [0.4 / 0.6, 0.25])
    assert (table.n == 8).all()


def test_arms_whose_rate_is_at_an_end_are_named() -> None:
    assert arms.at_an_end(RECORD) == "base, none; Adam, none; residual, none"
    nowhere = RECORD.assign(at_an_end=RECORD.at_an_end * 0)
    assert arms.at_an_end(nowhere) == "none"


def test_the_words_follow_the_shares() -> None:
    level = {**SPEEDS, "small": dict.fromkeys(SPEEDS["base"], 0.5)}
    record = made_up(level)
    noise = np.random.default_rng(0).normal(0, 0.002, record.accuracy.shape)
    start, centring, nothing = borders.told(record.assign(accuracy=record.accuracy + noise)).split(
        ". "
    )[:3]
    assert "a good start, given once, at residual; less than half, at base, Adam" in start
    assert "centring alone, at base, residual; less than half, at Adam" in centring
    assert nothing.startswith("At small batch normalization's own gain cannot be told")
