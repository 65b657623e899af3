"""Rules around a rule, and decoupled decay: each against torch's own, member by member."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from bnbook.train import (
    SGD,
    Adam,
    AdamW,
    AdaptivelyClipped,
    Clipped,
    FixedLength,
    Optimizer,
    PlanError,
)

SHAPES = {
    "layers.0.linear.weight": (4, 3),
    "layers.1.linear.weight": (5, 4, 2, 2),
    "layers.0.norm.weight": (4,),
    "head.weight": (2, 5),
    "head.bias": (2,),
}
RATES = torch.tensor([0.1, 0.5], dtype=torch.float64)


def drawn(seed: int, scale: float = 1.0) -> dict[str, Tensor]:
    """Parameters or gradients of two members."""
    g = torch.Generator().manual_seed(seed)
    return {
        name: scale * torch.randn(2, *shape, generator=g, dtype=torch.float64)
        for name, shape in SHAPES.items()
    }


def after(rule: Optimizer, steps: int = 3, scale: float = 1.0) -> dict[str, Tensor]:
    params = drawn(0)
    state = rule.init(params)
    for step in range(steps):
        rule.step(params, drawn(10 + step, scale), state, RATES)
    return params


def by_torch(member: int, rule: type, clip: float | None = None, **options: float) -> list[Tensor]:
    params = [torch.nn.Parameter(p[member].clone()) for p in drawn(0).values()]
    optimizer = rule(params, lr=float(RATES[member]), **options)
    for step in range(3):
        for p, g in zip(params, drawn(10 + step).values(), strict=True):
            p.grad = g[member].clone()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(params, clip)
        optimizer.step()
    return [p.detach() for p in params]


@pytest.mark.parametrize("member", [0, 1])
def test_decoupled_decay_is_torchs(member: int) -> None:
    found = after(AdamW(weight_decay=0.3))
    for mine, its in zip(
        found.values(), by_torch(member, torch.optim.AdamW, weight_decay=0.3), strict=True
    ):
        torch.testing.assert_close(mine[member], its, rtol=1e-12, atol=1e-13)
    coupled = after(Adam(weight_decay=0.3))
    assert (coupled["head.weight"] - found["head.weight"]).abs().max() > 0.01


@pytest.mark.parametrize("clip", [0.5, 5.0, 1e3])
@pytest.mark.parametrize("member", [0, 1])
def test_a_clipped_gradient_is_torchs_for_each_member_alone(member: int, clip: float) -> None:
    found = after(Clipped(SGD(momentum=0.9), clip))
    expected = by_torch(member, torch.optim.SGD, clip, momentum=0.9)
    for mine, its in zip(found.values(), expected, strict=True):
        torch.testing.assert_close(mine[member], its, rtol=1e-12, atol=1e-13)


def test_adaptive_clipping_bounds_each_filter_by_its_own_length() -> None:
    before, moved = drawn(0), after(AdaptivelyClipped(SGD(), 0.01), steps=1, scale=100.0)
    gradient = drawn(10, 100.0)
    for name, p in before.items():
        free = p - RATES.view(2, *[1] * (p.dim() - 1)) * gradient[name]
        if p.dim() < 3 or name == "head.weight":
            torch.testing.assert_close(moved[name], free, rtol=1e-14, atol=1e-14)
            continue
        for member, rate in enumerate(RATES):
            triples = zip(p[member], moved[name][member], gradient[name][member], strict=True)
            for old, new, slope in triples:
                step = old - new
                torch.testing.assert_close(step.norm(), rate * 0.01 * old.norm())
                cosine = (step * slope).sum() / (step.norm() * slope.norm())
                torch.testing.assert_close(cosine, torch.ones_like(cosine))


def test_small_gradients_pass_adaptive_clipping_unchanged() -> None:
    clipped, free = after(AdaptivelyClipped(SGD(), 1.0), scale=1e-3), after(SGD(), scale=1e-3)
    for name, p in free.items():
        torch.testing.assert_close(clipped[name], p, rtol=1e-14, atol=0)


@pytest.mark.parametrize("rule", [SGD(), SGD(momentum=0.9), AdamW()])
def test_hidden_filters_keep_their_length_and_all_else_is_free(rule: Optimizer) -> None:
    first, fixed, free = drawn(0), after(FixedLength(rule)), after(rule)
    for name, p in first.items():
        if not name.endswith("linear.weight"):
            assert torch.equal(fixed[name], free[name])
            continue
        found, wanted = fixed[name].flatten(2).norm(dim=2), p.flatten(2).norm(dim=2)
        torch.testing.assert_close(found, wanted, rtol=1e-13, atol=0)
        assert (fixed[name] - p).abs().max() > 0.1


def test_one_step_of_fixed_length_turns_a_filter_as_the_free_step_does() -> None:
    fixed, free = after(FixedLength(SGD()), steps=1), after(SGD(), steps=1)
    for name in SHAPES:
        if name.endswith("linear.weight"):
            a, b = fixed[name].flatten(2), free[name].flatten(2)
            cosine = torch.nn.functional.cosine_similarity(a, b, dim=2)
            torch.testing.assert_close(cosine, torch.ones_like(cosine))


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan"), float("inf")])
def test_a_bound_that_is_none_is_refused(bad: float) -> None:
    with pytest.raises(PlanError, match="must be positive and finite"):
        Clipped(SGD(), bad)
    with pytest.raises(PlanError, match="must be positive and finite"):
        AdaptivelyClipped(SGD(), bad)
