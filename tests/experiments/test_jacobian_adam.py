"""Jacobians under Adam: training is torch's own, and the Jacobian is autograd's."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from bnbook import data, experiments
from bnbook.experiments import jacobian_adam, jacobian_spectra
from bnbook.nets import MLP
from bnbook.train import Adam, Member, Population


def test_arms_are_those_of_the_study_with_sgd_but_for_the_optimizer() -> None:
    adam = {arm.name: arm for arm in jacobian_adam.plan("book").arms}
    sgd = {arm.name: arm for arm in jacobian_spectra.plan("book").arms}
    assert len(adam) == 6
    for name, arm in adam.items():
        assert arm.net == sgd[name].net
        assert arm.batch_size == sgd[name].batch_size
        assert (arm.optimizer, arm.learning_rate) == (Adam(), 0.001)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.Sigmoid, nn.Tanh])
def test_the_mean_at_the_last_look_is_that_of_torchs_own_network(activation: type) -> None:
    """Without BN: torch's Adam for all steps, then the Jacobian of each example by autograd."""
    name, seed = activation.__name__.lower(), 1
    record = experiments.run("jacobian-adam", "smoke", progress=False)
    spec, steps = MLP((100, 100), name), int(record.step[-1])
    members = [Member("a", seed, 0.001)]
    population = Population(spec, Adam(), 64, members, data.load("mnist-5k"))
    ours = spec.build((1, 28, 28), 10, seed)
    layers = [nn.Linear(784, 100), nn.Linear(100, 100), nn.Linear(100, 10)]
    with torch.no_grad():
        for layer, weight in zip(layers, ours.weight_names(), strict=True):
            layer.weight.copy_(ours.get_parameter(weight))
            layer.bias.zero_()
    net = nn.Sequential(nn.Flatten(), layers[0], activation(), layers[1], activation(), layers[2])
    optimizer = torch.optim.Adam(net.parameters(), 0.001)
    for step in range(steps):
        x, y = population.data.train[population.batches[step]]
        optimizer.zero_grad()
        F.cross_entropy(net(x[0]), y[0]).backward()
        optimizer.step()
    x, _ = population.data.train[population.batches[steps]]
    below = net[:3](x[0, :16]).detach()
    jacobians = torch.stack([torch.autograd.functional.jacobian(net[3:5], h) for h in below])
    sigma = torch.linalg.svdvals(jacobians)
    found = record.isometry.sel(arm=f"{name}, none", seed=seed, layer=1, kind="per-example")
    found = found.isel(step=-1)
    assert float(found.sel(measure="mean")) == pytest.approx(float(sigma.mean()), rel=2e-3)
    distance = float((sigma - 1).square().mean().sqrt())
    assert float(found.sel(measure="distance")) == pytest.approx(distance, rel=2e-3)
