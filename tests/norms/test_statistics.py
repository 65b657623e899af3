"""Running, precise and adapted statistics."""

import math

import pytest
import torch
from torch import Tensor, nn

from bnbook import laws, norms
from bnbook.norms import NormError


def network() -> nn.Sequential:
    """Two layers with BN, trained a little so that nothing is at its start."""
    net = nn.Sequential(
        norms.make("batch", 3, eps=1e-30),
        nn.Linear(3, 4),
        norms.make("batch", 4, eps=1e-30),
        nn.Tanh(),
        nn.Linear(4, 2),
    )
    for _ in range(4):
        net(1 + 2 * torch.randn(32, 3))
    return net.eval()


def statistics(net: nn.Module) -> list[Tensor]:
    found = [m.statistics() for m in net.modules() if isinstance(m, norms.Norm)]
    return [moment.clone() for pair in found for moment in pair]


# Exponential moving averages.


@pytest.mark.parametrize("momentum", [0.1, 0.01, 1.0])
@pytest.mark.parametrize("start", [0.0, 5.0])
def test_the_running_mean_lags_behind_a_linear_drift_by_the_closed_form(
    momentum: float, start: float
) -> None:
    norm, drift = norms.make("batch", 1, momentum=momentum), 0.3
    norm.running_mean.fill_(start)
    lags = []
    for t in range(1, 41):
        z = torch.randn(8, 1)
        norm(z - z.mean() + drift * t)
        lags.append(norm.running_mean.item() - drift * t)
    expected = laws.ema_lag(torch.arange(1.0, 41), momentum, drift, start)
    torch.testing.assert_close(torch.tensor(lags), expected, rtol=1e-11, atol=1e-12)


def test_the_lag_tends_to_the_steps_that_the_average_looks_back() -> None:
    lag = laws.ema_lag(torch.tensor([10_000.0]), momentum=0.01, drift=2.0, start=7.0)
    torch.testing.assert_close(lag, torch.tensor([-2.0 * 99]))


# Precise statistics.


def test_precise_statistics_of_the_whole_set_make_population_mode_equal_batch_mode() -> None:
    net, x = network(), torch.randn(50, 3)
    with norms.using(net, "batch"):
        y = net(x)
    assert norms.precise_statistics(net, [x]) is net
    torch.testing.assert_close(net(x), y, rtol=1e-11, atol=1e-12)


def test_precise_statistics_do_not_depend_on_the_running_ones() -> None:
    one, other = network(), network()
    other.load_state_dict(one.state_dict())
    other[0].running_mean.fill_(100.0)
    other[2].running_var.fill_(1e-3)
    batches = [torch.randn(n, 3) for n in (8, 16)]
    for net in (one, other):
        norms.precise_statistics(net, batches)
    torch.testing.assert_close(statistics(one), statistics(other), rtol=1e-11, atol=1e-13)


def test_precise_statistics_are_pooled_in_the_dtype_of_the_network() -> None:
    """Also where torch's default is a coarser one, which a quotient of integers would take."""
    batches = [1e6 + torch.randn(n, 1) for n in (3, 7, 5)]
    torch.set_default_dtype(torch.float32)
    norm = norms.precise_statistics(norms.make("batch", 1).double(), batches)
    exact = torch.cat(batches).var(correction=0)
    torch.testing.assert_close(norm.running_var[0], exact, rtol=1e-8, atol=0)


def test_no_batches_at_all_are_an_error() -> None:
    with pytest.raises(NormError, match="precise statistics need at least one batch"):
        norms.precise_statistics(network(), [])
    with pytest.raises(NormError, match="adapting statistics needs at least one batch"):
        norms.adapt_statistics(network(), [], 1.0)


# Adapted statistics.


def test_with_no_weight_on_the_source_adaptation_undoes_an_affine_shift_of_the_features() -> None:
    net, x = network(), torch.randn(64, 3)
    norms.precise_statistics(net, [x])
    y = net(x)
    shifted = torch.tensor([2.0, 0.5, 30.0]) * x + torch.tensor([1.0, -7.0, 0.1])
    assert (net(shifted) - y).abs().max() > 0.1
    norms.adapt_statistics(net, [shifted[:10], shifted[10:]], 0.0)
    torch.testing.assert_close(net(shifted), y, rtol=1e-10, atol=1e-11)


def test_with_all_weight_on_the_source_nothing_changes() -> None:
    net = network()
    before = statistics(net)
    norms.adapt_statistics(net, [5 + torch.randn(16, 3)], math.inf)
    torch.testing.assert_close(statistics(net), before, rtol=0, atol=0)


def test_with_no_weight_on_the_source_one_batch_gives_batch_statistics() -> None:
    net, x = network(), 5 + torch.randn(16, 3)
    with norms.using(net, "batch"):
        y = net(x)
    norms.adapt_statistics(net, [x], 0.0)
    torch.testing.assert_close(net(x), y, rtol=1e-11, atol=1e-12)


def test_a_pseudo_count_mixes_moments_layer_after_layer() -> None:
    """Schneider et al.'s rule by hand: 30 examples against a source that counts for 10."""
    net, x = network(), 5 + 3 * torch.randn(30, 3)
    source = statistics(net)
    steps = net[0].num_batches_tracked.clone()
    norms.adapt_statistics(net, [x[:12], x[12:]], 10.0)
    h = x
    for norm, (mean, var) in ((net[0], source[:2]), (net[2], source[2:])):
        expected_mean = 0.25 * mean + 0.75 * h.mean(0)
        expected_var = 0.25 * var + 0.75 * h.var(0, correction=0)
        torch.testing.assert_close(norm.running_mean, expected_mean, rtol=1e-11, atol=1e-12)
        torch.testing.assert_close(norm.running_var, expected_var, rtol=1e-11, atol=1e-12)
        h = net[1](norm(h)) if norm is net[0] else h
    assert net[0].num_batches_tracked == steps
    assert not net.training
    assert net[0].mode == "population"


@pytest.mark.parametrize("count", [-1.0, math.nan])
def test_a_pseudo_count_that_counts_nothing_is_an_error(count: float) -> None:
    with pytest.raises(NormError, match="it is a number of examples, 0 or more"):
        norms.adapt_statistics(network(), [torch.randn(4, 3)], count)


# Frozen statistics.


def test_frozen_trains_with_population_statistics_as_constants() -> None:
    batch, frozen = norms.make("batch", 3), norms.make("frozen", 3)
    batch(2 + 3 * torch.randn(32, 3))
    frozen.load_state_dict(batch.state_dict())
    before = [moment.clone() for moment in frozen.statistics()]
    z = torch.randn(8, 3, requires_grad=True)
    y = frozen(z)
    torch.testing.assert_close(y, batch.eval()(z), rtol=1e-13, atol=1e-13)
    (slope,) = torch.autograd.grad(y.sum(), z)
    expected = torch.rsqrt(batch.get_buffer("running_var") + 1e-5).expand(8, 3)
    torch.testing.assert_close(slope, expected, rtol=1e-12, atol=0)
    torch.testing.assert_close(list(frozen.statistics()), before, rtol=0, atol=0)


def test_frozen_takes_precise_statistics() -> None:
    x = 2 + 3 * torch.randn(40, 3)
    frozen = norms.precise_statistics(norms.make("frozen", 3, eps=1e-30), [x[:10], x[10:]])
    y = frozen(x)
    torch.testing.assert_close(y.mean(0), torch.zeros(3), rtol=0, atol=1e-12)
    torch.testing.assert_close(y.var(0, correction=0), torch.ones(3))
