"""Shaken residual networks: fair arms, and images that are what their names say."""

from __future__ import annotations

import pytest
import torch

from bnbook import experiments
from bnbook.experiments.shaken_residual import plan
from bnbook.nets import ResNet
from bnbook.stats import MIN_SEEDS
from bnbook.train import Tuned

SCALES = experiments.get("shaken-residual").scales


@pytest.mark.parametrize("scale", SCALES)
def test_arms_differ_in_their_normaliser_and_the_size_of_their_images_alone(scale: str) -> None:
    declared = plan(scale)
    assert len({arm.learning_rate for arm in declared.arms}) == 1
    assert len({(arm.batch_size, arm.optimizer, arm.schedule) for arm in declared.arms}) == 1
    shapes = set()
    for arm in declared.arms:
        assert isinstance(arm.net, ResNet)
        shapes.add((arm.net.depth, arm.net.scale, arm.net.activation, arm.net.shortcut))
        assert isinstance(arm.learning_rate, Tuned)
        assert not set(arm.learning_rate.seeds) & set(declared.seeds)
    assert len(shapes) == 1
    assert scale == "smoke" or len(declared.seeds) >= MIN_SEEDS


def test_whole_images_reach_the_first_convolution_whole_and_the_others_halved() -> None:
    seen = {}
    for arm in plan("lab").arms:
        trace = arm.net.build((3, 32, 32), 10, 0)(torch.randn(2, 3, 32, 32), trace=True)
        seen[arm.factors["network"]] = tuple(trace.linear[0].shape[2:])
    assert seen == {"halved images": (16, 16), "whole images": (32, 32)}


def test_both_sizes_start_from_the_same_weights() -> None:
    halved, whole = (
        next(
            arm.net
            for arm in plan("book").arms
            if arm.factors == {"network": name, "norm": "batch"}
        )
        for name in ("halved images", "whole images")
    )
    one, other = (dict(net.build((1, 28, 28), 10, 3).named_parameters()) for net in (halved, whole))
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(value, other[name], rtol=0, atol=0)
