"""Walks by the directions of filters: one member by hand, and no gauge."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from bnbook import probes
from tests.probes.test_probes import configured, looked_at, member

STEPS = (0.02, 0.3)
OF_THE_WALK = ("sphere_variation", "sphere_change", "sphere_smoothness")
RAW = ("loss_variation", "gradient_change", "effective_smoothness")


def by_hand(s: probes.Snapshot, i: int, step: float) -> tuple[Tensor, Tensor, int]:
    """Loss and gradient by û after a step, by autograd through û = u/‖u‖, and how many filters."""
    net, (x, y) = member(s, i).train(), (s.batch[0][i], s.batch[1][i])
    names = net.weight_names()[:-1]
    start = {name: net.get_parameter(name).detach() for name in names}
    size = {name: w.norm(dim=1, keepdim=True) for name, w in start.items()}
    u = {name: (w / size[name]).requires_grad_() for name, w in start.items()}

    def loss_at(u: dict[str, Tensor]) -> Tensor:
        unit = {name: each / each.norm(dim=1, keepdim=True) for name, each in u.items()}
        weights = {name: each * size[name] for name, each in unit.items()}
        return F.cross_entropy(torch.func.functional_call(net, weights, (x,)), y)

    def slope(u: dict[str, Tensor]) -> list[Tensor]:
        return list(torch.autograd.grad(loss_at(u), list(u.values())))

    v = slope(u)
    filters = sum(len(each) for each in v)
    length = torch.cat([each.flatten() for each in v]).norm()
    moved = {
        name: each.detach() - step * filters**0.5 * g / length
        for (name, each), g in zip(u.items(), v, strict=True)
    }
    there = {
        name: (each / each.norm(dim=1, keepdim=True)).requires_grad_()
        for name, each in moved.items()
    }
    change = [a - b for a, b in zip(slope(there), v, strict=True)]
    return loss_at(there), torch.cat([each.flatten() for each in change]).norm(), filters


@pytest.mark.oracle("sphere_variation", "sphere_change", "sphere_smoothness")
@pytest.mark.oracle("sphere_relative_loss")
def test_a_walk_is_that_of_one_member_by_hand() -> None:
    s = looked_at("batch")
    for i in range(2):
        losses, changes, filters = zip(*(by_hand(s, i, step) for step in STEPS), strict=True)
        expected = {
            "sphere_variation": abs(losses[0] - losses[1]),
            "sphere_change": max(changes),
            "sphere_smoothness": max(
                change / (step * n**0.5)
                for change, step, n in zip(changes, STEPS, filters, strict=True)
            ),
        }
        for name, value in expected.items():
            found = configured(name, steps=STEPS)(s)[i, 0]
            torch.testing.assert_close(found, value.detach(), rtol=1e-9, atol=1e-12)
        relative = configured("sphere_relative_loss", turns=STEPS)(s)[i, 0]
        net = member(s, i).train()
        here = F.cross_entropy(net(s.batch[0][i]), s.batch[1][i])
        torch.testing.assert_close(relative, torch.stack(losses).detach() / here.detach())


def rescaled(s: probes.Snapshot, by: float) -> probes.Snapshot:
    """The same functions with the weights before BN multiplied."""
    params = {
        name: p * by if name in s.weight_names[:-1] else p.clone() for name, p in s.params.items()
    }
    return replace(s, params=params, memo={})


@pytest.mark.parametrize("by", [0.3, 3.0])
def test_no_measure_sees_the_size_of_weights_before_bn_and_every_raw_one_does(by: float) -> None:
    s = looked_at("batch")
    for buffer in ("eps",):
        assert all(getattr(m, buffer, 1e-5) <= 1e-5 for m in s.net.modules())
    other = rescaled(s, by)
    for name in (*OF_THE_WALK, "sphere_relative_loss"):
        here, there = (configured(name, modes=("training",))(each) for each in (s, other))
        # ε is not scaled with the weights: what it leaves is of its order over the variance
        torch.testing.assert_close(here, there, rtol=2e-3, atol=1e-6)
    for name in RAW:
        here, there = (configured(name, modes=("training",))(each) for each in (s, other))
        assert float((here / there).log().abs().max()) > 0.3, name
