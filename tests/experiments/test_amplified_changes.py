"""Changes on their way up: against numpy, written out layer by layer, and against a law."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import expit

from bnbook import data
from bnbook.experiments.amplified_changes import ARMS, Tower, measure, network, plan
from bnbook.laws import gradient_growth, linear_growth
from bnbook.study import draws

SMALL = Tower(layers=4, width=12, batch_size=20, directions=3)
PHI = {"relu": lambda a: np.maximum(a, 0), "sigmoid": expit}


Arrays = list[np.ndarray]


def climbed(x: np.ndarray, weights: Arrays, arm: dict[str, str]) -> tuple[Arrays, Arrays]:
    """Inputs and outputs of the nonlinearities; at the start biases and β are 0, and γ is 1."""
    inputs, outputs = [], []
    for w in weights:
        a = x @ w.T
        if arm["norm"] == "batch":
            a = (a - a.mean(0)) / np.sqrt(a.var(0) + 1e-5)
        x = PHI[arm["activation"]](a)
        inputs.append(a)
        outputs.append(x)
    return inputs, outputs


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: "-".join(arm.values()))
def test_spread_and_change_are_those_of_a_loop_in_numpy(arm: dict[str, str]) -> None:
    seed = 3
    found = measure(SMALL, arm, (seed,)).squeeze("seed")
    net = network(SMALL, arm).build((1, 28, 28), 10, seed).double()
    weights = [net.get_parameter(name).detach().numpy() for name in net.weight_names()[:-1]]
    generator, train = draws(seed), data.load("mnist-5k").split(seed).train
    chosen = torch.randperm(len(train), generator=generator)[:20]
    x = train.x[chosen].flatten(1).double().numpy()
    inputs, outputs = climbed(x, weights, arm)
    spread = [np.sqrt(h.var(0).mean()) for h in outputs]
    np.testing.assert_allclose(found.spread, spread, rtol=1e-9)
    squares = np.zeros(4)
    for _ in range(3):
        step = torch.randn(weights[0].shape, generator=generator, dtype=torch.float64).numpy()
        step *= 0.01 * np.linalg.norm(weights[0]) / np.linalg.norm(step)
        moved, _ = climbed(x, [weights[0] + step, *weights[1:]], arm)
        pairs = zip(moved, inputs, strict=True)
        squares += [((b - a) ** 2).mean() / a.var(0).mean() for b, a in pairs]
    np.testing.assert_allclose(found.change, np.sqrt(squares / 3), rtol=1e-9)


def test_behind_bn_a_small_change_grows_by_the_law_of_gradients() -> None:
    """Up as down: the mean square grows by E[φ′²]/Var φ a layer, for large m and wide layers."""
    tower = Tower(layers=8, width=400, batch_size=400, moved=1e-4)
    found = measure(tower, {"activation": "relu", "norm": "batch"}, (0, 1))
    squares = np.log(found.change**2).mean("seed")
    growth = float(np.exp((squares.sel(layer=8) - squares.sel(layer=3)) / 5))
    assert growth == pytest.approx(gradient_growth(torch.relu) * linear_growth(400), rel=0.05)


def test_an_arm_differs_from_its_twin_in_its_normaliser_alone() -> None:
    settings = plan("book").settings
    for activation in ("relu", "sigmoid"):
        none, batch = (
            network(settings, {"activation": activation, "norm": norm})
            for norm in ("none", "batch")
        )
        assert replace(none, norm="batch") == batch
        assert none.init == {"relu": "he", "sigmoid": "glorot"}[activation]
