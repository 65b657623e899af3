"""Descent by the whole set, and larger rates: against loops of torch's own, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import xarray as xr

from bnbook import data, experiments
from bnbook.experiments.dissection import halved
from bnbook.experiments.edge_of_stability import ARMS, Descent, measure, network, start
from bnbook.experiments.large_rates import ARMS as RATES
from bnbook.experiments.large_rates import HIGH, LARGE, LOW, SMALL, Few, spaced
from bnbook.experiments.large_rates import measure as walk
from bnbook.outcomes import learning_rate as outcomes

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
    rule, turned = torch.optim.SGD(weights, lr=0.1, weight_decay=0.002 / 0.1), []
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


def edge_record(settled: float) -> xr.Dataset:
    """A record in which every product is `settled` in the last quarter and 9 before it."""
    step = np.arange(0, 101, 5)
    product = np.where(step > 75, settled, 9.0)
    shape = (len(ARMS), 2, len(step))
    decays = xr.DataArray([arm["decay"] for arm in ARMS], dims="arm")
    base = xr.DataArray(np.broadcast_to(product, shape), dims=("arm", "seed", "step"))
    record = xr.Dataset(
        {
            "sharpness": base * (1 + decays) / 4,
            "effective_rate": xr.full_like(base, 4.0) / (1 + decays),
            "angle": xr.ones_like(base) * np.sqrt(2 * decays),
        },
        {"step": step, "seed": [0, 1], "arm": [str(i) for i in range(len(ARMS))]},
    )
    for factor in ("norm", "decay", "rate"):
        record = record.assign_coords({factor: ("arm", [arm[factor] for arm in ARMS])})
    return record


def test_outcomes_look_at_the_last_quarter_alone() -> None:
    record = edge_record(2.5)
    for norm, settings in (("none", 4), ("batch", 4)):
        gap = outcomes.edge_gap(record, norm)
        assert gap.sizes == {"setting": settings, "seed": 2}
        np.testing.assert_allclose(gap, math.log(2.5 / 2))
    np.testing.assert_allclose(outcomes.turning(record), 0, atol=1e-12)
    np.testing.assert_allclose(outcomes.flattened(record), -math.log(1.002))
    assert outcomes.edges(record).sizes == {"network": 4, "decay": 3, "seed": 2, "step": 20}


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


def rates_record(train: list[float], test: list[float]) -> xr.Dataset:
    """A record with the same course in every arm, but for test losses times η·m."""
    factor = np.array([arm["rate"] * arm["m"] for arm in RATES])[:, None, None]
    shape = (len(RATES), 2, len(train))
    record = xr.Dataset(
        {
            "train_loss": (("arm", "seed", "path"), np.broadcast_to(train, shape)),
            "test_loss": (("arm", "seed", "path"), factor * np.broadcast_to(test, shape)),
        },
        {"arm": [str(i) for i in range(len(RATES))], "seed": [0, 1]},
    )
    for name in ("norm", "rate", "m"):
        record = record.assign_coords({name: ("arm", [arm[name] for arm in RATES])})
    return record


def test_test_losses_are_taken_where_the_training_loss_first_comes_down() -> None:
    """1 → 0.1 → 0.5 → 0.001: at 0.01 half way between the second and the last."""
    record = rates_record([1.0, 0.1, 0.5, 0.001], [3.0, 2.0, 9.0, 1.0])
    found = outcomes.at_training_loss(record, (0.1, 0.01, 1e-4)).isel(seed=0)
    scaled = found / np.array([arm["rate"] * arm["m"] for arm in RATES])[:, None]
    np.testing.assert_allclose(scaled.sel(training_loss=0.1), 2.0)
    np.testing.assert_allclose(scaled.sel(training_loss=0.01), 1.5)
    assert bool(scaled.sel(training_loss=1e-4).isnull().all())


def test_effects_of_rates_are_logs_of_matched_test_losses() -> None:
    record = rates_record([1.0, 0.001], [3.0, 3.0])
    assert outcomes.larger_rate(record).sizes == {"norm": 2, "seed": 2}
    np.testing.assert_allclose(outcomes.larger_rate(record), math.log(LOW / HIGH))
    np.testing.assert_allclose(outcomes.same_noise(record), math.log(HIGH * LARGE / (LOW * SMALL)))
    drawn = outcomes.along_training(record)
    assert drawn.test_loss.sizes == {"norm": 2, "arm": 3, "seed": 2, "training_loss": 7}


def test_both_run_at_smoke_scale_with_finite_numbers() -> None:
    for name in ("edge-of-stability", "large-rates"):
        record = experiments.run(name, "smoke", progress=False)
        numbers = record.isel(step=slice(1, None)) if "step" in record.dims else record
        measured = [v for v in numbers.data_vars if "seed" in numbers[v].dims]
        assert all(bool(np.isfinite(numbers[v]).all()) for v in measured if v != "wall_time_s")
