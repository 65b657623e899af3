"""The noise of "noisy-batch", and the counter-based random numbers it is made of."""

import math

import pytest
import torch
from torch import Tensor

from bnbook import norms
from bnbook.counter import hashed, normal, uniform

MANY = 4000


def noisy(gamma: float, beta: float, **options: float) -> norms.Norm:
    """BN gives `beta` for gamma = 0, so that what is added and what multiplies can be told."""
    norm = norms.make("noisy-batch", MANY, **options)
    norm.seed_noise(torch.Generator().manual_seed(3))
    with torch.no_grad():
        norm.weight.fill_(gamma)
        norm.bias.fill_(beta)
    return norm


def noise(examples: int, **options: float) -> tuple[Tensor, Tensor]:
    """(s, d) of one step, (examples, MANY) each."""
    z = torch.randn(examples, MANY)
    d = noisy(0.0, 0.0, **options)(z)
    return noisy(0.0, 1.0, **options)(z) - d, d


def test_centres_of_the_shift_are_uniform_over_its_range() -> None:
    _, d = noise(2, shift=0.5, spread=0.0)
    assert torch.equal(d[0], d[1])
    assert 0.499 < d.max() <= 0.5
    assert -0.5 <= d.min() < -0.499
    assert d[0].mean().abs() < 0.02
    assert d[0].std().item() == pytest.approx(0.5 / math.sqrt(3), rel=0.03)


def test_centres_of_the_scale_are_uniform_from_one() -> None:
    s, _ = noise(2, scale=1.25, spread=0.0)
    torch.testing.assert_close(s[0], s[1])
    assert 1.2495 < s.max() <= 1.25 + 1e-12
    assert 1 - 1e-12 <= s.min() < 1.0005
    assert s[0].mean().item() == pytest.approx(1.125, rel=0.005)


def test_each_example_is_shifted_uniformly_and_scaled_normally_about_the_centres() -> None:
    s, d = noise(300, spread=0.1)
    d, s = d - noise(300, spread=0.0)[1], s - noise(300, spread=0.0)[0]
    assert 0.09999 < d.max() <= 0.1
    assert -0.1 <= d.min() < -0.09999
    assert d.std().item() == pytest.approx(0.1 / math.sqrt(3), rel=0.003)
    assert s.mean().abs() < 0.001
    assert s.std().item() == pytest.approx(0.1, rel=0.003)
    assert (s.abs() < 0.1).double().mean().item() == pytest.approx(0.6827, rel=0.003)
    assert abs(torch.corrcoef(torch.stack([s.flatten(), d.flatten()]))[0, 1]) < 0.005


def test_the_noise_disturbs_bn() -> None:
    z = torch.randn(16, MANY)
    norm, bn = noisy(2.0, 0.3), norms.make("batch", MANY)
    with torch.no_grad():
        bn.weight.fill_(2.0)
        bn.bias.fill_(0.3)
    s, d = noise(16)
    torch.testing.assert_close(norm(z), s * bn(z) + d, rtol=1e-10, atol=1e-10)


def test_all_positions_of_an_example_share_its_noise() -> None:
    norm, bn = norms.make("noisy-batch", 3), norms.make("batch", 3)
    z = torch.randn(8, 3, 4, 5)
    y, plain = norm(z), bn(z)
    for example in range(8):
        for channel in range(3):
            x = plain[example, channel].flatten()
            line = torch.stack([x, torch.ones_like(x)], 1)
            s, d = torch.linalg.lstsq(line, y[example, channel].flatten()[:, None]).solution
            torch.testing.assert_close(y[example, channel], s * plain[example, channel] + d)
            assert 0.5 < s < 1.8
            assert d.abs() < 0.6


def test_every_step_has_noise_of_its_own_which_can_be_repeated() -> None:
    norm, z = noisy(1.0, 0.0), torch.randn(16, MANY)
    with norms.using(norm, "batch"):
        before = norm(z)
        assert torch.equal(norm(z), before)
    norm(z)
    with norms.using(norm, "batch"):
        after = norm(z)
    assert (after - before).abs().mean() > 0.1
    again = noisy(1.0, 0.0)
    assert torch.equal(again(z), before)


def test_population_mode_has_no_noise() -> None:
    z = torch.randn(16, MANY)
    norm, bn = noisy(1.0, 0.0), norms.make("batch", MANY)
    assert torch.equal(norm.eval()(z), bn.eval()(z))


def test_the_seed_of_the_network_decides_the_noise() -> None:
    first, same, other = (norms.make("noisy-batch", 3) for _ in range(3))
    for norm, seed in ((first, 5), (same, 5), (other, 6)):
        norm.seed_noise(torch.Generator().manual_seed(seed))
    z = torch.randn(8, 3)
    y = first(z)
    assert torch.equal(same(z), y)
    assert not torch.allclose(other(z), y)


# Random numbers from a counter.


def splitmix64(key: int) -> int:
    """Steele, Lea and Flood's generator with unlimited integers, as a signed 64-bit number."""
    mask = 2**64 - 1
    z = (key + 0x9E3779B97F4A7C15) & mask
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
    z ^= z >> 31
    return z - 2**64 if z >= 2**63 else z


def test_the_hash_is_splitmix64() -> None:
    keys = [0, 1, -1, 12345678901234567, -(2**63), 2**63 - 1]
    assert hashed(torch.tensor(keys)).tolist() == [splitmix64(key) for key in keys]


def test_uniform_numbers_are_uniform() -> None:
    u = uniform(torch.tensor(7), (1000, 1000), torch.empty(0))
    assert 0 < u.min() < 1e-5
    assert 1 - 1e-5 < u.max() < 1
    counts = torch.histc(u, 10, 0, 1)
    assert (counts / 1e5 - 1).abs().max() < 0.01
    assert abs(torch.corrcoef(torch.stack([u[:, :-1].flatten(), u[:, 1:].flatten()]))[0, 1]) < 0.005


def test_normal_numbers_have_the_moments_of_a_gaussian() -> None:
    x = normal(torch.tensor(7), (1000, 1000), torch.empty(0))
    moments = [x.pow(k).mean().item() for k in (1, 2, 3, 4)]
    assert moments == pytest.approx([0, 1, 0, 3], abs=0.02)
    assert x.std().item() == pytest.approx(1, abs=0.003)
