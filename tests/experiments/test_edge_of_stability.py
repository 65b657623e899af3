"""Descent by the whole set, and larger rates: against loops of torch's own, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from bnbook import data, experiments
from bnbook.experiments.dissection import halved
from bnbook.experiments.edge_of_stability import ARMS, Descent, measure, network, start
from bnbook.experiments.large_rates import ARMS as RATES
from bnbook.experiments.large_rates import HIGH, LARGE, LOW, SMALL, Few, spaced
from bnbook.experiments.large_rates import measure as walk

FEW = Descent("mnist-5k", 40, 6, 2, (6, 5))


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_descent_is_torchs_own_on_the_mean_squared_error(norm: str) -> None:
    """Length, angle and loss of one network by `torch.optim.SGD` on its hidden weights."""
    arm = {"norm": norm, "decay": 0.002, "rate": 0.1}
    found = measure(FEW, arm, (3,), "cpu").isel(seed=0)
    train = halved(data.load("mnist-5k")).split(3).train
    x, y = train.x[:40], F.one_hot(train.y[:40], 10).float()
    net = network(FEW, norm).build((1, 14, 14), 10, 3).train()
    weights = [net.get_parameter(name) for name in net.weight_names()[:-1]]
    rule = torch.optim.SGD(weights, lr=0.1, weight_decay=0.002 / 0.1)
    turned: list[float] = []
    for step in range(7):
        before = torch.cat([w.detach().flatten() for w in weights]).double()
        loss = F.mse_loss(net(x), y, reduction="sum") / 80
        if step % 2 == 0:
            here = found.sel(step=step)
            assert float(here.loss) == pytest.approx(loss.item(), rel=1e-4)
            effective = 0.1 / 0.998 / float(before.square().sum())
            assert float(here.effective_rate) == pytest.approx(effective, rel=1e-5)
            if step:
                mean = math.sqrt(sum(each**2 for each in turned[-2:]) / 2)
                assert float(here.angle) == pytest.approx(mean, rel=1e-3)
        rule.zero_grad()
        loss.backward()
        rule.step()
        after = torch.cat([w.detach().flatten() for w in weights]).double()
        chord = float((before / before.norm() - after / after.norm()).norm())
        turned.append(2 * math.asin(chord / 2))


def test_with_bn_only_the_direction_of_what_moves_counts() -> None:
    s = start(FEW, {"norm": "batch", "decay": 0.0, "rate": 0.1}, (0,), "cpu")
    own = {name: p[0] for name, p in s.params.items()}
    longer = {n: 5 * p if n in s.weight_names[:-1] else p for n, p in own.items()}
    buffers = {name: b[0] for name, b in s.buffers.items()}
    x, y = (part[0] for part in s.batch)
    torch.testing.assert_close(s.loss(longer, buffers, x, y), s.loss(own, buffers, x, y))


def test_what_decay_takes_at_each_step_is_the_same_at_every_rate() -> None:
    batch = [(arm["decay"], arm["rate"]) for arm in ARMS if arm["norm"] == "batch"]
    decays, rates = ({each[i] for each in batch} for i in (0, 1))
    assert len(batch) == len(decays) * len(rates)
    assert 0.0 in decays


def test_the_low_rate_on_small_batches_has_the_noise_of_the_high_one_on_large() -> None:
    assert pytest.approx(HIGH / LARGE) == LOW / SMALL
    assert {(arm["rate"], arm["m"]) for arm in RATES} == {
        (LOW, SMALL),
        (HIGH, SMALL),
        (HIGH, LARGE),
    }


def test_all_rates_go_as_far_along_the_gradient_and_are_looked_at_as_often() -> None:
    looks = spaced(120.0, 24)
    assert looks[0] == HIGH
    assert looks[-1] == pytest.approx(120)
    assert len(looks) == 24
    assert list(looks) == sorted(looks)


def test_losses_are_those_of_torchs_own_layers_by_the_moments_of_all_training_examples() -> None:
    """Before the first step, of as many examples as share their statistics."""
    arm = {"norm": "batch", "rate": 1.0, "m": 32}
    found = walk(Few("mnist-5k", (0.0,), 32, (7, 5)), arm, (4,), "cpu").isel(seed=0, path=0)
    split = halved(data.load("mnist-5k")).split(4)
    generator = torch.Generator().manual_seed(4)
    h, t = split.train.x[:32].flatten(1), split.test.x.flatten(1)
    for width in (7, 5):
        weight = torch.empty(width, h.shape[1]).normal_(
            0, math.sqrt(2 / h.shape[1]), generator=generator
        )
        z, u = h @ weight.T, t @ weight.T
        mean, scale = z.mean(0), (z.var(0, unbiased=False) + 1e-5).sqrt()
        h, t = F.relu((z - mean) / scale), F.relu((u - mean) / scale)
    head = torch.empty(10, 5).normal_(0, math.sqrt(2 / 5), generator=generator)
    for name, inputs, labels in (
        ("train_loss", h, split.train.y[:32]),
        ("test_loss", t, split.test.y),
    ):
        expected = float(F.cross_entropy(inputs @ head.T, labels))
        assert float(found[name]) == pytest.approx(expected, rel=1e-4)


def test_both_run_at_smoke_scale_with_finite_numbers() -> None:
    for name in ("edge-of-stability", "large-rates"):
        record = experiments.run(name, "smoke", progress=False)
        numbers = record.isel(step=slice(1, None)) if "step" in record.dims else record
        measured = [v for v in numbers.data_vars if "seed" in numbers[v].dims]
        assert all(bool(np.isfinite(numbers[v]).all()) for v in measured if v != "wall_time_s")
