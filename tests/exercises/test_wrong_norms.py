"""Each of the four wrong implementations is wrong in the way its answer says, and in no other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from bnbook.exercises import _wrong_norms
from bnbook.exercises.bn_math import BUGS

WRONG: dict[str, Callable[..., nn.Module]] = {
    name: getattr(_wrong_norms, f"Norm{name}") for name in BUGS
}


def batches() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(4, 3, generator=generator) * 2 + 1 for _ in range(5)]


def trained(norm: nn.Module) -> nn.Module:
    for z in batches():
        norm(z)
    return norm


def reference(momentum: float = 0.1) -> nn.Module:
    return trained(nn.BatchNorm1d(3, momentum=momentum))


def moments(norm: nn.Module, name: str) -> tuple[Tensor, Tensor]:
    """A running moment after training, and the one that torch has."""
    return getattr(trained(norm), name), getattr(reference(), name)


def remembers_the_mean(norm: nn.Module) -> bool:
    return torch.allclose(*moments(norm, "running_mean"))


def remembers_the_variance(norm: nn.Module) -> bool:
    return torch.allclose(*moments(norm, "running_var"))


def saves_its_statistics(norm: nn.Module) -> bool:
    return {"running_mean", "running_var"} <= set(norm.state_dict())


def evaluates_by_population_with_gradients_on(norm: nn.Module) -> bool:
    z = batches()[0]
    part, whole = trained(norm).eval()(z[:2]), norm(z)
    return torch.allclose(part, whole[:2])


def trains_by_the_batch_with_gradients_off(norm: nn.Module) -> bool:
    with torch.no_grad():
        return torch.allclose(norm(batches()[0]), nn.BatchNorm1d(3)(batches()[0]), atol=1e-6)


LAWS = (
    remembers_the_mean,
    remembers_the_variance,
    saves_its_statistics,
    evaluates_by_population_with_gradients_on,
    trains_by_the_batch_with_gradients_off,
)
BROKEN = {
    "biased variance": {remembers_the_variance},
    "momentum reversed": {remembers_the_mean, remembers_the_variance},
    "not in state_dict": {saves_its_statistics},
    "mode from grad": {
        evaluates_by_population_with_gradients_on,
        trains_by_the_batch_with_gradients_off,
    },
}


@pytest.mark.parametrize("name", BUGS)
def test_each_breaks_the_laws_of_its_bug_and_keeps_the_others(name: str) -> None:
    broken = {law for law in LAWS if not law(WRONG[name](3))}
    assert broken == BROKEN[BUGS[name]]


def test_torchs_own_keeps_all_of_these_laws() -> None:
    assert all(law(nn.BatchNorm1d(3)) for law in LAWS)


@pytest.mark.parametrize("name", BUGS)
def test_each_normalises_a_training_batch_like_torch(name: str) -> None:
    for z in batches():
        torch.testing.assert_close(WRONG[name](3)(z), nn.BatchNorm1d(3)(z))


def test_reversed_momentum_is_torchs_with_the_complement() -> None:
    wrong, right = trained(WRONG["C"](3, momentum=0.1)), reference(momentum=0.9)
    torch.testing.assert_close(wrong.running_mean, right.running_mean)
    torch.testing.assert_close(wrong.running_var, right.running_var)


def test_the_biased_running_variance_is_short_by_one_in_m() -> None:
    wrong, right = WRONG["A"](3, momentum=1.0), nn.BatchNorm1d(3, momentum=1.0)
    torch.testing.assert_close(trained(wrong).running_var, trained(right).running_var * 3 / 4)
