"""Walking along the gradient by the directions of filters: in units that rescaling cannot change.

Weights before BN can be multiplied by any number without changing the network, and a raw measure
of smoothness changes with it: the gradient by that number's inverse, an effective β by the square.
Here the loss is a function of the directions û = w/‖w‖ of the filters of all layers but the head,
at their present lengths. A step is the root mean square over filters of how far û moves, which is
‖Δw‖/‖w‖; a gradient is that by û. Both are the same for w and for a·w.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor
from torch.func import vmap

from bnbook.nets.members import gradients_of, over_members
from bnbook.probes.base import Probe, Snapshot, Tensors, once, probe
from bnbook.probes.curvature import across, directions, lengths
from bnbook.probes.walk import MODES, Regime, gradient_and_loss, in_each_mode, loss_in, norm

RELATIVE = (0.01, 0.02, 0.04, 0.08)
"""Steps ‖Δw‖/‖w‖ of the walk: about those of the first updates of the networks of the book."""

FAR = tuple(10 ** (k / 3) for k in range(-9, 2))
"""Steps for the relative loss, from a thousandth to beyond a radian."""


@dataclass(frozen=True)
class Rotation:
    """What is met when filters turn downhill, each (member, step).

    losses    L at û − s·√F·v/‖v‖, put back to length 1, for F filters and the gradient v by û
    changes   ‖v there − v here‖
    """

    losses: Float[Tensor, "member step"]
    changes: Float[Tensor, "member step"]


def turned(params: Tensors, v: Tensors, step: float) -> Tensors:
    """One member's parameters after its filters have turned along −v, by `step` on average."""
    filters = sum(len(each) for each in v.values())
    size = torch.stack([each.square().sum() for each in v.values()]).sum().sqrt()
    by = step * filters**0.5 / size
    moved = {n: directions(directions(params[n]) - by * each) for n, each in v.items()}
    return params | {n: u * lengths(params[n]) for n, u in moved.items()}


def tangent(names: tuple[str, ...], params: Tensors, g: Tensors) -> Tensors:
    """One member's gradient by the directions of its filters: ‖w‖ times what of g is across w."""
    return {n: across(directions(params[n]), g[n]) * lengths(params[n]) for n in names}


@once
def rotation(s: Snapshot, mode: Regime, steps: tuple[float, ...]) -> Rotation:
    """What is met at each of `steps`, on the coming batch."""
    by_direction = vmap(partial(tangent, tuple(s.weight_names[:-1])))
    gradients = gradients_of(s.net, loss_in(s, mode))
    g, _ = gradient_and_loss(s, mode)
    here = by_direction(s.params, g)
    losses, changes = [], []
    for step in steps:
        there = vmap(partial(turned, step=step))(s.params, here)
        h, loss = gradients(there, s.buffers, *s.batch)
        v = by_direction(there, h)
        losses.append(loss)
        changes.append(norm({n: v[n] - here[n] for n in v}))
    return Rotation(torch.stack(losses, 1), torch.stack(changes, 1))


@probe(unit="nat", dims=("mode",), source="santurkar2018how")
@dataclass(frozen=True)
class SphereVariation(Probe):
    """max − min of the loss over relative `steps` of the filters, on the coming batch."""

    modes: tuple[Regime, ...] = MODES
    steps: tuple[float, ...] = RELATIVE

    def __call__(self, s: Snapshot) -> Float[Tensor, "member mode"]:
        def variation(mode: Regime) -> Tensor:
            losses = rotation(s, mode, self.steps).losses
            return losses.amax(1) - losses.amin(1)

        return in_each_mode(s, variation, self.modes)


@probe(unit="nat", dims=("mode",), source="santurkar2018how")
@dataclass(frozen=True)
class SphereChange(Probe):
    """The largest change of the gradient by the filters' directions over relative `steps`."""

    modes: tuple[Regime, ...] = MODES
    steps: tuple[float, ...] = RELATIVE

    def __call__(self, s: Snapshot) -> Float[Tensor, "member mode"]:
        return in_each_mode(
            s, lambda mode: rotation(s, mode, self.steps).changes.amax(1), self.modes
        )


@probe(unit="nat", dims=("mode",), source="santurkar2018how")
@dataclass(frozen=True)
class SphereSmoothness(Probe):
    """Effective β by the filters' directions: the largest change of the gradient per way gone.

    The way is s·√F for a relative step s and F filters. On the sphere this is in the unit of the
    loss, and the same for w and for a·w.
    """

    modes: tuple[Regime, ...] = MODES
    steps: tuple[float, ...] = RELATIVE

    def __call__(self, s: Snapshot) -> Float[Tensor, "member mode"]:
        filters = sum(s.params[name].shape[1] for name in s.weight_names[:-1])

        def largest(mode: Regime) -> Tensor:
            changes = rotation(s, mode, self.steps).changes
            ways = changes.new_tensor(self.steps) * filters**0.5
            return (changes / ways).amax(1)

        return in_each_mode(s, largest, self.modes)


@probe(unit="1", dims=("mode", "turn"), source="bjorck2018understanding")
@dataclass(frozen=True)
class SphereRelativeLoss(Probe):
    """The loss after a relative step of the filters over the loss before, for each of `turns`.

    A loss that is not finite is given as infinity.
    """

    modes: tuple[Regime, ...] = MODES
    turns: tuple[float, ...] = FAR

    def __call__(self, s: Snapshot) -> Float[Tensor, "member mode turn"]:
        def relative(mode: Regime) -> Tensor:
            by_direction = vmap(partial(tangent, tuple(s.weight_names[:-1])))
            g, here = gradient_and_loss(s, mode)
            v = by_direction(s.params, g)
            loss_of_all = over_members(s.net, loss_in(s, mode), (0, 0, 0, 0))
            with torch.no_grad():
                losses = [
                    loss_of_all(vmap(partial(turned, step=step))(s.params, v), s.buffers, *s.batch)
                    for step in self.turns
                ]
            return (torch.stack(losses, 1) / here[:, None]).nan_to_num(torch.inf, torch.inf)

        return in_each_mode(s, relative, self.modes)
