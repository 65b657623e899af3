"""Rotation and growth of weights before BN: against arithmetic, and against the closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from bnbook import experiments
from bnbook.experiments.growing_weights import Growth
from bnbook.experiments.growing_weights import measure as grow
from bnbook.experiments.rotation import RULES, Walk, measure, plan, turned
from bnbook.laws.rotation import settled_rotation
from bnbook.outcomes import learning_rate as outcomes


@pytest.mark.parametrize("angle", [1e-9, 1e-3, 0.7, 3.0])
def test_the_angle_between_two_weights_is_exact_at_every_size(angle: float) -> None:
    a = torch.tensor([[3.0, 0.0]], dtype=torch.float64)
    b = 0.2 * torch.tensor([[math.cos(angle), math.sin(angle)]], dtype=torch.float64)
    assert float(turned(a, b)) == pytest.approx(angle, rel=1e-6)


def test_the_settled_angle_of_sgd_balances_growth_and_decay() -> None:
    """By iterating ‖w‖² alone: it gains (η·g/‖w‖)² and loses the factor (1 − ηλ)² each step."""
    rate, decay, g, square = 0.1, 0.02, 3.0, 1.0
    for _ in range(20_000):
        square = (1 - rate * decay) ** 2 * square + rate**2 * g**2 / square
    angle = math.atan(rate * g / square / (1 - rate * decay))
    assert angle == pytest.approx(settled_rotation(rate, decay), rel=2 * rate * decay)


@pytest.mark.parametrize("rule", RULES)
def test_a_random_walk_settles_at_the_predicted_rotation(rule: str) -> None:
    """500 angles of 2 walks in 200 dimensions; the second moment of Adam is itself uncertain."""
    arm = {"where": "random walk", "rule": rule}
    found = measure(Walk(1, 0, 2000, 1500), arm, (0, 1))
    np.testing.assert_allclose(found.rotation, 1, rtol=0.03)


def test_the_rules_share_eta_times_lambda_and_differ_in_rotation() -> None:
    assert {round(r.learning_rate * r.decay, 6) for r in RULES.values()} == {0.003}
    assert len({round(r.predicted, 6) for r in RULES.values()}) == 3


def test_steps_before_bn_obey_pythagoras_and_others_do_not() -> None:
    found = grow(Growth(steps=4), 0)
    excess = np.abs(found.excess)
    assert float(excess.sel(arm="batch").max()) < 1e-8
    assert float(excess.sel(arm="none").max()) > 1e-3


def test_outcomes_are_logs_of_what_was_measured() -> None:
    record = experiments.run("rotation", "smoke", progress=False)
    gap = outcomes.rotation_gap(record, "network")
    assert gap.sizes == {"rule": len(RULES), "seed": record.sizes["seed"]}
    direct = np.log(record.rotation.sel(arm="network, AdamW"))
    np.testing.assert_allclose(gap.sel(rule="AdamW"), direct)
    names = [name for name in record.arm.values.tolist() if "scale" in name]
    short, long = (record.rotation.sel(arm=name) for name in names)
    np.testing.assert_allclose(outcomes.forgotten(record), np.log(long / short))
    assert {arm["where"] for arm in plan("book").factors} == {"random walk", "network"}
