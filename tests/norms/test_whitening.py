"""Whitening: ZCA by eigenvalues, and Newton's iteration."""

import math

import pytest
import scipy.linalg
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bnbook import laws, norms
from bnbook.norms import NormError
from bnbook.norms.whitening_zca import inverse_square_root

BOTH = ["whitening-zca", "whitening-iterative"]
SHAPES = [(40, 4), (10, 4, 5), (8, 4, 3, 2)]


def correlated(*shape: int) -> Tensor:
    """Activations (N, C, …) with a mean, and correlated channels."""
    mixing = torch.randn(shape[1], shape[1])
    return 1 + torch.einsum("ij,nj...->ni...", mixing, torch.randn(shape))


def rows_of(z: Tensor) -> Tensor:
    return z.transpose(0, 1).flatten(1)


def cov(z: Tensor) -> Tensor:
    return torch.cov(rows_of(z), correction=0)


@pytest.mark.parametrize("eps", [1e-12, 0.3])
@pytest.mark.parametrize("shape", SHAPES)
def test_zca_whitens_up_to_eps(shape: tuple[int, ...], eps: float) -> None:
    z = correlated(*shape)
    y = norms.make("whitening-zca", 4, groups=1, eps=eps)(z)
    torch.testing.assert_close(rows_of(y).mean(1), torch.zeros(4), rtol=0, atol=1e-11)
    torch.testing.assert_close(cov(y), laws.whitened_covariance(cov(z), eps), rtol=1e-9, atol=1e-9)
    by_eigenvalues = torch.linalg.eigvalsh(cov(z))
    expected = by_eigenvalues / (by_eigenvalues + eps)
    torch.testing.assert_close(torch.linalg.eigvalsh(cov(y)), expected, rtol=1e-9, atol=1e-9)


def test_zca_is_the_symmetric_root_of_the_inverse() -> None:
    z = correlated(40, 4)
    root = scipy.linalg.inv(scipy.linalg.sqrtm(cov(z).numpy() + 0.1 * torch.eye(4).numpy()))
    expected = (z - z.mean(0)) @ torch.from_numpy(root).T
    y = norms.make("whitening-zca", 4, groups=1, eps=0.1)(z)
    torch.testing.assert_close(y, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("shape", SHAPES)
def test_groups_of_one_channel_are_bn(name: str, shape: tuple[int, ...]) -> None:
    options = {"iterations": 1} if name == "whitening-iterative" else {}
    norm = norms.make(name, 4, groups=4, eps=0.1, **options)
    bn = norms.make("batch", 4, eps=0.1)
    for step in range(2):
        z = step + correlated(*shape)
        torch.testing.assert_close(norm(z), bn(z), rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(norm.running_mean, bn.running_mean)
    torch.testing.assert_close(norm.running_cov.flatten(), bn.running_var)
    torch.testing.assert_close(norm.eval()(z), bn.eval()(z), rtol=1e-11, atol=1e-11)


def test_whitening_a_diagonal_covariance_is_bn() -> None:
    signs = scipy.linalg.hadamard(8)[:, 1:5]  # orthogonal columns of mean 0
    z = torch.from_numpy(signs) * torch.tensor([1.0, 0.1, 5.0, 2.0]) + 3
    y = norms.make("whitening-zca", 4, groups=1, eps=0.1)(z)
    torch.testing.assert_close(y, norms.make("batch", 4, eps=0.1)(z), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", BOTH)
def test_groups_are_whitened_apart(name: str) -> None:
    z = correlated(40, 6)
    norm = norms.make(name, 6, groups=2)
    parts = [norms.make(name, 3, groups=1)(part) for part in z.chunk(2, 1)]
    torch.testing.assert_close(norm(z), torch.cat(parts, 1), rtol=1e-10, atol=1e-10)


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_zca_turns_with_its_input(seed: int) -> None:
    """Σ^(−½) of Q·z is QΣ^(−½)Qᵀ for an orthogonal Q, so whitening commutes with rotations."""
    torch.manual_seed(seed)
    z, (q, _) = correlated(40, 4).double(), torch.linalg.qr(torch.randn(4, 4).double())
    norm = norms.make("whitening-zca", 4, groups=1, eps=1e-3).double()
    torch.testing.assert_close(norm(z @ q.T), norm(z) @ q.T, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", BOTH)
def test_the_running_moments_are_averages_of_means_and_unbiased_covariances(name: str) -> None:
    norm = norms.make(name, 4, groups=1, momentum=0.25)
    mean, covariance = torch.zeros(4), torch.eye(4)
    for step in range(3):
        z = step + correlated(12, 4)
        norm(z)
        mean = 0.75 * mean + 0.25 * z.mean(0)
        covariance = 0.75 * covariance + 0.25 * torch.cov(z.T)
    torch.testing.assert_close(norm.running_mean, mean, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(norm.running_cov[0], covariance, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", BOTH)
def test_precise_statistics_of_one_batch_give_batch_mode(name: str) -> None:
    norm, z = norms.make(name, 4, groups=2), correlated(10, 4, 5)
    with norms.using(norm, "batch"):
        y = norm(z)
    norms.precise_statistics(norm, [z])
    torch.testing.assert_close(norm.eval()(z), y, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("iterations", [1, 3, 5])
def test_iterative_whitening_treats_eigenvalues_as_numbers(iterations: int) -> None:
    z, eps = correlated(40, 4), 1e-12
    y = norms.make("whitening-iterative", 4, groups=1, eps=eps, iterations=iterations)(z)
    before = torch.linalg.eigvalsh(cov(z))
    expected = laws.newton_variance(before / before.sum(), iterations)
    torch.testing.assert_close(torch.linalg.eigvalsh(cov(y)), expected.sort().values)
    # The same cubic iteration in plain numbers.
    share = (before[0] / before.sum()).item()
    p = 1.0
    for _ in range(iterations):
        p = (3 * p - p**3 * share) / 2
    assert expected[0].item() == pytest.approx(share * p**2, rel=1e-12)


def test_many_iterations_are_zca() -> None:
    z = correlated(40, 4)
    iterative = norms.make("whitening-iterative", 4, groups=1, eps=0.1, iterations=40)
    expected = norms.make("whitening-zca", 4, groups=1, eps=0.1)(z)
    torch.testing.assert_close(iterative(z), expected, rtol=1e-9, atol=1e-9)


# The derivative of the root.


def spectrum(*eigenvalues: float) -> Tensor:
    q, _ = torch.linalg.qr(torch.randn(len(eigenvalues), len(eigenvalues)))
    return q @ torch.diag(torch.tensor(eigenvalues)) @ q.T


SPECTRA = [(3.0, 1.0, 0.2), (2.0, 2.0, 2.0), (1.0, 1.0, 0.1), (1.0, 1.0 + 1e-9, 1.0 - 1e-12)]


def symmetric_root(a: Tensor) -> Tensor:
    return inverse_square_root((a + a.mT) / 2)


@pytest.mark.parametrize("eigenvalues", SPECTRA)
def test_first_and_second_derivatives_are_exact_also_where_eigenvalues_coincide(
    eigenvalues: tuple[float, ...],
) -> None:
    a = spectrum(*eigenvalues).requires_grad_()
    assert torch.autograd.gradcheck(symmetric_root, a)
    assert torch.autograd.gradgradcheck(symmetric_root, a)


def test_the_derivative_at_the_identity_is_minus_one_half() -> None:
    direction = torch.randn(3, 3)
    direction = direction + direction.T
    slope = torch.func.jvp(inverse_square_root, (4 * torch.eye(3),), (direction,))[1]
    torch.testing.assert_close(slope, -0.5 * 4**-1.5 * direction, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", BOTH)
def test_equal_and_vanishing_eigenvalues_have_finite_gradients(
    name: str, dtype: torch.dtype
) -> None:
    base = torch.from_numpy(scipy.linalg.hadamard(8)[:, 1:5]).to(dtype)
    for z in (base, base[:, [0, 0, 1, 1]], 1e3 * base[:, [0, 0, 0, 0]]):
        z = z.clone().requires_grad_()
        y = norms.make(name, 4, groups=1).to(dtype)(z)
        (slope,) = torch.autograd.grad((y * torch.arange(32.0).view(8, 4).to(dtype)).sum(), z)
        assert y.isfinite().all()
        assert slope.isfinite().all()


def test_a_matrix_that_is_not_finite_spoils_no_other() -> None:
    a = torch.stack([spectrum(3.0, 1.0), torch.full((2, 2), math.inf), spectrum(1.0, 2.0)])
    root = inverse_square_root(a)
    assert root[1].isnan().all()
    torch.testing.assert_close(root[::2] @ a[::2] @ root[::2], torch.eye(2).expand(2, 2, 2))


# Options and errors.


@pytest.mark.parametrize(
    ("channels", "groups"), [(1, 1), (6, 1), (16, 1), (17, 17), (32, 2), (100, 10)]
)
def test_by_default_groups_are_as_few_as_hold_16_channels_at_most(
    channels: int, groups: int
) -> None:
    for name in BOTH:
        assert norms.make(name, channels).groups == groups


@pytest.mark.parametrize("mode", ["train", "batch", "collect"])
@pytest.mark.parametrize("name", BOTH)
def test_too_few_values_for_full_rank_are_refused(name: str, mode: norms.Mode) -> None:
    norm = norms.make(name, 6, groups=1)
    message = "6 values per channel, too few to whiten 6 channels together"
    with norms.using(norm, mode), pytest.raises(NormError, match=message):
        norm(torch.randn(6, 6))
    norm(torch.randn(7, 6))
    assert norms.make(name, 6, groups=2)(torch.randn(6, 6)).isfinite().all()


def test_no_iteration_is_an_error() -> None:
    with pytest.raises(NormError, match="iterations is 0"):
        norms.make("whitening-iterative", 6, iterations=0)
