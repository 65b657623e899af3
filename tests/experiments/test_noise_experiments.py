"""The experiments on noise: their parts against hand-made cases and the laws they obey."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import xarray as xr
from scipy.stats import kurtosis

from bnbook import data, experiments
from bnbook.experiments.batch_noise import Inside, _pass, _trained, noise_of
from bnbook.experiments.ghost_dropout import BATCH_SIZE, GHOSTS, NETS
from bnbook.experiments.linear_unit import Unit, measure
from bnbook.experiments.one_logit import watched
from bnbook.factors import name_of
from bnbook.laws import noise as laws
from bnbook.nets import MLP
from bnbook.outcomes.regularization_noise import at_matched_noise, exponent
from bnbook.study import Measurement
from bnbook.train import Plan


def smoke(name: str) -> xr.Dataset:
    return experiments.run(name, "smoke", progress=False)


# One linear unit.


def test_what_a_linear_unit_learns_and_how_it_scatters_follow_the_laws() -> None:
    record = measure(Unit(sizes=(4, 16), batches=100_000), 0)
    measured, law = (record.sel(arm=arm) for arm in ("measured", "law"))
    np.testing.assert_allclose(measured.slope, law.slope, rtol=0.004)
    np.testing.assert_allclose(measured.inverse_sigma, law.inverse_sigma, rtol=0.02)
    np.testing.assert_allclose(measured.density, law.density, atol=0.03)


def test_the_slope_is_the_least_squares_fit_of_the_target() -> None:
    rng = np.random.default_rng(5)
    z = rng.normal(size=(2000, 8))
    x = (z - z.mean(1, keepdims=True)) / z.std(1, keepdims=True)
    fitted = np.polyfit(x.ravel(), z.ravel(), 1)[0]
    assert measure(Unit(sizes=(8,), batches=2000), 5).slope[0, 0] == pytest.approx(fitted)


# The noise of batches inside a network.


def test_noise_of_values_is_that_of_numpy_and_scipy_unit_by_unit() -> None:
    z = torch.distributions.Gamma(2.0, 1.0).sample((500, 8, 3))
    found = noise_of(z).numpy()
    expected = []
    for values in z.double().numpy().transpose(2, 0, 1):
        kappa = float(kurtosis(values.ravel(), fisher=False))
        variance = values.var()
        expected.append(
            [
                8 * values.mean(1).var(ddof=1) / variance,
                8 * values.var(1).var(ddof=1) / variance**2,
                8 * float(laws.variance_noise(8, kappa)),
                kappa,
            ]
        )
    np.testing.assert_allclose(found, np.mean(expected, 0), rtol=1e-6)


def test_units_that_never_vary_are_left_out() -> None:
    z = torch.randn(50, 8, 2)
    constant = torch.cat([z, torch.full((50, 8, 1), 2.5)], dim=2)
    torch.testing.assert_close(noise_of(constant), noise_of(z))


def test_batches_pass_a_network_as_its_own_forward_pass_in_training() -> None:
    settings = Inside(widths=(9, 8, 7), steps=5)
    net = _trained(settings, data.load(settings.data).split(0), "batch", 0)
    x = data.load("mnist-5k").train.x[:24]
    first = net.layers[0].linear(x.flatten(1)).detach().view(3, 8, 9)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    found = _pass(net, first)
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])
    for i, batch in enumerate(x.split(8)):
        for layer, expected in enumerate(net.train()(batch, trace=True).linear):
            torch.testing.assert_close(found[layer][i], expected, rtol=1e-4, atol=1e-5)


def test_the_exponent_is_that_of_a_power_of_m() -> None:
    m = np.array([4, 16, 64, 256])
    record = xr.DataArray(m**-0.3, {"m": m}, "m")
    assert float(exponent(record)) == pytest.approx(0.3)


# One example among others.


def test_the_watched_examples_are_the_median_and_the_smallest_margin_of_those_right() -> None:
    logits = torch.tensor([[5.0, 0, 1], [0, 3, 2.9], [0, 1, 9], [4, 2, 0], [9, 0, 0], [3, 0, 2.0]])
    labels = torch.tensor([0, 1, 0, 0, 0, 0])  # the third is wrong
    rows, classes = watched(logits, labels)
    assert rows == [3, 1]  # margins 4, 0.1, –, 2, 9, 1
    assert classes.tolist() == [[0, 1], [1, 2]]


def test_the_scatter_of_a_logit_shrinks_with_the_batch() -> None:
    logit = (
        smoke("one-logit").logit.isel(step=-1).var("draw").mean(["arm", "seed", "example", "class"])
    )
    assert float(logit.sel(m=4)) > 4 * float(logit.sel(m=256))


# Growth of weights.


def test_squared_norms_grow_by_what_is_across_and_what_is_outwards() -> None:
    record = smoke("weight-growth")
    squared = record.weight_norm**2
    grown = squared - squared.isel(step=0)
    np.testing.assert_allclose(grown, record.across + record.outwards, atol=1e-3)


def test_before_bn_no_step_points_outwards_and_before_nothing_some_do() -> None:
    record = smoke("weight-growth").isel(step=-1)
    push = (record.outwards.isel(layer=[0, 1]) / record.across.isel(layer=[0, 1])).mean("seed")
    assert float(abs(push.sel(arm=["sgd, relu, batch", "sgd, tanh, batch"])).max()) < 0.02
    assert float(abs(push.sel(arm=["sgd, relu, none", "sgd, tanh, none"])).max()) > 0.5


# Decay and its effective rate.


def test_the_rate_matched_to_decay_gives_the_same_function_with_bn_and_another_without() -> None:
    loss = smoke("decay-or-rate").loss.sel(statistics="precise").isel(step=-1)
    gap = abs(loss.sel(arm="batch, matched rate") - loss.sel(arm="batch, decay"))
    assert float(gap.max()) < 1e-9
    without = abs(loss.sel(arm="none, matched rate") - loss.sel(arm="none, decay"))
    assert float(without.min()) > 1e-5


def test_matched_arms_have_the_effective_rate_of_the_arm_with_decay() -> None:
    plan = experiments.get("decay-or-rate").plan("smoke")
    assert isinstance(plan, Measurement)
    settings = plan.settings
    rate = smoke("decay-or-rate").effective_rate
    shrink = 1 - settings.learning_rate * settings.decay
    for norm in ("none", "batch"):
        ratio = rate.sel(arm=f"{norm}, matched rate") / rate.sel(arm=f"{norm}, decay")
        np.testing.assert_allclose(ratio, 1 / shrink, rtol=1e-9)


def test_weight_decay_side_by_side_is_that_of_torch() -> None:
    from bnbook.experiments.decay_or_rate import DecayOrRate

    rule = DecayOrRate(("plain", "decay", "decay everywhere"), ("w",), 0.3)
    start = {"w": torch.randn(1, 4).double(), "b": torch.randn(1, 2).double()}
    grads = {name: torch.randn_like(p) for name, p in start.items()}
    params = {name: p.repeat(3, 1) for name, p in start.items()}
    rates = torch.full((3,), 0.1, dtype=torch.float64)
    rule.step(params, {name: g.repeat(3, 1) for name, g in grads.items()}, {}, rates)
    for i, decayed in enumerate(((), ("w",), ("w", "b"))):
        for name, p in start.items():
            alone = torch.nn.Parameter(p.clone())
            alone.grad = grads[name].clone()
            torch.optim.SGD([alone], 0.1, weight_decay=0.3 * (name in decayed)).step()
            torch.testing.assert_close(params[name][i], alone.detach()[0])


# Ghosts and dropout.


def test_ghosts_and_dropout_differ_from_batch_in_nothing_else() -> None:
    nets = {name_of(factors): net for factors, net in NETS if isinstance(net, MLP)}
    batch = nets["batch"]
    for size in GHOSTS:
        assert BATCH_SIZE % size == 0
        ghost = nets[f"ghost, m = {size}"]
        assert replace(ghost, norm="batch", norm_options=()) == batch
    for name in ("batch, dropout = 0.3", "batch, dropout = 0.5, last"):
        assert replace(nets[name], dropout=0.0, dropout_at="hidden") == batch
    assert replace(nets["none, dropout = 0.3"], dropout=0.0) == MLP((100, 100))


def test_the_arm_of_small_batches_sees_as_many_examples_at_the_same_rate_for_each() -> None:
    plan = experiments.get("ghost-dropout").plan("book")
    assert isinstance(plan, Plan)
    arms = {arm.name: arm for arm in plan.arms}
    small, whole = arms["batch, batch size = 16"], arms["batch"]
    assert small.steps * small.batch_size == whole.steps * whole.batch_size
    assert math.isclose(
        small.learning_rate / small.batch_size, whole.learning_rate / whole.batch_size
    )


def test_matching_by_noise_is_exact_where_the_effect_is_linear_in_log_noise() -> None:
    arms = [
        "batch",
        "batch, dropout = 0.1",
        "batch, dropout = 0.3",
        "batch, dropout = 0.5",
        "ghost, m = 8",
    ]
    noise = xr.DataArray([[0.01, 0.05, 0.2, 0.5, 0.1]], dims=("seed", "arm"))
    values = 3 - 0.5 * xr.apply_ufunc(np.log, noise) + xr.DataArray([0, 0, 0, 0, 0.25], dims="arm")
    coords = {"arm": arms, "seed": [0]}
    record = xr.Dataset(
        {
            "logit_noise": noise.expand_dims(step=[7]),
            "steps": xr.full_like(noise, 7),
            "diverged_at": xr.full_like(noise, np.nan),
        },
        coords,
    )
    found = at_matched_noise(record, values.assign_coords(coords), "ghost, m = 8")
    assert float(found[0]) == pytest.approx(0.25)


def test_a_ghost_that_does_not_divide_the_batch_is_refused_in_a_network_too() -> None:
    net = MLP((5,), norm="ghost", norm_options=(("ghost_size", 6),)).build((4,), 3, 0)
    with pytest.raises(ValueError, match="6 does not divide a batch of 16"):
        F.cross_entropy(net(torch.randn(16, 4)), torch.zeros(16, dtype=torch.long))
