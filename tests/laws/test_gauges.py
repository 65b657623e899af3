"""What scale invariance does to gradients and curvature, and what a step outside it does."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, grad

from bnbook import laws, norms


class Small(nn.Module):
    """Linear without bias, BN, tanh, linear; the loss is cross-entropy on one fixed batch."""

    def __init__(self, eps: float) -> None:
        super().__init__()
        self.linear = nn.Linear(5, 4, bias=False)
        self.norm = norms.make("batch", 4, eps=eps)
        self.head = nn.Linear(4, 3)
        self.x, self.y = torch.randn(12, 5), torch.randint(3, (12,))
        with torch.no_grad():
            for p in self.parameters():
                p.copy_(torch.randn_like(p))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.tanh(self.norm(self.linear(x))))

    def loss(self, weight: Tensor, mode: norms.Mode = "batch") -> Tensor:
        with norms.using(self, mode):
            logits = functional_call(self, {"linear.weight": weight}, (self.x,))
        return F.cross_entropy(logits, self.y)


def test_the_scale_gauge_is_rho_gamma_times_the_gradient_of_gamma() -> None:
    net = Small(eps=0.3)
    net.loss(net.linear.weight).backward()
    slope = net.linear.weight.grad
    assert slope is not None
    gauge = laws.scale_gauge(net.linear.weight.detach(), slope)
    var = net.linear(net.x).detach().var(0, correction=0)
    expected = 0.3 / (var + 0.3) * net.norm.weight.detach() * net.norm.weight.grad
    assert expected.abs().min() > 1e-4
    torch.testing.assert_close(gauge, expected, rtol=1e-11, atol=1e-13)


def test_the_scale_gauge_vanishes_in_proportion_to_eps() -> None:
    gauges = []
    for eps in (1e-6, 1e-7):
        torch.manual_seed(1)
        net = Small(eps)
        weight = net.linear.weight.detach()
        gauges.append(laws.scale_gauge(weight, grad(net.loss)(weight)))
    torch.testing.assert_close(gauges[0] / gauges[1], torch.full((4,), 10.0), rtol=1e-4, atol=0)


@pytest.mark.parametrize("scale", [0.3, 7.0])
def test_larger_weights_get_smaller_gradients(scale: float) -> None:
    net = Small(eps=1e-30)
    weight = net.linear.weight.detach()
    torch.testing.assert_close(net.loss(scale * weight), net.loss(weight))
    expected = grad(net.loss)(weight) / scale
    torch.testing.assert_close(grad(net.loss)(scale * weight), expected, rtol=1e-11, atol=1e-13)


def test_the_curvature_along_the_weights_is_minus_the_gradient_in_training_mode_only() -> None:
    net = Small(eps=1e-30)
    weight = net.linear.weight.detach()
    assert laws.curvature_gauge(net.loss, weight) < 1e-12
    assert laws.curvature_gauge(lambda w: net.loss(w, "population"), weight) > 0.1


def test_the_curvature_gauge_of_a_quadratic_is_two() -> None:
    """L = ½wᵀAw has H·w = ∇L, so that ‖Hw + ∇L‖/‖∇L‖ = 2."""
    a = torch.diag(torch.tensor([1.0, 5.0]))
    gauge = laws.curvature_gauge(lambda w: 0.5 * w @ a @ w, torch.randn(2))
    assert math.isclose(gauge, 2, rel_tol=1e-12)


def test_normalising_outside_the_step_makes_the_bias_grow_for_ever_at_constant_loss() -> None:
    inputs, targets, rate = torch.randn(20), 0.7 + torch.randn(20), 0.3
    run = laws.naive_normalization(inputs, targets, steps=50, learning_rate=rate)
    k = torch.arange(51.0)
    torch.testing.assert_close(run.bias, k * rate * targets.mean(), rtol=1e-11, atol=1e-12)
    centred = inputs - inputs.mean()
    loss = 0.5 * (centred - targets).square().mean()
    torch.testing.assert_close(run.loss, loss.expand(51), rtol=1e-12, atol=0)


def test_a_gradient_through_the_mean_leaves_the_bias_where_it_is() -> None:
    inputs, targets = torch.randn(20), 0.7 + torch.randn(20)
    run = laws.naive_normalization(inputs, targets, steps=5, learning_rate=0.3, through_mean=True)
    torch.testing.assert_close(run.bias, torch.zeros(6), rtol=0, atol=1e-14)


@pytest.mark.parametrize("r", [0.0, 0.3, 1.0])
def test_correlated_positions_count_for_less(r: float) -> None:
    """Var of the batch mean is σ²/m_eff: taken from the whole covariance of N·P values."""
    examples, positions = 3, 4
    correlation = r + (1 - r) * torch.eye(positions)
    whole = torch.block_diag(*[correlation] * examples)
    average = torch.full((examples * positions,), 1 / (examples * positions))
    effective = laws.effective_count(examples, correlation)
    torch.testing.assert_close(effective, 1 / (average @ whole @ average))
    equal = examples * positions / (1 + (positions - 1) * r)
    assert math.isclose(effective, equal, rel_tol=1e-12)
