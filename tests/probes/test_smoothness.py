"""Smoothness and curvature: closed forms on quadratics, brute force, scipy, curvlinops."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from curvlinops import HessianLinearOperator
from scipy.sparse.linalg import eigsh
from torch import Tensor
from torch.func import functional_call

from bnbook import norms, probes
from bnbook.norms.running import RunningNorm
from bnbook.probes.curvature import Measure, curvature, fixed_batches, lanczos
from bnbook.probes.sharpness import EIGENVALUES, SMALLEST, WIDTH
from bnbook.probes.slices import filter_normalised
from bnbook.probes.walk import MULTIPLES, STEP_SIZES, Regime
from tests.probes.test_probes import configured, looked_at, member

LANCZOS = 5e-3  # what twenty steps leave of the largest eigenvalue's error
RATES = torch.tensor([0.1, 0.5], dtype=torch.float64)
SPECTRA = torch.tensor([[4.0, 2.0, 1.0, 0.5, -0.2], [9.0, 3.0, 3.0, 0.1, 0.0]]).double()


class Quadratic(probes.Snapshot):
    """Members whose loss is 10 + ½θᵀAθ, A diagonal with the entries of `SPECTRA`."""

    def loss(
        self, params: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor, y: Tensor
    ) -> Tensor:
        theta = torch.cat([params["front"], params["back"].flatten()])
        return 10 + 0.5 * (buffers["spectrum"] * theta.square()).sum()


def quadratic(theta: Tensor | None = None) -> Quadratic:
    """Two members at `theta` (2, 5), whose parameters come in two pieces."""
    s = looked_at("none")
    values = {f.name: getattr(s, f.name) for f in fields(s) if f.name != "memo"}
    at = torch.randn(2, 5, generator=torch.Generator().manual_seed(1)).double()
    at = at if theta is None else theta
    values |= {
        "params": {"front": at[:, :2], "back": at[:, 2:].unflatten(1, (3, 1))},
        "buffers": {"spectrum": SPECTRA},
        "learning_rate": RATES,
    }
    return Quadratic(**values)


def gradient(s: Quadratic) -> Tensor:
    return SPECTRA * torch.cat([s.params["front"], s.params["back"][..., 0]], 1)


def measured(name: str, s: probes.Snapshot) -> Tensor:
    return probes.get(name)()(s)


@pytest.mark.oracle("gradient_change", "effective_smoothness")
def test_the_gradient_of_a_quadratic_changes_by_alpha_times_norm_of_ag() -> None:
    s = quadratic()
    ag = (SPECTRA * gradient(s)).norm(dim=1)
    alphas = RATES[:, None] * torch.tensor(MULTIPLES).double()
    for mode in (0, 1):
        torch.testing.assert_close(measured("gradient_change", s)[:, mode], alphas * ag[:, None])
        torch.testing.assert_close(
            measured("effective_smoothness", s)[:, mode], ag / gradient(s).norm(dim=1)
        )


@pytest.mark.oracle("gradient_sum")
def test_the_sum_of_two_gradients_of_a_quadratic_is_not_their_difference() -> None:
    s = quadratic()
    g = gradient(s)
    alphas = RATES[:, None, None] * torch.tensor(MULTIPLES).double()[:, None]
    expected = (2 * g[:, None, :] - alphas * (SPECTRA * g)[:, None, :]).norm(dim=2)
    torch.testing.assert_close(measured("gradient_sum", s)[:, 0], expected)


@pytest.mark.oracle("loss_variation")
def test_loss_variation_on_a_quadratic_is_the_range_of_its_parabola() -> None:
    s = quadratic()
    g = gradient(s)
    gg, gag = (g * g).sum(1), (SPECTRA * g * g).sum(1)
    alphas = RATES[:, None] * torch.tensor(MULTIPLES).double()
    heights = -alphas * gg[:, None] + alphas**2 / 2 * gag[:, None]
    expected = heights.amax(1) - heights.amin(1)
    torch.testing.assert_close(measured("loss_variation", s)[:, 0], expected)


@pytest.mark.oracle("relative_loss")
def test_relative_loss_on_a_quadratic_is_least_at_gg_over_gag() -> None:
    s = quadratic()
    g = gradient(s)
    gg, gag = (g * g).sum(1), (SPECTRA * g * g).sum(1)
    here = 10 + 0.5 * (g.square() / SPECTRA.where(SPECTRA != 0, 1.0)).sum(1)
    alphas = torch.tensor(STEP_SIZES).double()
    expected = 1 + (-alphas * gg[:, None] + alphas**2 / 2 * gag[:, None]) / here[:, None]
    torch.testing.assert_close(measured("relative_loss", s)[:, 0], expected)
    best = gg / gag
    fine = tuple(float(best[0]) * x for x in (0.99, 1.0, 1.01))
    values = configured("relative_loss", step_sizes=fine)(s)[0, 0]
    assert values.argmin() == 1


def test_a_loss_that_overflows_is_infinitely_worse() -> None:
    s = quadratic()
    values = configured("relative_loss", step_sizes=(1e200,))(s)
    assert values[0].tolist() == [[math.inf], [math.inf]]


@pytest.mark.oracle("directional_sharpness")
def test_curvature_along_the_gradient_of_a_quadratic_is_its_rayleigh_quotient() -> None:
    s = quadratic()
    g = gradient(s)
    expected = (SPECTRA * g * g).sum(1) / (g * g).sum(1)
    torch.testing.assert_close(measured("directional_sharpness", s)[:, 0], expected)


@pytest.mark.oracle("sharpness", "hessian_trace")
def test_sharpness_and_trace_of_a_diagonal_quadratic_are_its_largest_entry_and_its_sum() -> None:
    s = quadratic()
    only_raw = {"measures": ("raw",)}
    found = probes.get("sharpness")(**only_raw)(s)[:, 0, 0]
    torch.testing.assert_close(found, SPECTRA.amax(1))
    found = probes.get("hessian_trace")(**only_raw)(s)[:, 0, 0]
    torch.testing.assert_close(found, SPECTRA.sum(1))


def test_a_hessian_without_positive_eigenvalues_is_not_given_one() -> None:
    negative = lanczos(lambda v: -v * torch.arange(1.0, 4.0).double(), torch.ones(1, 3).double(), 3)
    assert negative.largest.item() == pytest.approx(-1)
    degenerate = lanczos(lambda v: -2 * v, torch.ones(1, 3).double(), 3)
    assert degenerate.largest.item() == pytest.approx(-2)


@pytest.mark.oracle("spectral_density")
def test_spectral_density_of_a_diagonal_quadratic_is_a_bell_at_each_entry() -> None:
    values = configured("spectral_density", measures=("raw",))(quadratic())[:, 0].numpy()
    t = np.arcsinh(np.array(EIGENVALUES) / SMALLEST)
    for i in range(2):
        centres = np.arcsinh(SPECTRA[i].numpy() / SMALLEST)
        bells = np.exp(-(((t[:, None] - centres) / WIDTH) ** 2) / 2)
        expected = (bells / (WIDTH * math.sqrt(2 * math.pi))).mean(1)
        np.testing.assert_allclose(values[i], expected, atol=1e-6)
        assert np.trapezoid(values[i], t) == pytest.approx(1, abs=1e-3)


@pytest.mark.oracle("edge_of_stability")
@pytest.mark.parametrize("product", [1.9, 2.1])
def test_gradient_descent_on_a_quadratic_diverges_iff_it_is_over_the_edge(product: float) -> None:
    s = quadratic(torch.ones(2, 5).double())
    s.learning_rate = product / SPECTRA.amax(1)
    assert measured("edge_of_stability", s).tolist() == pytest.approx([product, product])
    theta = torch.ones(2, 5).double()
    for _ in range(200):
        theta = theta - s.learning_rate[:, None] * SPECTRA.clamp(min=0) * theta
    assert bool((theta.norm(dim=1) > 3).all()) == (product > 2)


# --- networks ---------------------------------------------------------------------------------


def own(s: probes.Snapshot, i: int) -> dict[str, Tensor]:
    """Parameters and buffers of member i."""
    return {name: value[i] for name, value in (s.params | s.buffers).items()}


def brute_hessian(s: probes.Snapshot, i: int, mode: norms.Mode, sphere: bool) -> Tensor:
    """The whole Hessian (n, n) of member i by autograd, on the sphere if asked."""
    names = s.weight_names[:-1] if sphere else list(s.params)
    values = own(s, i)
    pieces = [F.normalize(values[n], dim=1) if sphere else values[n] for n in names]

    def at(point: Tensor) -> Tensor:
        full, start = dict(values), 0
        for name in names:
            part = point[start : start + values[name].numel()].view_as(values[name])
            start += part.numel()
            if sphere:
                part = F.normalize(part, dim=1) * values[name].norm(dim=1, keepdim=True)
            full[name] = part
        with norms.using(s.net, mode):
            logits = [functional_call(s.net, full, (x,)) for x in fixed_batches(s)[0][i]]
        losses = map(F.cross_entropy, logits, fixed_batches(s)[1][i])
        return torch.stack(list(losses)).mean()

    hessian = torch.autograd.functional.hessian(
        at, torch.cat([p.flatten() for p in pieces]), vectorize=True
    )
    if not sphere:
        return hessian
    rows = torch.block_diag(*[row[None] for piece in pieces for row in piece])
    projection = torch.eye(rows.shape[1]).double() - rows.T @ rows
    return projection @ hessian @ projection


@pytest.mark.parametrize("norm", ["none", "batch"])
@pytest.mark.parametrize("mode", ["training", "evaluation"])
@pytest.mark.parametrize("measure", ["raw", "sphere"])
def test_the_operator_is_the_hessian_of_brute_force(
    norm: str, mode: Regime, measure: Measure
) -> None:
    s = looked_at(norm)
    operator = curvature(s, mode, measure)
    v = torch.randn(2, operator.size, generator=torch.Generator().manual_seed(0)).double()
    found = operator(v)
    statistics: norms.Mode = "batch" if mode == "training" else "population"
    for i in range(2):
        hessian = brute_hessian(s, i, statistics, measure == "sphere")
        torch.testing.assert_close(found[i], hessian @ v[i], rtol=1e-8, atol=1e-10)


@pytest.mark.oracle("sharpness")
def test_raw_sharpness_is_that_of_curvlinops_and_scipy() -> None:
    """Without BN: with it, curvlinops 3.0.1 gives a matrix that is not symmetric in γ."""
    s = looked_at("none")
    found = measured("sharpness", s)[:, 0, 0]
    for i in range(2):
        net = member(s, i, norm="none")
        hessian = HessianLinearOperator(
            net,
            torch.nn.CrossEntropyLoss(),
            list(net.parameters()),
            list(zip(*(each[i] for each in fixed_batches(s)), strict=True)),
        )
        top = eigsh(hessian.to_scipy(), k=1, which="LA", return_eigenvectors=False)
        assert found[i].item() == pytest.approx(float(top[0]), rel=LANCZOS)


def test_sharpness_on_the_sphere_is_the_top_eigenvalue_of_the_projected_hessian() -> None:
    s = looked_at()
    found = measured("sharpness", s)[:, :, 1]
    modes: tuple[norms.Mode, ...] = ("batch", "population")
    for i in range(2):
        for k, mode in enumerate(modes):
            top = torch.linalg.eigvalsh(brute_hessian(s, i, mode, True))[-1]
            assert found[i, k].item() == pytest.approx(top.item(), rel=LANCZOS)


@pytest.mark.oracle("hessian_trace")
def test_the_trace_is_estimated_by_zhz_with_a_vector_of_signs() -> None:
    s = looked_at()
    measures: tuple[Measure, ...] = ("raw", "sphere")
    for k, measure in enumerate(measures):
        size, generator = curvature(s, "training", measure).size, torch.Generator().manual_seed(0)
        z = 2.0 * torch.randint(0, 2, (1, size), generator=generator)[0].double() - 1
        assert set(z.tolist()) == {-1.0, 1.0}
        found = measured("hessian_trace", s)[:, 0, k]
        for i in range(2):
            hessian = brute_hessian(s, i, "batch", measure == "sphere")
            assert found[i].item() == pytest.approx((z @ hessian @ z).item(), rel=1e-8)


def rescaled(s: probes.Snapshot, factor: float) -> probes.Snapshot:
    """The same networks with the weights before every BN multiplied by `factor`, and ε out of it.

    Running statistics are rescaled with them, so that nothing the networks compute changes.
    """
    values = {f.name: getattr(s, f.name) for f in fields(s) if f.name != "memo"}
    scaled = {n: p * factor if n in s.weight_names[:-1] else p for n, p in s.params.items()}
    power = {"running_mean": 1, "running_var": 2}
    buffers = {
        n: b * factor ** power.get(n.rpartition(".")[2], 0) if b.is_floating_point() else b
        for n, b in s.buffers.items()
    }
    return probes.Snapshot(**(values | {"params": scaled, "buffers": buffers}))


def without_eps() -> probes.Snapshot:
    s = looked_at()
    for module in s.net.modules():
        if isinstance(module, RunningNorm):
            module.eps = 1e-30
    return s


@pytest.mark.parametrize("factor", [0.3, 5.0])
def test_sharpness_on_the_sphere_does_not_see_the_size_of_weights_before_bn(factor: float) -> None:
    s = without_eps()
    small = rescaled(s, factor)
    torch.testing.assert_close(measured("loss", small), measured("loss", s))
    before, after = measured("sharpness", s), measured("sharpness", small)
    torch.testing.assert_close(after[..., 1], before[..., 1], rtol=1e-5, atol=0)
    assert (after[..., 0] / before[..., 0]).log().abs().min() > math.log(1.2)
    for name in ("hessian_trace", "spectral_density"):
        axis = probes.get(name).dims.index("measure") + 1
        mine, its = (measured(name, each).select(axis, 1) for each in (small, s))
        torch.testing.assert_close(mine, its, rtol=1e-5, atol=1e-8)


def test_the_weights_of_a_layer_before_bn_raise_its_block_of_the_hessian_by_their_square() -> None:
    s = without_eps()
    first = s.weight_names[0]
    block = slice(0, s.params[first][0].numel())
    names = list(s.params)
    assert names[0] == first
    before, after = (
        brute_hessian(each, 0, "batch", False)[block, block] for each in (s, rescaled(s, 0.3))
    )
    torch.testing.assert_close(after, before / 0.09, rtol=1e-6, atol=1e-9)


def test_training_and_evaluation_have_different_hessians_under_bn_and_the_same_without() -> None:
    with_bn, without = (measured("sharpness", looked_at(norm)) for norm in ("batch", "none"))
    assert ((with_bn[:, 0] / with_bn[:, 1]).log().abs() > 0.01).all()
    assert torch.equal(without[:, 0], without[:, 1])


def test_in_evaluation_mode_the_walk_is_on_the_loss_of_evaluation() -> None:
    s = looked_at()
    found = configured("relative_loss", step_sizes=(0.3,))(s)
    for i in range(2):
        x, y = s.batch[0][i], s.batch[1][i]
        for k, training in enumerate((True, False)):
            net = member(s, i).train(training)
            here = F.cross_entropy(net(x), y)
            grads = torch.autograd.grad(here, list(net.parameters()))
            net = member(s, i).train(training)
            with torch.no_grad():
                for p, g in zip(net.parameters(), grads, strict=True):
                    p.sub_(0.3 * g)
            expected = F.cross_entropy(net(x), y) / here
            assert found[i, k, 0].item() == pytest.approx(expected.item(), rel=1e-10)


@pytest.mark.oracle("loss_slice")
def test_a_slice_is_the_loss_at_weights_moved_along_filters_of_their_own_length() -> None:
    s = looked_at()
    places = {"along": (-0.5, 0.0, 1.0), "across": (0.0, 0.7)}
    found = probes.get("loss_slice")(**places)(s)
    first, second = (filter_normalised(s, draw) for draw in range(2))
    for i in range(2):
        for j, a in enumerate(places["along"]):
            for k, b in enumerate(places["across"]):
                net = member(s, i)
                with torch.no_grad(), norms.using(net, "batch"):
                    for name in s.weight_names:
                        net.get_parameter(name).add_(a * first[name][i] + b * second[name][i])
                    losses = [
                        F.cross_entropy(net(x), y)
                        for x, y in zip(*(each[i] for each in fixed_batches(s)), strict=True)
                    ]
                expected = sum(losses) / len(losses)
                assert found[i, j, k].item() == pytest.approx(expected.item(), rel=1e-10)


def test_every_filter_of_a_direction_is_as_long_as_the_filter_it_moves() -> None:
    s = looked_at()
    first, second = (filter_normalised(s, draw) for draw in range(2))
    for name in s.weight_names:
        for direction in (first[name], second[name]):
            torch.testing.assert_close(direction.norm(dim=2), s.params[name].norm(dim=2))
        cosines = F.cosine_similarity(first[name], second[name], dim=2)
        assert cosines.abs().max() < 1 - 1e-6


def test_a_slice_does_not_see_the_size_of_weights_before_bn() -> None:
    s = without_eps()
    small = rescaled(s, 0.3)
    torch.testing.assert_close(measured("loss_slice", small), measured("loss_slice", s))
