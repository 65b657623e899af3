"""Shift between convolutions: the record against a network of torch's own layers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bnbook import data, experiments
from bnbook.experiments.convolutional_shift import LEARNING_RATE, plan
from bnbook.nets import VGG
from bnbook.train import SGD, Member, Population


class Torch(nn.Module):
    """The smoke network of the experiment: averaged pictures, two convolutions, a head."""

    def __init__(self, norm: str) -> None:
        super().__init__()
        bias = norm == "none"
        self.convolutions = nn.ModuleList(
            nn.Conv2d(below, 4, 3, padding=1, bias=bias) for below in (1, 4)
        )
        self.norms = nn.ModuleList(nn.Identity() if bias else nn.BatchNorm2d(4) for _ in range(2))
        self.head = nn.Linear(4 * 3 * 3, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.avg_pool2d(x, 2)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.max_pool2d(F.relu(norm(convolution(x))), 2)
        return self.head(x.flatten(1))

    def layers(self) -> list[list[nn.Parameter]]:
        """Parameters layer by layer, weights first."""
        pairs = zip(self.convolutions, self.norms, strict=True)
        return [[*c.parameters(), *n.parameters()] for c, n in pairs] + [
            list(self.head.parameters())
        ]


def shifts(net: Torch, x: Tensor, y: Tensor, rate: float) -> list[tuple[float, float, float]]:
    """(‖G − G′‖, that over ‖G‖, cos(G, G′)) of each layer, by torch's own optimizer."""

    def weight_gradient(layer: int) -> Tensor:
        return torch.autograd.grad(F.cross_entropy(net(x), y), net.layers()[layer][0])[0].flatten()

    found = []
    for layer in range(3):
        before = weight_gradient(layer)
        kept = {name: value.clone() for name, value in net.state_dict().items()}
        if layer:
            below = [p for each in net.layers()[:layer] for p in each]
            optimizer = torch.optim.SGD(below, rate)
            optimizer.zero_grad()
            F.cross_entropy(net(x), y).backward()
            optimizer.step()
        after = weight_gradient(layer)
        net.load_state_dict(kept)
        apart = float((before - after).norm())
        cosine = float(F.cosine_similarity(before, after, dim=0))
        found.append((apart, apart / float(before.norm()), cosine))
    return found


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_the_first_look_is_what_torchs_own_layers_and_optimizer_give(norm: str) -> None:
    record = experiments.run("convolutional-shift", "smoke", progress=False)
    first = record.sel(arm=norm, seed=1).isel(step=0)
    spec = plan("smoke").arms[("none", "batch").index(norm)].net
    assert isinstance(spec, VGG)
    ours, twin = spec.build((1, 28, 28), 10, 1), Torch(norm)
    with torch.no_grad():
        for theirs, weight in zip(twin.layers(), ours.weight_names(), strict=True):
            theirs[0].copy_(ours.get_parameter(weight))
        for convolution in twin.convolutions:
            if convolution.bias is not None:
                convolution.bias.zero_()
        twin.head.bias.zero_()
    x, y = first_batch(1)
    expected = np.array(shifts(twin, x, y, LEARNING_RATE)).T
    names = ("gradient_difference", "gradient_shift", "gradient_cosine")
    for name, values in zip(names, expected, strict=True):
        np.testing.assert_allclose(first[name], values, rtol=2e-3, atol=1e-5)  # in float32


def first_batch(seed: int) -> tuple[Tensor, Tensor]:
    """What a network of `seed` is given first."""
    members = [Member("a", seed, 0.1)]
    population = Population(VGG(((4, 1),)), SGD(), 32, members, data.load("mnist-5k"))
    x, y = population.data.train[population.batches[0]]
    return x[0], y[0]


def test_looks_come_in_pairs_and_arms_differ_in_their_normaliser_alone() -> None:
    for scale in ("smoke", "book", "lab", "paper"):
        declared = plan(scale)
        apart = np.diff(declared.probe_steps)
        assert (apart == 1).any()
        assert (apart > 1).any()
        shared = {(arm.learning_rate, arm.batch_size, arm.optimizer) for arm in declared.arms}
        assert len(shared) == 1
        assert [arm.net.norm for arm in declared.arms] == ["none", "batch", "noisy-batch"]


def test_without_layers_below_nothing_shifts() -> None:
    record = experiments.run("convolutional-shift", "smoke", progress=False)
    assert float(abs(record.gradient_shift.sel(layer=0)).max()) == 0
    np.testing.assert_allclose(record.gradient_cosine.sel(layer=0), 1, rtol=1e-5)
