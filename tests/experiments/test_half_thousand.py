"""The variance over the company: by hand where a layer is one value, and by its law."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from bnbook.experiments.half_thousand import NETWORKS, noise
from bnbook.laws.noise import normalised_variance
from bnbook.nets import MLP
from bnbook.study import draws


def test_it_is_the_variance_of_a_plain_loop_of_torchs_layers() -> None:
    net = MLP((6, 5), "relu", "batch").build((4,), 3, 0)
    pool, examples = torch.randn(40, 4), torch.randn(2, 4)
    found = noise(net, examples, pool, 8, 20, draws(1))
    layers: list[nn.Module] = []
    for each, width in zip(net.layers, (6, 5), strict=True):
        norm = nn.BatchNorm1d(width)
        norm.load_state_dict(each.get_submodule("norm").state_dict())
        layers += [each.get_submodule("linear"), norm, nn.ReLU()]
    twin, generator = nn.Sequential(*layers, net.head).train(), draws(1)
    first, logits = torch.empty(20, 2, 6), torch.empty(20, 2, 3)
    for i in range(20):
        others = pool[torch.randint(40, (7,), generator=generator)]
        for k in range(2):
            x = torch.cat([examples[k : k + 1], others])
            first[i, k], logits[i, k] = twin[:2](x)[0].detach(), twin(x)[0].detach()
    for here, values in zip(found, (first, logits), strict=True):
        assert float(here) == pytest.approx(float(values.var(0).mean()), rel=1e-4)


def test_behind_the_first_bn_it_is_what_the_law_says_of_gaussian_company() -> None:
    net = MLP((1,), "relu", "batch").build((1,), 2, 0)
    pool = torch.randn(20_000, 1)
    for z in (0.0, 1.0):
        for m in (64, 512):
            found = noise(net, torch.tensor([[z]]), pool, m, 1_500, draws(0))[0]
            law = float(normalised_variance(z, m))
            assert float(found) == pytest.approx(law, rel=0.15)


def test_the_networks_normalize_by_their_batch() -> None:
    assert all(spec.norm == "batch" for spec in NETWORKS.values())
    assert math.log(512 / 64) == pytest.approx(3 * math.log(2))
