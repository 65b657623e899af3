"""Sharpness at length 1: closed forms, the dense Hessian, and descent on both sides of the edge."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.func import functional_call

from bnbook import norms, probes
from bnbook.nets import MLP
from bnbook.train import SGD, Member, Population
from tests.probes.test_probes import configured, looked_at, toy_data

ENTRIES = torch.tensor([5.0, 3.0, 2.0, 0.5, -0.2]).double()
LENGTHS = (0.5, 3.0)
SHAPES = (2, 2, 1)


class Diagonal(probes.Snapshot):
    """Members whose loss is ½WᵀAW, A diagonal with the entries of `ENTRIES`."""

    def of(self, w: Tensor) -> Tensor:
        return 0.5 * (ENTRIES * w.square()).sum()

    def loss(
        self, params: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor, y: Tensor
    ) -> Tensor:
        return self.of(torch.cat([params[name] for name in self.weight_names[:-1]]))


class Rayleigh(Diagonal):
    """The same over ‖W‖²: of W only the direction counts."""

    def of(self, w: Tensor) -> Tensor:
        return super().of(w) / w.square().sum()


def at(kind: type[Diagonal], w: Tensor) -> Diagonal:
    """A snapshot of two members at w (2, 5), in three pieces as if they were layers."""
    s = looked_at("none")
    values = {f.name: getattr(s, f.name) for f in fields(s) if f.name != "memo"}
    parts = zip(s.weight_names, w.split(SHAPES, dim=1), strict=False)
    return kind(**values | {"params": {**dict(parts), "head.weight": torch.ones(2, 1).double()}})


def measured(s: probes.Snapshot, steps: int = 20) -> Tensor:
    return configured("spherical_sharpness", steps=steps)(s)


@pytest.mark.oracle("spherical_sharpness")
def test_of_a_quadratic_it_is_the_largest_entry_times_the_squared_length() -> None:
    w = torch.randn(2, 5, generator=torch.Generator().manual_seed(1)).double()
    expected = ENTRIES.max() * w.square().sum(1)
    torch.testing.assert_close(measured(at(Diagonal, w)), expected)


@pytest.mark.parametrize("k", range(5))
def test_of_a_rayleigh_quotient_it_is_a_difference_of_eigenvalues_at_every_length(k: int) -> None:
    """At the eigenvector e_k the Hessian on the sphere has a_i − a_k along e_i, and 0 along e_k."""
    w = torch.tensor(LENGTHS).double()[:, None] * torch.eye(5).double()[k]
    expected = (ENTRIES.max() - ENTRIES[k]).expand(2)
    torch.testing.assert_close(measured(at(Rayleigh, w)), expected, atol=1e-9, rtol=1e-9)


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("factor", [0.95, 1.05])
def test_the_direction_leaves_a_minimum_iff_the_product_is_over_two(
    factor: float, decay: float
) -> None:
    """One step W ← (1 − ηλ)W − η∇L from beside a minimum, at η/((1 − ηλ)‖W‖²) = 2·factor/λ."""
    s = at(Rayleigh, torch.tensor(LENGTHS).double()[:, None] * torch.eye(5).double()[4])
    wanted = 2 * factor / measured(s)
    for length, effective in zip(LENGTHS, wanted.tolist(), strict=True):
        rate = effective * (1 - decay) * length**2
        w = length * torch.tensor([1e-6, 0, 0, 0, 1.0]).double().requires_grad_()
        (gradient,) = torch.autograd.grad(s.of(w), w)
        after = (1 - decay) * w.detach() - rate * gradient
        grown = abs(float(after[0] / after[4])) / 1e-6
        assert grown == pytest.approx(abs(1 - 2 * factor), rel=1e-6)
        assert (grown > 1) == (factor > 1)


def network(norm: str) -> Population:
    """Two members in float64, whose ε leaves the scale invariance exact to rounding."""
    options = (("eps", 1e-30),) if norm == "batch" else ()
    members = (Member("slow", 0, 0.1), Member("fast", 1, 0.5))
    spec = MLP((5, 4), "tanh", norm, options)
    trained = Population(spec, SGD(), 64, members, toy_data(), dtype=torch.float64)
    for _ in range(5):
        trained.step()
    return trained


def dense(s: probes.Snapshot, i: int, times: float) -> float:
    """λ_max of member i by autograd's whole Hessian, its hidden weights multiplied by `times`."""
    names = s.weight_names[:-1]
    own = {name: value[i] for name, value in (s.params | s.buffers).items()}
    x, y = s.batch[0][i], s.batch[1][i]

    def loss(flat: Tensor) -> Tensor:
        parts = flat.split([own[n].numel() for n in names])
        moved = {n: p.view_as(own[n]) for n, p in zip(names, parts, strict=True)}
        with norms.using(s.net, "batch"):
            return F.cross_entropy(functional_call(s.net, own | moved, (x,)), y)

    point = times * torch.cat([own[n].flatten() for n in names])
    hessian = torch.autograd.functional.hessian(loss, point, vectorize=True)
    return float(torch.linalg.eigvalsh(hessian)[-1])


@pytest.mark.parametrize("norm", ["none", "batch"])
def test_in_a_network_it_is_that_of_the_dense_hessian(norm: str) -> None:
    s = network(norm).snapshot()
    found = measured(s, steps=50)
    for i in range(2):
        square = sum(float(s.params[n][i].square().sum()) for n in s.weight_names[:-1])
        assert float(found[i]) == pytest.approx(square * dense(s, i, 1.0), rel=1e-6)
        at_length_one = dense(s, i, 1 / math.sqrt(square))
        assert (float(found[i]) == pytest.approx(at_length_one, rel=1e-6)) == (norm == "batch")


def test_with_bn_it_does_not_depend_on_the_length_of_the_weights() -> None:
    s = network("batch").snapshot()
    hidden = s.weight_names[:-1]
    longer = {n: 3 * p if n in hidden else p for n, p in s.params.items()}
    torch.testing.assert_close(measured(replace(s, params=longer, memo={})), measured(s))


def test_twenty_steps_of_lanczos_are_enough_for_the_networks_of_the_book() -> None:
    s = network("batch").snapshot()
    torch.testing.assert_close(measured(s), measured(s, steps=50), rtol=5e-3, atol=0)
