"""The race between BN and whitening is fair, and its clock runs for all alike."""

from __future__ import annotations

import math

import numpy as np
import torch

from bnbook import experiments
from bnbook.experiments.whitening import NORMS, Race, _steps_to_target


def test_all_arms_start_from_the_same_weights() -> None:
    weights = [Race().build(arm, 3).get_parameter("head.weight") for arm in NORMS]
    assert all(torch.equal(weights[0], each) for each in weights)


def test_whitened_layers_are_whitened_whole() -> None:
    net = Race().build("whitening-zca", 0)
    h = torch.randn(256, 28 * 28, generator=torch.Generator().manual_seed(0))
    out = net.layers[0].norm(net.layers[0].linear(h)).detach()
    covariance = out.T @ out / len(out)
    assert (covariance - torch.eye(64)).abs().max() < 0.01


def test_a_target_that_is_not_reached_is_no_number_of_steps() -> None:
    assert _steps_to_target(Race(target=0.0, steps=7), "batch", 0.1, 0) == math.inf
    assert _steps_to_target(Race(target=100.0), "batch", 0.1, 0) == 5


def test_the_fastest_round_is_no_slower_than_the_median() -> None:
    times = experiments.run("whitening", "smoke", progress=False).step_time
    assert bool((times.sel(summary="minimum") <= times.sel(summary="median")).all())
    assert bool(np.isfinite(times).all())
