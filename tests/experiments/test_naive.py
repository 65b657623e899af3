"""Naive normalization against its closed form, and its network against ordinary BN."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from bnbook import experiments
from bnbook.experiments.naive_network import EPS, Digits, _initial, _logits
from bnbook.experiments.naive_normalization import Naive


def test_outside_the_gradient_the_bias_runs_along_a_line_at_constant_loss() -> None:
    settings = Naive()
    record = experiments.run("naive-normalization", "smoke", progress=False)
    outside = record.sel(arm="outside the gradient")
    for seed in record.seed.values:
        u, t = (each.numpy() for each in settings.batch(int(seed)))
        line = np.arange(settings.iterations + 1) * settings.learning_rate * t.mean()
        np.testing.assert_allclose(outside.bias.sel(seed=seed), line, rtol=1e-12)
        loss = np.mean((u - u.mean() - t) ** 2) / 2
        np.testing.assert_allclose(outside.loss.sel(seed=seed), loss, rtol=1e-12)


def test_inside_the_gradient_the_bias_stays() -> None:
    record = experiments.run("naive-normalization", "smoke", progress=False)
    assert float(abs(record.bias.sel(arm="inside the gradient")).max()) < 1e-14


def test_the_arms_of_the_network_start_alike() -> None:
    record = experiments.run("naive-network", "smoke", progress=False)
    first = record.isel(step=0)
    assert float(abs(first.loss - first.loss.isel(arm=0)).max()) == 0
    assert float(first.bias_norm.max()) == 0


def test_inside_the_gradient_the_network_is_one_with_torchs_batch_norm() -> None:
    settings, generator = Digits(units=7), torch.Generator().manual_seed(0)
    weights = {k: w.double() for k, w in _initial(settings, 12, generator).items()}
    x = torch.randn(9, 12, generator=generator).double()
    w = weights["weight0"].clone().requires_grad_()
    h = x
    for weight in (w, weights["weight1"]):
        z = F.batch_norm(F.linear(h, weight), None, None, training=True, eps=EPS)
        h = torch.relu(z)
    expected = torch.autograd.grad(F.linear(h, weights["head"]).square().sum(), w)[0]
    weights["weight0"].requires_grad_()
    found = _logits(weights, x, settings, through=True).square().sum()
    torch.testing.assert_close(torch.autograd.grad(found, weights["weight0"])[0], expected)


def test_outside_the_gradient_weights_are_pushed_along_themselves() -> None:
    settings, generator = Digits(units=7), torch.Generator().manual_seed(0)
    x = torch.randn(9, 12, generator=generator).double()
    weights = {k: w.double() for k, w in _initial(settings, 12, generator).items()}
    w = weights["weight0"].requires_grad_()
    along = {}
    for through in (True, False):
        loss = _logits(weights, x, settings, through).square().sum()
        along[through] = (torch.autograd.grad(loss, w)[0] * w).sum(1).abs().max().item()
    assert along[True] < 1e-3 * along[False]
