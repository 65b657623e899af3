"""The mathematics of the normalisers as small functions: what the chapters show and tests prove.

Everything here is exact and meant for float64. Nothing is registered and nothing is trained.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from scipy import stats
from torch import Tensor
from torch.func import grad, jvp

from bnbook.norms.affine import per_channel
from bnbook.norms.base import NormError
from bnbook.norms.batch import moments, standardise


def batch_norm_backward(
    z: Float[Tensor, "m channels *positions"],
    gradient: Float[Tensor, "m channels *positions"],
    gamma: Float[Tensor, " channels"],
    eps: float,
) -> Float[Tensor, "m channels *positions"]:
    """∂L/∂z = (γ/√(σ² + ε))·(g − ḡ − x̂·mean(g·x̂)), with g = ∂L/∂BN(z) and means as in BN.

    Source: ioffe2015batch.

    A gradient along the constant or along x̂ is lost:

    >>> z = torch.tensor([[-1.0], [1.0]]).double()
    >>> batch_norm_backward(z, torch.tensor([[3.0], [1.0]]).double(), torch.ones(1).double(), 0.0)
    tensor([[0.],
            [0.]], dtype=torch.float64)
    """
    mean, var = moments(z)
    x = standardise(z, mean, var, eps)
    mean_g, mean_gx = moments(gradient)[0], moments(gradient * x)[0]
    inner = gradient - per_channel(mean_g, z) - x * per_channel(mean_gx, z)
    return inner * per_channel(gamma * torch.rsqrt(var + eps), z)


def batch_jacobian(z: Float[Tensor, " m"], eps: float, gamma: float = 1.0) -> Float[Tensor, "m m"]:
    """∂BN(z)_a/∂z_b of one channel: (γ/√(σ² + ε))·(I − 11ᵀ/m − x̂x̂ᵀ/m).

    Times √(σ² + ε)/γ its singular values are 1 (m − 2 times), ρ = ε/(σ² + ε) and 0: it projects
    out the constant direction, and all but ρ of the direction of x̂.

    >>> batch_jacobian(torch.tensor([-1.0, 1.0]), eps=1.0) * 2**0.5
    tensor([[ 0.2500, -0.2500],
            [-0.2500,  0.2500]])
    """
    m = len(z)
    var = z.var(correction=0)
    x = (z - z.mean()) * torch.rsqrt(var + eps)
    projection = torch.eye(m, dtype=z.dtype) - 1 / m - torch.outer(x, x) / m
    return gamma * torch.rsqrt(var + eps) * projection


def kept_share(var: Float[Tensor, "*shape"], eps: float) -> Float[Tensor, "*shape"]:
    """ρ = ε/(σ² + ε): what BN's backward pass leaves of a gradient along x̂.

    >>> kept_share(torch.tensor([0.0, 1.0, 3.0]), eps=1.0)
    tensor([1.0000, 0.5000, 0.2500])
    """
    return eps / (var + eps)


def scale_gauge(
    weight: Float[Tensor, " out *fan_in"], gradient: Float[Tensor, " out *fan_in"]
) -> Float[Tensor, " out"]:
    """⟨w, ∂L/∂w⟩ of each unit: how the loss changes as the unit's weights grow.

    For a unit without bias before BN it is ρ·γ·∂L/∂γ exactly, with ρ = `kept_share` of the
    variance of what the unit gives: 0 for ε → 0, where the loss does not depend on the scale.
    Source: vanlaarhoven2017l2.

    >>> scale_gauge(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[2.0, -1.0], [1.0, 1.0]]))
    tensor([0., 7.])
    """
    return (weight * gradient).flatten(1).sum(1)


def curvature_gauge(loss: Callable[[Tensor], Tensor], w: Float[Tensor, "*shape"]) -> float:
    """‖H·w + ∇L‖/‖∇L‖, with H the Hessian of `loss` at w.

    0 where the loss does not depend on the scale of w: ∇L(a·w) = ∇L(w)/a, differentiated by a at
    a = 1, says H·w = −∇L. So it is for weights before BN in training mode as ε → 0, and not in
    population mode, whose loss is another function.

    >>> w = torch.tensor([3.0, 4.0]).double()
    >>> curvature_gauge(lambda w: (w / w.norm())[0], w) < 1e-12  # the scale of w does nothing
    True
    >>> curvature_gauge(lambda w: w.square().sum(), w)  # a parabola: H·w = ∇L
    2.0
    """
    gradient, product, *_ = jvp(grad(loss), (w,), (w,))
    return float(((product + gradient).norm() / gradient.norm()).detach())


@dataclass(frozen=True)
class NaiveRun:
    """What `naive_normalization` saw before each step, and after the last: all (steps + 1,)."""

    bias: Float[Tensor, " looks"]
    loss: Float[Tensor, " looks"]


def naive_normalization(
    inputs: Float[Tensor, " n"],
    targets: Float[Tensor, " n"],
    *,
    steps: int,
    learning_rate: float,
    through_mean: bool = False,
) -> NaiveRun:
    """Gradient descent on the bias b of x = u + b, which is centred by x̂ = x − mean(x) after it.

    The loss is mean(½(x̂ − t)²). With `through_mean` false the step takes mean(x) for a constant,
    as one that normalises outside the gradient step does: each step adds −η·mean(x̂ − t) = η·t̄ to
    b, x̂ and the loss do not change, and b_k = b_0 + k·η·t̄ grows for ever. With it true the
    gradient is 0 and b stays. Starts at b = 0. Source: ioffe2015batch, section 2.
    """
    bias = torch.zeros((), dtype=inputs.dtype)

    def loss(bias: Tensor) -> Tensor:
        x = inputs + bias
        mean = x.mean()
        return 0.5 * (x - (mean if through_mean else mean.detach()) - targets).square().mean()

    biases, losses = [bias], [loss(bias)]
    for _ in range(steps):
        bias = bias - learning_rate * grad(loss)(bias)
        biases.append(bias)
        losses.append(loss(bias))
    return NaiveRun(torch.stack(biases), torch.stack(losses))


def small_batch_law(m: int) -> Any:
    """The distribution of x̂ in a batch of m independent Gaussian values, for ε → 0.

    x̂²/(m − 1) ~ Beta(½, (m − 2)/2), so that x̂ itself is a symmetric Beta((m − 2)/2, (m − 2)/2)
    stretched over ±√(m − 1): always 0 at m = 1, ±1 at m = 2, an arcsine law at m = 3, uniform at
    m = 4, and N(0, 1) as m grows. No value of any batch, Gaussian or not, is larger than √(m − 1).
    Returns a frozen distribution of scipy (`cdf`, `ppf`, `rvs`). Sources: thompson1935criterion
    for the law, samuelson1968how for the bound.

    >>> float(small_batch_law(2).pmf(1)), [float(end) for end in small_batch_law(5).support()]
    (0.5, [-2.0, 2.0])
    >>> round(1 - 2 * float(small_batch_law(4).cdf(-1)), 4)  # uniform: 1/√3
    0.5774
    """
    if m < 1:
        raise NormError(f"m is {m}; a batch holds 1 example or more")
    if m <= 2:
        places = ([0.0], [1.0]) if m == 1 else ([-1.0, 1.0], [0.5, 0.5])
        return stats.rv_discrete(name=f"x̂, m = {m}", values=places)()
    shape, reach = (m - 2) / 2, math.sqrt(m - 1)
    return stats.beta(shape, shape, loc=-reach, scale=2 * reach)


def ema_lag(
    steps: Float[Tensor, " looks"], momentum: float, drift: float, start: float = 0.0
) -> Float[Tensor, " looks"]:
    """running_t − μ_t for batches whose moment drifts linearly, μ_t = μ_0 + drift·t.

    With running ← (1 − α)·running + α·μ_t, α = `momentum`, at t = 1, 2, …, and running_0 − μ_0 =
    `start`, the lag is start·(1 − α)^t − drift·((1 − α)/α)·(1 − (1 − α)^t): a start that is
    forgotten, and a delay that tends to (1 − α)/α steps.

    >>> ema_lag(torch.tensor([0.0, 1.0, 1e4]), momentum=0.1, drift=1.0)  # tends to −0.9/0.1
    tensor([ 0.0000, -0.9000, -9.0000])
    """
    forgotten = (1 - momentum) ** steps
    return start * forgotten - drift * (1 - momentum) / momentum * (1 - forgotten)


def effective_count(
    examples: int, correlation: Float[Tensor, "positions positions"]
) -> Float[Tensor, ""]:
    """How many independent values tell the mean of a channel as well as a convolutional batch.

    N·P²/Σ_pq R_pq for N independent examples whose P positions have the correlation matrix R, so
    that Var μ_B = σ²/(that): N·P for R = I, N for R = 1, N·P/(1 + (P − 1)·r) for one r throughout.

    >>> float(effective_count(8, torch.eye(4))), float(effective_count(8, torch.ones(4, 4)))
    (32.0, 8.0)
    """
    return examples * len(correlation) ** 2 / correlation.sum()


def whitened_covariance(cov: Float[Tensor, "c c"], eps: float) -> Float[Tensor, "c c"]:
    """(Σ + εI)⁻¹Σ: the covariance of a batch of covariance Σ after ZCA whitening.

    >>> whitened_covariance(torch.diag(torch.tensor([1.0, 3.0])), eps=1.0)
    tensor([[0.5000, 0.0000],
            [0.0000, 0.7500]])
    """
    regular = cov + eps * torch.eye(len(cov), dtype=cov.dtype)
    return regular.inverse() @ cov


def newton_variance(
    share: Float[Tensor, " directions"], iterations: int
) -> Float[Tensor, " directions"]:
    """s·p(s)², the variance iterative whitening gives a direction with share s of the trace.

    p ← (3p − p³·s)/2 from 1: after k steps about s·(9/4)^k while that is small, and then 1.
    Source: huang2019iterative.

    >>> newton_variance(torch.tensor([1.0, 0.5]), iterations=1)  # p = (3 − s)/2
    tensor([1.0000, 0.7812])
    """
    p = torch.ones_like(share)
    for _ in range(iterations):
        p = 1.5 * p - 0.5 * p**3 * share
    return share * p.square()


def gradient_growth(activation: Callable[[Tensor], Tensor], gamma: float = 1.0) -> float:
    """γ²·E[φ′(γξ)²]/Var φ(γξ), ξ ~ N(0, 1): how ‖∂L/∂z‖² grows per layer of a wide network of
    BN layers, at initialisation and for large m, on its way down.

    Backwards the nonlinearity multiplies by φ′, the random weights keep the mean square, and BN
    divides by the standard deviation of what it was given, which is that of φ times the weights'
    scale. 1 for a linear layer, π/(π − 1) for relu, whatever γ. Integrated by the midpoint rule
    with a cell's edge at 0, where some activations have no derivative. Source: yang2019mean.

    >>> round(gradient_growth(torch.relu), 4), round(math.pi / (math.pi - 1), 4)
    (1.4669, 1.4669)
    >>> round(gradient_growth(lambda x: 3 * x), 6)
    1.0
    """
    edges = torch.linspace(-12, 12, 200_001, dtype=torch.float64)
    xi = (edges[1:] + edges[:-1]) / 2
    weight = torch.exp(-xi.square() / 2) / math.sqrt(2 * math.pi) * (edges[1] - edges[0])
    pushed = jvp(activation, (gamma * xi,), (torch.full_like(xi, gamma),))
    value, slope = pushed[0], pushed[1]
    mean = (weight * value).sum()
    return float((weight * slope.square()).sum() / (weight * (value - mean).square()).sum())


def linear_growth(m: int) -> float:
    """(m − 2)/(m − 3): `gradient_growth` of a linear activation for batches of m > 3 examples.

    Of m − 1 directions BN's backward pass takes one, x̂, and E[1/σ_B²] exceeds 1/E[σ_B²] by
    (m − 1)/(m − 3) for Gaussian z. Infinite at m = 3; heavy-tailed, so slow to measure, near it.

    >>> linear_growth(4), linear_growth(13)
    (2.0, 1.1)
    """
    if m <= 3:
        raise ValueError(f"m is {m}; E[1/σ_B²] is finite for more than 3 examples")
    return (m - 2) / (m - 3)
